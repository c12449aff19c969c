"""What the server answers: probes, metrics, the page and its data."""

import hmac
import ipaddress
import json
import math
import re
import time
from collections.abc import Callable, Iterable
from typing import Any

from runtime.errors import ConfigError, InputError, shown
from runtime.gateway.operate.attention import encode, history_json, overview_json
from runtime.gateway.operate.metrics import CONTENT_TYPE, Registry
from runtime.gateway.operate.page.built import build_page
from runtime.gateway.operate.request import HttpError, Request, Response
from runtime.gateway.operate.status import FOREVER, Status

__all__ = ["Answers"]

_KEPT_S = 1.0
_MOST_ASKED = 100
_SHORTEST_TOKEN = 16
_LATEST_MS = 253_402_300_799_000  # the year 9999, as far as dates can be written
_READS = ("GET", "HEAD")


class Answers:
    """Answers requests; `Server` takes it as its function.

    Reading needs no token. A request must name this machine in its `Host`: an address, `localhost`,
    or one of `hosts`; a page of a stranger cannot reach it under a name of his own.

    Args:
        status: The pipeline.
        registry: Whose metrics are shown.
        token: What `POST /api/mute` must bring as `Authorization: Bearer`; empty: nobody can mute.
        hosts: Names under which people reach it, through a proxy or the network.

    Raises:
        ConfigError: A token that can be guessed.
    """

    def __init__(
        self, status: Status, registry: Registry, *, token: str = "", hosts: Iterable[str] = ()
    ) -> None:
        if token and (len(token) < _SHORTEST_TOKEN or not re.fullmatch(r"[\x21-\x7e]+", token)):
            raise ConfigError(
                f"The page's token must be at least {_SHORTEST_TOKEN} letters and digits. "
                f"Received: one of {len(token)}. Make one with: openssl rand -hex 16."
            )
        self._status = status
        self._registry = registry
        self._token = token.encode()
        self._hosts = {name.lower() for name in hosts} | {"localhost"}
        self._page = build_page()
        self._streams_body: bytes | None = None
        self._streams_until = 0.0
        self._reads: dict[tuple[str, ...], Callable[[Request], Response]] = {
            ("",): lambda _request: self._page,
            ("healthz",): lambda _request: _probe("healthy", self._status.healthy()),
            ("readyz",): lambda _request: _probe("ready", self._status.ready()),
            ("metrics",): self._metrics,
            ("api", "streams"): self._streams,
            ("api", "histories"): self._histories,
        }

    def __call__(self, request: Request) -> Response:
        """Returns the answer to a request.

        Raises:
            HttpError: There is none, or it is not allowed.
        """
        self._check_host(request)
        if request.path == ("api", "mute"):
            _allow(request, "POST")
            return self._mute(request)
        read = self._reads.get(request.path)
        if read is None and request.path[:2] == ("api", "stream") and len(request.path) > 2:
            read = self._stream
        if read is None:
            raise HttpError(
                404, "There are /, /healthz, /readyz, /metrics, /api/streams, /api/stream/NAME."
            )
        _allow(request, *_READS)
        return read(request)

    def _check_host(self, request: Request) -> None:
        said = request.headers.get("host")
        if said is None:  # a probe; every browser sends one
            return
        name = re.sub(r":\d*$", "", said).strip("[]").lower().rstrip(".")
        if name in self._hosts or _is_address(name):
            return
        raise HttpError(
            421,
            f"A Host must be an address, localhost or a configured name. Received: {shown(said)}. "
            "Add the name to `hosts` in [http].",
        )

    def _metrics(self, _request: Request) -> Response:
        return Response(body=self._registry.render(), type=CONTENT_TYPE)

    def _streams(self, _request: Request) -> Response:
        """Returns all streams; several pages that ask within a second get the same answer."""
        now = time.monotonic()
        if self._streams_body is None or now >= self._streams_until:
            overview = overview_json(
                self._status.overview(), troubles=self._status.ready(), writable=bool(self._token)
            )
            overview["wall"] = time.time_ns() // 1_000_000
            self._streams_body, self._streams_until = encode(overview), now + _KEPT_S
        return Response(body=self._streams_body)

    def _stream(self, request: Request) -> Response:
        # A name with slashes may come as it is, or with %2F.
        name = "/".join(request.path[2:])
        found = self._status.history(name)
        if found is None:
            raise HttpError(404, f"There is no stream of this name. Received: {shown(name)}.")
        return Response(body=encode(history_json(found)))

    def _histories(self, request: Request) -> Response:
        """Returns those of several streams; the ones that are not there are left out."""
        names = request.query.get("stream", [])
        if len(names) > _MOST_ASKED:
            raise HttpError(400, f"At most {_MOST_ASKED} streams. Received: {len(names)}.")
        found = {name: self._status.history(name) for name in names}
        return Response(
            body=encode({name: history_json(h) for name, h in found.items() if h is not None})
        )

    def _mute(self, request: Request) -> Response:
        if not self._token:
            raise HttpError(403, "The page is read-only. Configure a token to mute from here.")
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        same = hmac.compare_digest(given.strip().encode(), self._token)
        if scheme.lower() != "bearer" or not same:
            raise HttpError(401, "Muting needs the configured token.", WWW_Authenticate="Bearer")
        if request.headers.get("content-type", "").split(";")[0].strip() != "application/json":
            raise HttpError(415, "A mute must be application/json.")
        stream, channel, until_ns = _mute_of(request.body)
        try:
            self._status.mute(stream, channel, until_ns, "page")
        except InputError as error:
            raise HttpError(409, str(error)) from error
        finally:
            self._streams_body = None
        return Response(body=encode({"ok": True}))


def _probe(word: str, reasons: Iterable[str]) -> Response:
    reasons = list(reasons)
    return Response(
        status=503 if reasons else 200, body=encode({word: not reasons, "reasons": reasons}) + b"\n"
    )


def _allow(request: Request, *methods: str) -> None:
    if request.method not in methods:
        allowed = ", ".join(methods)
        raise HttpError(405, f"Here the method must be {allowed}.", Allow=allowed)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _mute_of(body: bytes) -> tuple[str, str | None, int | None]:
    """Returns stream, channel and end of a mute from `{"stream":…,"channel":…,"until":…}`.

    `until` is in ms since 1970 UTC; −1: without end; null: the mute is lifted.
    """
    try:
        said: Any = json.loads(body.decode())
    except (ValueError, RecursionError):
        said = None
    known = isinstance(said, dict) and said.keys() >= {"stream", "until"}
    if known and said.keys() <= {"stream", "channel", "until"}:
        stream, channel, until = said["stream"], said.get("channel"), said["until"]
        if isinstance(stream, str) and stream and (channel is None or isinstance(channel, str)):
            if until is None:
                return stream, channel, None
            if isinstance(until, int | float) and not isinstance(until, bool):
                if until == -1:
                    return stream, channel, FOREVER
                if math.isfinite(until) and 0 < until <= _LATEST_MS:
                    return stream, channel, round(until) * 1_000_000
    raise HttpError(
        400,
        'A mute must be {"stream": name, "channel": name or null, "until": ms since 1970 UTC, -1 '
        f"without end, null to lift it}}. Received: {shown(body[:100])}.",
    )
