"""One row of values, as a program has it, to numbers."""

from collections.abc import Mapping, Sequence

import numpy as np

from runtime.clock.rows import Values
from runtime.errors import InputError

__all__ = ["row_of"]


def row_of(values: Sequence[float] | Mapping[str, float], channels: Sequence[str]) -> Values:
    """Returns one row of values, float64 (channels,)."""
    if isinstance(values, Mapping):
        unknown = values.keys() - set(channels)
        if unknown:
            raise InputError(
                f"`values` must be given for the channels {', '.join(channels)}. "
                f"Received: {', '.join(sorted(map(str, unknown)))}. Leave other names out."
            )
        values = [values.get(name, np.nan) for name in channels]
    try:
        row = np.array(values, np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"`values` must be numbers, one for each of {', '.join(channels)}. "
            f"Received: {values!r}. Use NaN for a missing value."
        ) from error
    if row.shape != (len(channels),):
        raise InputError(
            f"`values` must have {len(channels)} numbers, one for each of {', '.join(channels)}. "
            f"Received: {row.shape}. Use NaN for a missing value."
        )
    return row
