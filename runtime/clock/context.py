"""Context columns: inputs of the network that follow from the timestamp alone."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from runtime.errors import ModelFileError

__all__ = ["CONTEXT_COLUMNS", "context_columns"]

_DAY = 86_400 * 10**9
_WEEK = 7 * _DAY
# 1970-01-01 was a Thursday: Monday 00:00 is three days before.
_MONDAY = 3 * _DAY

CONTEXT_COLUMNS = ("time_of_day_sin", "time_of_day_cos", "day_of_week_sin", "day_of_week_cos")
"""Names that `context_columns` computes."""


def context_columns(
    names: Sequence[str], times_ns: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    """Computes context columns.

    The time of day is 0 at midnight, the day of week 0 on Monday 00:00; both run on continuously
    (Monday noon is a fourteenth of the week). Times are used as they are, as UTC: a detector
    trained on local times has to be fed local times.

    Args:
        names: Any of `CONTEXT_COLUMNS`, in the order wanted.
        times_ns: Nanoseconds since 1970-01-01, int64 (steps,).

    Returns:
        float32 (steps, names), between −1 and 1.

    Raises:
        ModelFileError: An unknown name.
    """
    columns = np.empty((len(times_ns), len(names)), np.float32)
    for index, name in enumerate(names):
        if name not in CONTEXT_COLUMNS:
            raise ModelFileError(
                f"Context columns must be among {', '.join(CONTEXT_COLUMNS)}. Received: {name!r}. "
                "Install the kad-anomaly release that wrote the detector file."
            )
        if name.startswith("time_of_day"):
            turns = (times_ns % _DAY) / _DAY
        else:
            turns = ((times_ns + _MONDAY) % _WEEK) / _WEEK
        wave = np.sin if name.endswith("_sin") else np.cos
        columns[:, index] = wave(2 * np.pi * turns)
    return columns
