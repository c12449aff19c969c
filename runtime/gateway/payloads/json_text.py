"""A payload's bytes as JSON, within limits."""

import json
from typing import Any

from runtime.errors import shown
from runtime.gateway.samples import BadInputError

__all__ = ["lookup", "parse", "text_of"]

_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_NOTHING = object()
_scan = json.JSONDecoder().scan_once  # type: ignore[attr-defined]
_decode = json.JSONDecoder().decode


def text_of(payload: bytes) -> str:
    """Returns UTF-8 text.

    Raises:
        BadInputError: `encoding`: a byte order mark, UTF-16, or no UTF-8.
    """
    start = payload[:4]
    if b"\0" in start or start.startswith(_MARKS):
        raise BadInputError(
            "encoding", f"Payloads must be UTF-8 without a mark. Received: {shown(payload[:20])}."
        )
    try:
        return payload.decode()
    except UnicodeDecodeError as error:
        raise BadInputError(
            "encoding",
            f"Payloads must be UTF-8. Received: byte {payload[error.start]:#04x} at {error.start}.",
        ) from None


def parse(payload: bytes, max_depth: int) -> Any:
    """Returns what JSON holds. Of double keys the last wins; NaN and Infinity become floats.

    Raises:
        BadInputError: `json`, `encoding`, or deeper than allowed: `depth`.
    """
    try:
        text = payload.decode()
        found, end = _scan(text, 0)
        whole = end == len(text)
    except (ValueError, StopIteration, RecursionError):
        whole = False
    if not whole:
        found = _slowly(payload, max_depth)
    # Without as many brackets it cannot be too deep.
    if payload.count(b"{") + payload.count(b"[") > max_depth:
        _check_depth(found, max_depth)
    return found


def _slowly(payload: bytes, max_depth: int) -> Any:
    """Reads what has spaces around it, or says what is wrong with it."""
    text = text_of(payload)
    try:
        return _decode(text)
    except RecursionError:
        raise _too_deep(max_depth) from None
    except ValueError as error:
        why = " ".join(str(error).split())[:100]
        raise BadInputError(
            "json", f"JSON was expected. Received: {shown(text[:80])}; {why}."
        ) from None


def lookup(tree: Any, path: str, default: Any = None) -> Any:
    """Returns what lies at a path, `default` where nothing does: keys by dots, places of arrays.

    A key that has the dots itself comes first.
    """
    if type(tree) is dict:
        if path in tree:
            return tree[path]
        end = path.find(".")
        while end >= 0:
            if path[:end] in tree:
                found = lookup(tree[path[:end]], path[end + 1 :], _NOTHING)
                if found is not _NOTHING:
                    return found
            end = path.find(".", end + 1)
    elif type(tree) is list:
        place, _, rest = path.partition(".")
        if place.isascii() and place.isdigit() and int(place[:9]) < len(tree):
            found = tree[int(place[:9])]
            return lookup(found, rest, default) if rest else found
    return default


def _check_depth(tree: Any, most: int) -> None:
    level = [tree]
    for _ in range(most):
        below: list[Any] = []
        for node in level:
            if type(node) is dict:
                below += node.values()
            elif type(node) is list:
                below += node
        level = [node for node in below if type(node) is dict or type(node) is list]
        if not level:
            return
    raise _too_deep(most)


def _too_deep(most: int) -> BadInputError:
    return BadInputError(
        "depth", f"JSON must be at most {most} objects or arrays deep. Received: a deeper one."
    )
