"""Limits of channels as they are set, and as arrays over the rows of a call."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from runtime.errors import ConfigError, shown
from runtime.gateway.rules.mutes import matches
from runtime.gateway.rules.roster import is_number

__all__ = ["WORDS", "ChannelLimits", "LimitTable", "LimitTables"]

WORDS = ("", "low", "high", "low_low", "high_high")
"""Names of the levels, from none to severe; those of an odd number are below, the others above."""
_OF = {"low_low": 3, "low": 1, "high": 2, "high_high": 4}
_LONGEST_S = 7 * 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelLimits:
    """Limits of one channel, in the detector's units; a value on a limit is not beyond it."""

    low: float | None = None
    high: float | None = None
    low_low: float | None = None
    """Below `low`: severe."""
    high_high: float | None = None
    """Above `high`: severe."""
    deadband: float = 0.0
    """A value is back only this far inside the limit."""
    on_delay_s: float = 0.0
    """It must be beyond for so long."""
    off_delay_s: float = 0.0
    """It must be back for so long."""

    def __post_init__(self) -> None:
        """Checks the values.

        Raises:
            ConfigError: No number, an order other than low_low < low < high < high_high, a
                deadband as wide as the limits are apart, or a delay out of its range.
        """
        present = [(name, value) for name in _OF if (value := getattr(self, name)) is not None]
        for name, value in (*present, ("deadband", self.deadband)):
            if not is_number(value):
                raise ConfigError(
                    f"`{name}` of a limit must be a finite number. Received: {shown(value)}."
                )
        numbers = [value for _, value in present]
        if any(a >= b for a, b in pairwise(numbers)):
            raise ConfigError(
                "Limits must be in the order low_low < low < high < high_high. Received: "
                f"{', '.join(f'{name} {value:g}' for name, value in present)}."
            )
        lows, highs = ([v for n, v in present if n.startswith(side)] for side in ("low", "high"))
        room = min(highs) - max(lows) if lows and highs else math.inf
        if not 0 <= self.deadband < room:
            raise ConfigError(
                "`deadband` of a limit must be from 0 to less than what lies between low and "
                f"high. Received: {shown(self.deadband)}."
            )
        for name in ("on_delay_s", "off_delay_s"):
            value = getattr(self, name)
            if not is_number(value) or not 0 <= value <= _LONGEST_S:
                raise ConfigError(
                    f"`{name}` of a limit must be from 0 to {_LONGEST_S:g} seconds. "
                    f"Received: {shown(value)}."
                )


class LimitTable(NamedTuple):
    """Limits of some rows; one row stands for all where all have the same."""

    trips: npt.NDArray[np.float64]
    """(levels, rows, channels): infinite where there is none."""
    deadband: npt.NDArray[np.float64]
    """(rows, channels)."""
    on_ns: npt.NDArray[np.int64]
    """(rows, channels)."""
    off_ns: npt.NDArray[np.int64]
    """(rows, channels)."""

    def limit(self, level: int, row: int, channel: int) -> float:
        """Returns the limit of a level; NaN where there is none."""
        trips = self.trips[level]
        value = float(trips[row if len(trips) > 1 else 0, channel])
        return value if math.isfinite(value) else math.nan


class LimitTables:
    """Limits of all streams, and of those that have their own.

    Args:
        channels: Names of the channels.
        limits: By channel, for all streams.

    Raises:
        ConfigError: Limits of other channels.
    """

    def __init__(self, channels: Sequence[str], limits: Mapping[str, ChannelLimits]) -> None:
        self._channels = tuple(channels)
        self._limits: dict[str, Mapping[str, ChannelLimits]] = {"": self._checked(limits)}
        self._found: dict[str, int] = {}
        self._all = self._stacked()

    @property
    def overrides(self) -> dict[str, Mapping[str, ChannelLimits]]:
        """Limits of some streams, by the name or pattern that they were set for."""
        return {pattern: limits for pattern, limits in self._limits.items() if pattern}

    def override(self, streams: str, limits: Mapping[str, ChannelLimits] | None) -> None:
        """Sets or, with None, takes away the limits of some streams.

        Raises:
            ConfigError: Limits of other channels, or no name.
        """
        if not streams:
            raise ConfigError("Limits must be of streams, by name or pattern. Received: neither.")
        new = None if limits is None else self._checked(limits)
        self._limits.pop(streams, None)
        if new is not None:
            self._limits[streams] = new
        self._found.clear()
        self._all = self._stacked()

    def which(self, streams: Sequence[str]) -> npt.NDArray[np.intp] | None:
        """Returns the number of each stream's table; None where all have the same."""
        if len(self._limits) == 1:
            return None
        found = [self._found.get(stream, -1) for stream in streams]
        if -1 in found:
            found = [self._find(stream) for stream in streams]
        return np.array(found, np.intp)

    def of(self, which: npt.NDArray[np.intp] | None) -> LimitTable:
        """Returns the limits of rows, by the numbers of their tables."""
        if which is None:
            which = np.zeros(1, np.intp)
        trips, deadband, on_ns, off_ns = self._all
        return LimitTable(trips[:, which], deadband[which], on_ns[which], off_ns[which])

    def forget(self, streams: Sequence[str]) -> None:
        """Lets go of what was looked up for streams."""
        for name in streams:
            self._found.pop(name, None)

    def _find(self, stream: str) -> int:
        if stream not in self._found:
            fitting = [n for n, p in enumerate(self._limits) if not p or matches(p, stream)]
            self._found[stream] = fitting[-1]
        return self._found[stream]

    def _checked(self, limits: Mapping[str, ChannelLimits]) -> Mapping[str, ChannelLimits]:
        unknown = sorted(set(limits) - set(self._channels))
        if unknown:
            raise ConfigError(
                f"Limits must be of the channels {', '.join(self._channels)}. "
                f"Received: {shown(unknown[0])}."
            )
        return dict(limits)

    def _stacked(self) -> LimitTable:
        each = [
            [limits.get(name, _UNSET) for name in self._channels]
            for limits in self._limits.values()
        ]
        shape = (len(each), len(self._channels))
        trips = np.full((len(WORDS), *shape), math.inf)
        trips[1::2] = -math.inf
        for word, level in _OF.items():
            for table, row in enumerate(each):
                for channel, one in enumerate(row):
                    value = getattr(one, word)
                    if value is not None:
                        trips[level, table, channel] = value
        return LimitTable(
            trips,
            np.array([[one.deadband for one in row] for row in each]),
            np.array([[round(one.on_delay_s * 1e9) for one in row] for row in each], np.int64),
            np.array([[round(one.off_delay_s * 1e9) for one in row] for row in each], np.int64),
        )


_UNSET = ChannelLimits()
