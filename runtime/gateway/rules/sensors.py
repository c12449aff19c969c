"""Faults of sensors: what no machine does, so that it is masked and told as what it is.

    range    the value is beyond what the sensor can say
    rate     it changed faster than the machine can
    stuck    it kept one value for too long
    silent   it has had no value for too long, while other channels of the stream had

Rows of a machine that stands still are not given: see `pause`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from runtime.clock.rows import TIME_LIMIT, Times, Values
from runtime.errors import ConfigError, shown
from runtime.gateway.rules.roster import Roster, Rostered, is_number, rounds_of

__all__ = ["FAULTS", "SensorChange", "SensorRules", "Sensors"]

FAULTS = ("", "stuck", "range", "rate", "silent")
_STUCK, _RANGE, _RATE, _SILENT = range(1, 5)
_NEVER = -(2**63)
_OFF = 2**62
_LONGEST_S = 366 * 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorRules:
    """When the sensor of a channel is at fault; what is None is not looked at."""

    stuck_s: float | None = None
    """It kept its value for so long."""
    stuck_band: float = 0.0
    """Values this near to the first of them are the same."""
    still_s: float = 0.0
    """So long it kept a value in good times, such as in the training rows: it is stuck only after
    longer than that, however short `stuck_s` is."""
    low: float | None = None
    """Less cannot be."""
    high: float | None = None
    """More cannot be."""
    rate_per_s: float | None = None
    """It cannot change by more in a second, from one value to the next."""
    silent_s: float | None = None
    """It had no value for so long, in rows of its stream."""
    release_s: float = 0.0
    """The fault is over once the channel had good values for so long."""

    def __post_init__(self) -> None:
        """Checks the values.

        Raises:
            ConfigError: A value out of its range.
        """
        for name in ("stuck_s", "rate_per_s", "silent_s"):
            value, most = getattr(self, name), math.inf if name == "rate_per_s" else _LONGEST_S
            if value is not None and not (is_number(value) and 0 < value <= most):
                raise _wrong(name, "above 0" + ("" if most == math.inf else " s, at most a year"),
                             value)  # fmt: skip
        for name, most in (
            ("stuck_band", math.inf), ("still_s", _LONGEST_S), ("release_s", _LONGEST_S),
        ):  # fmt: skip
            value = getattr(self, name)
            if not (is_number(value) and 0 <= value <= most):
                raise _wrong(name, "0 or more" + ("" if most == math.inf else ", at most a year"),
                             value)  # fmt: skip
        for name in ("low", "high"):
            value = getattr(self, name)
            if value is not None and not is_number(value):
                raise _wrong(name, "a finite number", value)
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise _wrong("low", "less than `high`", self.low)


class SensorChange(NamedTuple):
    """A fault of a sensor began, became another, or is over."""

    row: int
    """Of the call that brought it."""
    stream: str
    channel: str
    phase: Literal["start", "update", "end"]
    fault: str
    """`stuck`, `range`, `rate`, `silent`; at the end the one that is over."""
    time_ns: int
    start_ns: int
    """Since when: of `stuck` the first row with the value, of `silent` the last one with any."""
    value: float
    """As it came; NaN: missing."""


class Sensors(Rostered):
    """Watches the sensors of the streams of one model, by sample time alone.

    Any split of the rows gives the same. A row earlier than the one before begins what is counted
    anew. A gap longer than half of the time after which a channel is stuck does too: two rows with
    a night in between are no stuck sensor.

    Args:
        channels: Names of the channels.
        rules: By channel; those that are not in it are never at fault.

    Raises:
        ConfigError: Rules of other channels.
    """

    def __init__(self, channels: Sequence[str], rules: Mapping[str, SensorRules]) -> None:
        self._channels = tuple(channels)
        unknown = sorted(set(rules) - set(channels))
        if unknown:
            raise ConfigError(
                f"Rules of sensors must be of the channels {', '.join(channels)}. "
                f"Received: {shown(unknown[0])}."
            )
        each = [rules.get(name, SensorRules()) for name in self._channels]
        self._stuck = _durations([
            None if one.stuck_s is None else max(one.stuck_s, one.still_s) for one in each
        ])  # fmt: skip
        self._silent = _durations([one.silent_s for one in each])
        self._release = _durations([one.release_s for one in each])
        self._band = np.array([one.stuck_band for one in each])
        self._low, self._high, self._rate = (
            np.array([unset if getattr(one, name) is None else getattr(one, name) for one in each])
            for name, unset in (("low", -math.inf), ("high", math.inf), ("rate_per_s", math.inf))
        )
        self._is_idle = all(one == SensorRules() for one in each)
        roster = Roster(
            {
                "last": ("f8", math.nan), "last_ns": ("i8", _NEVER),
                "same": ("f8", math.nan), "same_ns": ("i8", _NEVER),
                "fault": ("i1", 0), "start_ns": ("i8", 0), "good_ns": ("i8", _NEVER),
            },
            len(self._channels),
        )  # fmt: skip
        super().__init__(roster, _is_sound)

    def update(
        self, streams: Sequence[str], times_ns: Times, values: Values
    ) -> tuple[Values, npt.NDArray[np.bool_], list[SensorChange]]:
        """Takes rows as they came.

        Args:
            streams: Name of each row's stream (rows,).
            times_ns: int64 (rows,), in order of arrival within each stream.
            values: float64 (rows, channels); NaN and infinity are missing.

        Returns:
            The values, NaN where the channel is at fault: for the detector (rows, channels); where
            it is (rows, channels); and what changed, in order of the rows.
        """
        faulty = np.zeros(values.shape, np.bool_)
        if self._is_idle or not len(streams):
            return values, faulty, []
        numbers = self._roster.numbers(streams)
        rows, changes = np.arange(len(streams)), []
        for at in rounds_of(numbers):
            here = rows[at]
            before, after = self._step(numbers[here], times_ns[here], values[here])
            faulty[here] = after > 0
            for i, j in np.argwhere(before != after):
                row, channel = int(here[i]), int(j)
                changes.append(
                    SensorChange(
                        row=row,
                        stream=streams[row],
                        channel=self._channels[channel],
                        phase="end" if not after[i, j] else "update" if before[i, j] else "start",
                        fault=FAULTS[after[i, j] or before[i, j]],
                        time_ns=int(times_ns[row]),
                        start_ns=int(self._roster["start_ns"][numbers[row], channel]),
                        value=float(values[row, channel]),
                    )
                )
        changes.sort(key=lambda change: change.row)
        return np.where(faulty, math.nan, values), faulty, changes

    def open(self) -> list[tuple[str, str, str, int]]:
        """Returns the faults that go on: stream, channel, fault and start in ns."""
        rows = self._roster.numbers(self._roster.streams)
        return [
            (name, self._channels[j], FAULTS[fault], int(self._roster["start_ns"][row, j]))
            for name, row in zip(self._roster.streams, rows, strict=True)
            for j, fault in enumerate(self._roster["fault"][row].tolist())
            if fault
        ]

    def pause(self, streams: Sequence[str]) -> None:
        """Takes note that no rows come for a while on purpose: nothing is counted meanwhile.

        Args:
            streams: Whose machines have stopped; those that are unknown are no error.
        """
        known = [name for name in streams if name in self._roster]
        rows = self._roster.numbers(known)
        for column, first in (
            ("last", math.nan), ("last_ns", _NEVER), ("same", math.nan), ("same_ns", _NEVER),
            ("good_ns", _NEVER),
        ):  # fmt: skip
            self._roster[column][rows] = first

    def _step(
        self, numbers: npt.NDArray[np.intp], times_ns: Times, values: Values
    ) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int8]]:
        """Takes one row of each of some streams; returns the faults before and after it."""
        roster = self._roster
        kept = {name: roster[name][numbers] for name in _COLUMNS}
        now = np.broadcast_to(times_ns[:, None], values.shape)
        known = np.isfinite(values)
        last_ns = np.where(kept["last_ns"] == _NEVER, now, kept["last_ns"])
        passed = now - last_ns
        with np.errstate(invalid="ignore", over="ignore"):
            same = np.abs(values - kept["same"]) <= self._band
            fast = np.abs(values - kept["last"]) > self._rate * (passed / 1e9)
            beyond = (values < self._low) | (values > self._high)
        same &= (passed >= 0) & (passed <= self._stuck // 2)
        same_ns = np.where(known & ~same, now, kept["same_ns"])
        lasted = now - np.where(known, same_ns, now)
        found = np.select(
            [
                known & beyond,
                known & fast & (passed > 0),
                known & (lasted >= self._stuck),
                ~known & (passed >= self._silent),
            ],
            [_RANGE, _RATE, _STUCK, _SILENT],
        ).astype(np.int8)
        before = kept["fault"]
        is_bad, is_good = found > 0, known & (found == 0)
        good_ns = np.where((kept["good_ns"] == _NEVER) | (kept["good_ns"] > now), now,
                           kept["good_ns"])  # fmt: skip
        over = is_good & (now - good_ns >= self._release)
        after = np.where(is_bad, found, np.where(over, 0, before)).astype(np.int8)
        start = np.where(found == _STUCK, same_ns, np.where(found == _SILENT, last_ns, now))
        roster["last"][numbers] = np.where(known, values, kept["last"])
        roster["last_ns"][numbers] = np.where(known, now, last_ns)
        roster["same"][numbers] = np.where(known & ~same, values, kept["same"])
        roster["same_ns"][numbers] = same_ns
        roster["fault"][numbers] = after
        roster["start_ns"][numbers] = np.where(is_bad & (before == 0), start, kept["start_ns"])
        roster["good_ns"][numbers] = np.where(
            is_good & (after > 0), good_ns, np.where(known | is_bad, _NEVER, kept["good_ns"])
        )
        return before, after


_COLUMNS = ("last", "last_ns", "same", "same_ns", "fault", "start_ns", "good_ns")


def _is_sound(arrays: Mapping[str, npt.NDArray[Any]]) -> bool:
    for name in ("last_ns", "same_ns", "good_ns", "start_ns"):
        times = arrays[name]
        if not ((times == _NEVER) | ((times > -TIME_LIMIT) & (times < TIME_LIMIT))).all():
            return False
    fault = arrays["fault"]
    is_fault = bool(((fault >= 0) & (fault < len(FAULTS))).all())
    is_finite = not any(np.isinf(arrays[name]).any() for name in ("last", "same"))
    has_time = (arrays["same_ns"] != _NEVER) | np.isnan(arrays["same"])
    return is_fault and is_finite and bool((arrays["start_ns"] != _NEVER).all() and has_time.all())


def _durations(seconds: Sequence[float | None]) -> npt.NDArray[np.int64]:
    return np.array([_OFF if s is None else round(s * 1e9) for s in seconds], np.int64)


def _wrong(name: str, expected: str, value: object) -> ConfigError:
    return ConfigError(f"`{name}` of a sensor must be {expected}. Received: {shown(value)}.")
