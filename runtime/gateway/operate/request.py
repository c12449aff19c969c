"""HTTP requests from bytes, and answers to bytes: what a loopback server needs of RFC 9112."""

import gzip
import re
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qs, unquote_to_bytes

__all__ = ["MOST_BODY", "MOST_HEAD", "HttpError", "Request", "Response", "parse"]

MOST_HEAD = 16_384
"""Bytes of a request line and headers."""
MOST_BODY = 16_384
"""Bytes of a body."""

_MOST_HEADERS = 64
_MOST_QUERY = 256
_LEAST_GZIP = 1400
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TARGET = re.compile(rb"[\x21-\x7e]+")
_VERSION = re.compile(rb"HTTP/1\.[01]")
_GZIP = re.compile(r"(?i)(?:^|,)\s*gzip\s*(?:,|$|;\s*q=(?!0(?:\.0*)?\s*(?:,|$)))")
_LENGTH = re.compile(r"[0-9]{1,12}")

SECURITY = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""Headers of each answer that does not say otherwise."""


class HttpError(Exception):
    """A request that is answered with an error.

    Args:
        status: Of the answer.
        text: What was expected, what came and what to do, for the person who asked.
        **headers: More of the answer, with `_` for `-`.
    """

    def __init__(self, status: int, text: str, **headers: str) -> None:
        super().__init__(text)
        self.status = status
        self.headers = {key.replace("_", "-"): value for key, value in headers.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A whole request."""

    method: str
    path: tuple[str, ...]
    """Segments of the path, decoded one by one: a `/` in a name is no new segment."""
    query: dict[str, list[str]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    """By name in lower case; of headers that came twice the values are joined by commas."""
    body: bytes = b""

    @property
    def takes_gzip(self) -> bool:
        """Whether the other side takes a packed answer."""
        return _GZIP.search(self.headers.get("accept-encoding", "")) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An answer."""

    status: int = 200
    body: bytes = b""
    type: str = "application/json"
    """Content-Type."""
    headers: dict[str, str] = field(default_factory=dict)

    def encode(self, *, head: bool = False, packed: bool = False) -> bytes:
        """Returns its bytes.

        Args:
            head: Without the body, as HEAD asks for.
            packed: Whether the other side takes gzip.
        """
        body = self.body
        headers = {"Content-Type": self.type, **SECURITY, **self.headers, "Connection": "close"}
        if packed and len(body) >= _LEAST_GZIP:
            body = gzip.compress(body, compresslevel=3, mtime=0)
            headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
        headers["Content-Length"] = str(len(body))
        phrase = HTTPStatus(self.status).phrase
        lines = [f"HTTP/1.1 {self.status} {phrase}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        start = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
        return start if head else start + body


def parse(data: bytes) -> Request | None:
    """Reads a request from what has come so far.

    Returns:
        The request; None where more must come.

    Raises:
        HttpError: What came is no request, or too long.
    """
    data = data.lstrip(b"\r\n")[: MOST_HEAD + MOST_BODY + 1]
    end = re.search(rb"\r?\n\r?\n", data)
    if end is None:
        if b"\n" not in data and len(data) > MOST_HEAD // 2:
            raise HttpError(414, f"A request's first line must be below {MOST_HEAD // 2} bytes.")
        if len(data) > MOST_HEAD:
            raise HttpError(431, f"A request's headers must be below {MOST_HEAD} bytes.")
        return None
    if end.start() > MOST_HEAD:
        raise HttpError(431, f"A request's headers must be below {MOST_HEAD} bytes.")
    first, *lines = re.split(rb"\r?\n", data[: end.start()])
    method, target = _first(first)
    headers = _headers(lines)
    size = _size(headers)
    body = data[end.end() :]
    if len(body) < size:
        return None
    path, _, query = target.partition(b"?")
    return Request(
        method=method, path=_path(path), query=_query(query), headers=headers, body=body[:size]
    )


def _first(line: bytes) -> tuple[str, bytes]:
    parts = line.split(b" ")
    if len(parts) != 3 or not _TOKEN.fullmatch(parts[0]) or not _TARGET.fullmatch(parts[1]):
        raise HttpError(400, "A request must begin with a method, a target and a version.")
    if not _VERSION.fullmatch(parts[2]):
        raise HttpError(505, "A request must be HTTP/1.0 or 1.1.")
    if not parts[1].startswith(b"/"):
        raise HttpError(400, "A target must be a path that begins with /. This is no proxy.")
    return parts[0].decode("ascii"), parts[1]


def _headers(lines: list[bytes]) -> dict[str, str]:
    if len(lines) > _MOST_HEADERS:
        raise HttpError(431, f"A request must have at most {_MOST_HEADERS} headers.")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not _TOKEN.fullmatch(name) or re.search(rb"[\x00\r\n]", value):
            raise HttpError(400, "A header must be a name, a colon and a value on one line.")
        key, said = name.decode("ascii").lower(), value.strip(b" \t").decode("latin-1")
        if key in headers and key in {"host", "content-length", "authorization"}:
            raise HttpError(400, f"A request must have one {key}. Received: two.")
        headers[key] = f"{headers[key]}, {said}" if key in headers else said
    return headers


def _size(headers: dict[str, str]) -> int:
    if "transfer-encoding" in headers:
        raise HttpError(501, "A body must come with its Content-Length, not in chunks.")
    length = headers.get("content-length", "0")
    if not _LENGTH.fullmatch(length):
        raise HttpError(400, "A Content-Length must be a whole number.")
    if int(length) > MOST_BODY:
        raise HttpError(413, f"A body must be at most {MOST_BODY} bytes. Received: {length}.")
    return int(length)


def _path(path: bytes) -> tuple[str, ...]:
    try:
        return tuple(unquote_to_bytes(part).decode() for part in path[1:].split(b"/"))
    except UnicodeDecodeError:
        raise HttpError(400, "A path must be UTF-8, percent-encoded.") from None


def _query(query: bytes) -> dict[str, list[str]]:
    try:
        return parse_qs(
            query.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MOST_QUERY,
        )
    except ValueError:
        raise HttpError(
            400, f"A query must be UTF-8, percent-encoded, of at most {_MOST_QUERY} fields."
        ) from None
