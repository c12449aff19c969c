"""A socket to a broker: its address, the connection, TLS; every wait can be ended from outside."""

import contextlib
import os
import selectors
import socket
import ssl
import time
from collections.abc import Callable

from runtime.gateway.mqtt.options import BrokerOptions

__all__ = ["EndedError", "Opening", "RefusedError", "UnansweredError", "Wake", "words"]


class EndedError(Exception):
    """The connection is over, or did not come about; in words, for `trouble`.

    Args:
        text: Why.
        code: Reason code of the broker's DISCONNECT; 0: it said none.
    """

    def __init__(self, text: str, code: int = 0) -> None:
        super().__init__(text)
        self.code = code


class RefusedError(EndedError):
    """The broker said no in CONNACK; `code` is that of MQTT 5."""


class UnansweredError(EndedError):
    """The other side ended the connection instead of answering CONNECT."""


class Wake:
    """Wakes a thread that waits for sockets."""

    def __init__(self) -> None:
        self.end, self._other = socket.socketpair()
        self.end.settimeout(0)
        self._other.settimeout(0)

    def set(self) -> None:
        """Ends a wait, now or the next one; from any thread."""
        with contextlib.suppress(OSError):
            self._other.send(b"!")

    def clear(self) -> None:
        """Forgets that it was set."""
        with contextlib.suppress(OSError):
            while len(self.end.recv(4_096)) == 4_096:
                pass

    def close(self) -> None:
        """Gives the sockets back."""
        self.end.close()
        self._other.close()


class Opening:
    """Opens sockets that never block.

    Args:
        options: The broker's.
        wake: Ends a wait, when `stop` may have changed.
        stop: Whether to give up.
    """

    def __init__(self, options: BrokerOptions, wake: Wake, stop: Callable[[], bool]) -> None:
        self._options = options
        self._wake = wake
        self._stop = stop

    def open(self, context: ssl.SSLContext | None) -> socket.socket:
        """Returns a connected socket, over TLS where there is a context.

        Raises:
            EndedError: No such host, nobody there, no TLS, or `stop`.
        """
        options = self._options
        try:
            found = socket.getaddrinfo(options.host, options.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise EndedError(f"no address for {options.host}: {words(error)}") from None
        why = "nobody there"
        for family, kind, protocol, _, address in found:
            try:
                sock = socket.socket(family, kind, protocol)
            except OSError as error:
                why = words(error)
                continue
            try:
                return self._connected(sock, address, context)
            except EndedError as error:
                sock.close()
                why = str(error)
                if self._stop():
                    break
            except BaseException:
                sock.close()
                raise
        raise EndedError(f"{options.address}: {why}")

    def wait_for(self, sock: socket.socket, events: int, until: float, why: str) -> None:
        """Waits for a socket until a time of the monotonic clock.

        Raises:
            EndedError: Nothing came, with `why`; or `stop`.
        """
        with selectors.DefaultSelector() as selector:
            selector.register(sock, events)
            selector.register(self._wake.end, selectors.EVENT_READ)
            while not self._stop():
                ready = selector.select(max(0.0, until - time.monotonic()))
                if any(key.fileobj is sock for key, _ in ready):
                    return
                if not ready and time.monotonic() >= until:
                    raise EndedError(why)
                self._wake.clear()
        raise EndedError("closed")

    def _connected(
        self, sock: socket.socket, address: object, context: ssl.SSLContext | None
    ) -> socket.socket:
        until = time.monotonic() + self._options.connect_timeout_s
        sock.settimeout(0)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            sock.connect(address)  # type: ignore[arg-type]  # as getaddrinfo gave it
        except BlockingIOError:
            self.wait_for(sock, selectors.EVENT_WRITE, until, "no answer")
            number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if number:
                raise EndedError(words(OSError(number, ""))) from None
        except OSError as error:
            raise EndedError(words(error)) from None
        if context is None:
            return sock
        try:
            secure = context.wrap_socket(
                sock, server_hostname=self._options.host, do_handshake_on_connect=False
            )
        except (OSError, ValueError) as error:
            raise EndedError(f"TLS: {words(error)}") from None
        try:
            self._handshake(secure, until)
        except BaseException:
            secure.close()
            raise
        return secure

    def _handshake(self, sock: ssl.SSLSocket, until: float) -> None:
        while True:
            try:
                sock.do_handshake()
            except ssl.SSLWantReadError:
                self.wait_for(sock, selectors.EVENT_READ, until, "TLS: no answer")
            except ssl.SSLWantWriteError:
                self.wait_for(sock, selectors.EVENT_WRITE, until, "TLS: no answer")
            except ssl.SSLCertVerificationError as error:
                raise EndedError(
                    f"TLS: the broker's certificate is not trusted ({error.verify_message}): "
                    "check ca_file, host and the clock"
                ) from None
            except OSError as error:
                raise EndedError(f"TLS: {words(error)}") from None
            else:
                return


def words(error: BaseException) -> str:
    """Returns what an error of a socket means, without numbers where it has words."""
    if isinstance(error, ssl.SSLError):
        return (error.reason or str(error)).replace("_", " ").lower()
    if isinstance(error, socket.gaierror):
        return "the name is not known"
    if isinstance(error, OSError) and error.errno is not None:
        return (error.strerror or os.strerror(error.errno)).lower()
    return str(error) or type(error).__name__
