"""Context columns: inputs of the network that follow from the timestamp alone."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from runtime.errors import ModelFileError

__all__ = ["CONTEXT_COLUMNS", "ContextColumns", "context_columns"]

_DAY = 86_400 * 10**9
_WEEK = 7 * _DAY
# 1970-01-01 was a Thursday: Monday 00:00 is three days before.
_MONDAY = 3 * _DAY
_ANGLE = 2 * np.pi

CONTEXT_COLUMNS = ("time_of_day_sin", "time_of_day_cos", "day_of_week_sin", "day_of_week_cos")
"""Names that `context_columns` computes."""


class ContextColumns:
    """Computes context columns, of many times or of one: the same numbers to the last bit.

    Args:
        names: Any of `CONTEXT_COLUMNS`, in the order wanted.

    Raises:
        ModelFileError: An unknown name.
    """

    def __init__(self, names: Sequence[str]) -> None:
        for name in names:
            if name not in CONTEXT_COLUMNS:
                raise ModelFileError(
                    f"Context columns must be among {', '.join(CONTEXT_COLUMNS)}. "
                    f"Received: {name!r}. Install the kad-anomaly release that wrote the "
                    "detector file."
                )
        self._plan = tuple(
            (index, name.startswith("time_of_day"), np.sin if name.endswith("_sin") else np.cos)
            for index, name in enumerate(names)
        )
        self._has_week = not all(is_day for _, is_day, _ in self._plan)

    def of(self, times_ns: npt.NDArray[np.int64], out: npt.NDArray[np.float32]) -> None:
        """Writes the columns of times, int64 (steps,), to float32 (steps, names)."""
        day = _ANGLE * ((times_ns % _DAY) / _DAY)
        week = _ANGLE * (((times_ns + _MONDAY) % _WEEK) / _WEEK) if self._has_week else day
        for index, is_day, wave in self._plan:
            out[:, index] = wave(day if is_day else week)

    def at(self, time_ns: int, out: npt.NDArray[np.float32]) -> None:
        """Writes the columns of one time to float32 (names,)."""
        day = _ANGLE * ((time_ns % _DAY) / _DAY)
        week = _ANGLE * (((time_ns + _MONDAY) % _WEEK) / _WEEK) if self._has_week else day
        for index, is_day, wave in self._plan:
            out[index] = wave(day if is_day else week)


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
    ContextColumns(names).of(times_ns, columns)
    return columns
