"""How a broker is reached: address, session, secrets, TLS, last will."""

import os
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from runtime.errors import ConfigError, shown
from runtime.gateway.mqtt.topics import check_topic

__all__ = ["BrokerOptions", "ClientKind", "Credentials", "TLSOptions", "Version", "Will"]

Version = Literal["auto", "5", "3.1.1"]
"""`auto`: MQTT 5, and 3.1.1 where the broker refuses it."""

ClientKind = Literal["own", "paho"]
"""Which client speaks: ours, or paho-mqtt (the extra `mqtt`)."""

_WEEK_S = 7 * 86_400
_MOST_16 = 65_535
_MOST_32 = 4_294_967_295
_MOST_TEXT = 65_535


@dataclass(frozen=True, slots=True, kw_only=True)
class Will:
    """What the broker publishes when this client is gone without a word."""

    topic: str
    payload: bytes
    retain: bool = True
    qos: int = 1
    delay_s: int = 10
    """How long the broker waits for the client to come back; MQTT 5 only."""

    def __post_init__(self) -> None:
        check_topic(self.topic)
        _check_range("qos", self.qos, 0, 1)
        _check_range("delay_s", self.delay_s, 0, _MOST_32)
        if len(self.payload) > _MOST_TEXT:
            raise ConfigError(
                f"the payload of a will takes {_MOST_TEXT} bytes, received {len(self.payload)}: "
                "say less"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class TLSOptions:
    """Certificates of a connection over TLS."""

    ca_file: Path | None = None
    """Who signed the broker's certificate (PEM); None: those that the system trusts."""
    cert_file: Path | None = None
    """This client's certificate (PEM)."""
    key_file: Path | None = None
    """The key of `cert_file` (PEM); None: it is in the same file."""
    insecure: bool = False
    """Take any certificate of the broker: whoever is in between reads and writes all."""

    def __post_init__(self) -> None:
        if self.key_file is not None and self.cert_file is None:
            raise ConfigError("key_file is there without cert_file: give both, or none")
        if self.insecure and self.ca_file is not None:
            raise ConfigError(
                "insecure = true takes any certificate, and ca_file asks for one of its own: "
                "leave one of them out"
            )

    def context(self) -> ssl.SSLContext:
        """Returns a context for connections: TLS 1.2 or newer, the broker's name checked.

        Raises:
            ConfigError: A file is missing, or is no certificate or key.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            if self.insecure:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            elif self.ca_file is None:
                context.load_default_certs()
            else:
                context.load_verify_locations(self.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(
                f"ca_file must be certificates (PEM), {self.ca_file} is not readable as such: "
                f"{error}"
            ) from None
        if self.cert_file is not None:
            try:
                # A key that wants a password would ask for it at the terminal.
                context.load_cert_chain(self.cert_file, self.key_file, password=_no_password)
            except (OSError, ssl.SSLError) as error:
                raise ConfigError(
                    f"cert_file and key_file must be a certificate and its key (PEM, without "
                    f"password), {self.cert_file} and {self.key_file or self.cert_file} are not: "
                    f"{error}"
                ) from None
        return context


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user and a password, for the moment of a connection; its text shows neither."""

    user: str | None
    password: bytes | None

    def __repr__(self) -> str:
        return "Credentials(...)"


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerOptions:
    """A broker, and how this client behaves there. Secrets are read when it connects."""

    host: str = "localhost"
    port: int = 1883
    client_id: str
    """Fixed, its own: the broker keeps the session under it."""
    client: ClientKind = "own"
    version: Version = "auto"
    keepalive_s: int = 30
    """After so long without a word the broker is asked whether it is there."""
    session_expiry_s: int = _WEEK_S
    """How long the broker keeps messages for a client that is away (MQTT 5; in 3.1.1 the broker
    decides); 0: it keeps none, each connection starts anew."""
    receive_maximum: int = 20_000
    """Messages that the broker sends before it must have acknowledgements (MQTT 5)."""
    publish_window: int = 1_000
    """Publications on their way at a time; less where the broker's CONNACK says less."""
    most_waiting: int = 200_000
    """Publications that may wait for their acknowledgement before no more are taken."""
    most_waiting_bytes: int = 256 << 20
    """The same in bytes of topics and payloads."""
    most_unreceived: int = 50_000
    """Messages that may wait for `receive`; then nothing is read from the connection."""
    most_unreceived_bytes: int = 64 << 20
    """The same in bytes of payloads."""
    max_packet: int = 16 << 20
    """The largest packet that is taken, bytes; a larger one ends the connection."""
    connect_timeout_s: float = 10.0
    """For each of: the connection, TLS, and the broker's answer."""
    reconnect_s: tuple[float, float] = (1.0, 30.0)
    """The first and the longest pause before it connects again."""
    user: str | None = None
    user_file: Path | None = None
    user_env: str | None = None
    """Name of an environment variable."""
    password_file: Path | None = None
    password_env: str | None = None
    """Name of an environment variable."""
    tls: TLSOptions | None = None
    """None: no TLS."""
    will: Will | None = None

    def __post_init__(self) -> None:
        if not self.host:
            raise ConfigError("host must be a name or an address, received none: give the broker's")
        if not self.client_id:
            raise ConfigError(
                "client_id must be a name of its own for this client, received none: without a "
                "fixed one the broker keeps nothing for it"
            )
        _check_text(self.client_id, "client_id")
        for name, value, allowed in (
            ("version", self.version, get_args(Version)),
            ("client", self.client, get_args(ClientKind)),
        ):
            if value not in allowed:
                words = ", ".join(f'"{word}"' for word in allowed)
                raise ConfigError(f"{name} must be one of {words}, received {shown(value)}")
        _check_range("port", self.port, 1, _MOST_16)
        _check_range("keepalive_s", self.keepalive_s, 1, _MOST_16)
        _check_range("session_expiry_s", self.session_expiry_s, 0, _MOST_32)
        _check_range("receive_maximum", self.receive_maximum, 1, _MOST_16)
        _check_range("publish_window", self.publish_window, 1, _MOST_16 - 1_000)
        _check_range("max_packet", self.max_packet, 1_024, 268_435_460)
        for name in (
            "most_waiting",
            "most_waiting_bytes",
            "most_unreceived",
            "most_unreceived_bytes",
        ):
            _check_range(name, getattr(self, name), 1, 1 << 40)
        first, longest = self.reconnect_s
        if not 0 < first <= longest:
            raise ConfigError(
                f"reconnect_s must be a first and a longest pause above 0, received "
                f"{shown(self.reconnect_s)}"
            )
        self._check_secrets()

    @property
    def persistent(self) -> bool:
        """Whether the broker keeps the session while the client is away."""
        return self.session_expiry_s > 0

    @property
    def address(self) -> str:
        """Host and port, for messages."""
        return f"{self.host}:{self.port}"

    def credentials(self) -> Credentials:
        """Reads user and password as they are now, so that a changed file takes effect.

        Raises:
            ConfigError: A file cannot be read, or a variable is not set.
        """
        user = self.user
        if self.user_file is not None:
            user = _of_file(self.user_file, "user_file")
        elif self.user_env is not None:
            user = _of_environment(self.user_env, "user_env")
        password = None
        if self.password_file is not None:
            password = _of_file(self.password_file, "password_file")
        elif self.password_env is not None:
            password = _of_environment(self.password_env, "password_env")
        for name, text in (("user", user), ("password", password)):
            if text is not None and len(text.encode()) > _MOST_TEXT:
                raise ConfigError(f"{name} takes {_MOST_TEXT} bytes, received more: shorten it")
        return Credentials(user, None if password is None else password.encode())

    def remarks(self) -> list[str]:
        """Returns what a person should know of these options, a sentence each."""
        said = []
        secret = self.password_file is not None or self.password_env is not None
        near = self.host in {"localhost", "::1"} or self.host.startswith("127.")
        if secret and self.tls is None and not near:
            said.append(
                f"the password goes to {self.address} in the clear: set tls, or keep the network "
                "to yourself"
            )
        if self.tls is not None and self.tls.insecure:
            said.append(
                f"insecure = true: any certificate passes for {self.address}, whoever shows it"
            )
        if self.session_expiry_s and self.version == "3.1.1":
            said.append(
                "version 3.1.1: the broker decides how long it keeps the session and how many "
                "messages it sends before they are acknowledged (Mosquitto: 20)"
            )
        return said

    def _check_secrets(self) -> None:
        given = [
            name for name in ("user", "user_file", "user_env") if getattr(self, name) is not None
        ]
        if len(given) > 1:
            raise ConfigError(f"{' and '.join(given)} both name the user: keep one")
        if self.password_file is not None and self.password_env is not None:
            raise ConfigError("password_file and password_env both name the password: keep one")
        if not given and (self.password_file is not None or self.password_env is not None):
            raise ConfigError("a password is there without a user: give user, or user_file")
        if self.user is not None:
            _check_text(self.user, "user")


def _no_password() -> str:
    return ""


def _of_file(path: Path, name: str) -> str:
    """Returns the first line of a file, without its line break."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(f"{name} must be a readable text file, {path}: {reason}") from None
    lines = text.splitlines()
    if not lines or not lines[0]:
        raise ConfigError(f"{name} must have the value in its first line, {path} has none")
    return lines[0]


def _of_environment(variable: str, name: str) -> str:
    value = os.environ.get(variable)
    if not value:
        raise ConfigError(
            f"{name} names the environment variable {shown(variable)}, which is not set: set it"
        )
    return value


def _check_range(name: str, value: int, least: int, most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ConfigError(
            f"{name} must be a whole number from {least} to {most}, received {shown(value)}"
        )


def _check_text(text: str, name: str) -> None:
    """Checks that MQTT can carry a text: UTF-8 of at most 65,535 bytes without a NUL."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        size = -1
    if "\0" in text or not 0 <= size <= _MOST_TEXT:
        raise ConfigError(
            f"{name} must be a text without NUL, at most {_MOST_TEXT} bytes of UTF-8, received "
            f"{shown(text)}"
        )
