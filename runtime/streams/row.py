"""One row of values, as a program has it, to numbers."""

from collections.abc import Mapping, Sequence, Set, Sized
from numbers import Number
from typing import Any

import numpy as np

from runtime.clock.rows import Values, copied
from runtime.errors import InputError, shown

__all__ = ["row_of"]

_PLAIN = frozenset({float, int})
_NO_NUMBERS = (bool, np.bool_, complex, np.complexfloating, np.timedelta64)
_UNORDERED = (str, bytes, bytearray, Set)


def row_of(values: Sequence[float] | Mapping[str, float], channels: Sequence[str]) -> Values:
    """Returns one row of values, float64 (1, channels); None, NaN and infinity are missing.

    Args:
        values: One number per channel, in a sequence or an array, or a mapping by channel name in
            which absent channels are missing.
        channels: Names of the channels.

    Raises:
        InputError: Another number of values, or something that is no number: text, a bool, a
            complex number, a duration, an int beyond the range of a float.
    """
    listed: Any = values
    if type(listed) is list and len(listed) == len(channels):
        # The usual row. Plain loops: after a network call, code is slow that is seldom run.
        row = np.empty((1, len(listed)))
        cells = row[0]
        for index, value in enumerate(listed):
            if type(value) is not float:
                break
            cells[index] = value
        else:
            return row
    if isinstance(listed, dict) or (type(listed) is not list and isinstance(listed, Mapping)):
        listed = _by_name(listed, channels)
    elif not isinstance(listed, list | tuple):
        listed = _listed(listed, channels)
        if isinstance(listed, np.ndarray):
            return _checked(copied(listed).astype(np.float64)[None], channels)
    if not _PLAIN.issuperset(map(type, listed)):
        listed = [_number(value, channels) for value in listed]
    try:
        row = np.array((listed,), np.float64)
    except OverflowError:
        row = np.array(([_number(value, channels) for value in listed],), np.float64)
    return _checked(row, channels)


def _by_name(values: Mapping[str, float], channels: Sequence[str]) -> list[float]:
    listed = [values.get(name, np.nan) for name in channels]
    unknown = [name for name in values if name not in channels]
    if unknown:
        raise InputError(
            f"`values` must be given for the channels {', '.join(channels)}. "
            f"Received: {', '.join(sorted(map(str, unknown)))}. Leave other names out."
        )
    return listed


def _listed(values: object, channels: Sequence[str]) -> Any:
    """Returns an array of numbers, or a list of anything."""
    if hasattr(values, "__array__"):
        array = values if isinstance(values, np.ndarray) else np.asarray(values)
        if array.dtype.kind in "iuf":
            return array
        values = array.tolist() if array.dtype.kind == "O" and array.ndim == 1 else array
    elif isinstance(values, Sized) and not isinstance(values, _UNORDERED):
        return list(values)  # type: ignore[call-overload]
    if isinstance(values, list):
        return values
    raise _refused(values, channels)


def _number(value: object, channels: Sequence[str]) -> float:
    if value is None:
        return np.nan
    if isinstance(value, Number) and not isinstance(value, _NO_NUMBERS):
        try:
            return float(value)  # type: ignore[arg-type]
        except (OverflowError, ValueError, TypeError) as error:
            raise _refused(value, channels) from error
    raise _refused(value, channels)


def _checked(row: Values, channels: Sequence[str]) -> Values:
    if row.shape != (1, len(channels)):
        raise InputError(
            f"`values` must have {len(channels)} numbers, one for each of {', '.join(channels)}. "
            f"Received: {row.shape[1:]}. Use NaN for a missing value."
        )
    return row


def _refused(value: object, channels: Sequence[str]) -> InputError:
    return InputError(
        f"`values` must be numbers, one for each of {', '.join(channels)}. "
        f"Received: {shown(value)}. Use NaN or None for a missing value."
    )
