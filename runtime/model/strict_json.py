"""JSON of which nothing is taken on trust: no NaN, no key twice, nothing deep, large or absurd."""

import json
import math
from typing import Any, NoReturn

from runtime.model.limits import METADATA_BYTES, METADATA_DEPTH

__all__ = ["read_json"]

_LARGEST = 2**63


def read_json(text: str) -> Any:
    """Reads JSON within the limits of `runtime.model.limits`.

    Raises:
        ValueError: No JSON, a key twice, NaN or infinity, whole numbers beyond 64 bits, text that
            is no Unicode, or more or deeper than the limits. The text says which.
    """
    if len(text) > METADATA_BYTES:
        raise ValueError(f"{len(text)} characters, more than {METADATA_BYTES}")
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_no_number)
    except RecursionError:
        raise _too_deep() from None
    waiting = [(value, 0)]
    while waiting:
        item, depth = waiting.pop()
        if isinstance(item, dict | list):
            if depth == METADATA_DEPTH:
                raise _too_deep()
            items = [*item, *item.values()] if isinstance(item, dict) else item
            waiting += [(inner, depth + 1) for inner in items]
        elif isinstance(item, str):
            if not item.isascii() and any("\ud800" <= char <= "\udfff" for char in item):
                raise ValueError("half a character")
        elif isinstance(item, float):
            if not math.isfinite(item):
                raise ValueError("a number beyond all bounds")
        elif isinstance(item, int) and not -_LARGEST <= item < _LARGEST:
            raise ValueError("a whole number beyond 64 bits")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key twice")
    return found


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name}, which is no JSON")


def _too_deep() -> ValueError:
    return ValueError(f"values nested deeper than {METADATA_DEPTH}")
