"""The alarm threshold, as callers give it."""

import numpy as np

from runtime.errors import InputError, shown

__all__ = ["as_threshold", "level_of"]

_MOST = 1e9


def as_threshold(value: object) -> float:
    """Returns an alarm threshold on severity as a float.

    Raises:
        InputError: No number above 0 and up to 1e9, such as NaN, text or a bool.
    """
    is_number = isinstance(value, int | float | np.integer | np.floating)
    if is_number and not isinstance(value, bool | np.timedelta64):
        number = float(value) if abs(value) <= _MOST else np.nan  # type: ignore[arg-type]
        # Severity is float32, and so is the comparison.
        if number > 0 and np.float32(number) > 0:
            return number
    raise InputError(
        "The threshold of alarms and events must be a severity above 0 and at most 1e9. "
        f"Received: {shown(value)}."
    )


def level_of(threshold: float) -> float:
    """Returns the float32 that severities are compared with."""
    return float(np.float32(threshold))
