"""Limits beside the score: a value itself is too low or too high, whatever the detector says."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from runtime.clock.rows import TIME_LIMIT, Times
from runtime.errors import ConfigError, shown
from runtime.gateway.rules.mutes import matches
from runtime.gateway.rules.roster import Roster, is_number, rounds_of

__all__ = ["WORDS", "ChannelLimits", "LimitChange", "LimitEvents", "Limits"]

LimitEvents = Literal["only-with-score", "always", "off"]
"""What limits do. `only-with-score`: an anomaly is told only where a value is beyond a limit too;
`always`: an event of its own kind wherever one is; `off`: neither."""

WORDS = ("", "low", "high", "low_low", "high_high")
"""Names of the levels, from none to severe; those of an odd number are below, the others above."""
_OF = {"low_low": 3, "low": 1, "high": 2, "high_high": 4}
_LONGEST_S = 7 * 86_400.0
_NEVER = -(2**63)


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


class LimitChange(NamedTuple):
    """A channel went beyond a limit, further or less far, or came back."""

    row: int
    """Of the call that brought it."""
    stream: str
    channel: str
    phase: Literal["start", "update", "end"]
    word: str
    """`low`, `high`, `low_low`, `high_high`; at the end that of the level that ended."""
    time_ns: int
    start_ns: int
    """When the value first went beyond a limit, before the delay."""
    value: float
    limit: float
    """The limit that it is, or was, beyond; NaN where it is no longer set."""


@dataclass(frozen=True, slots=True)
class _Table:
    """Limits of all channels as arrays (channels,)."""

    channels: Mapping[str, ChannelLimits]
    trips: npt.NDArray[np.float64] = field(init=False)
    """(5, channels): of each level; infinite where there is none."""
    deadband: npt.NDArray[np.float64] = field(init=False)
    """(channels,)."""
    on_ns: npt.NDArray[np.int64] = field(init=False)
    """(channels,)."""
    off_ns: npt.NDArray[np.int64] = field(init=False)
    """(channels,)."""

    @classmethod
    def of(cls, names: Sequence[str], limits: Mapping[str, ChannelLimits]) -> "_Table":
        unknown = sorted(set(limits) - set(names))
        if unknown:
            raise ConfigError(
                f"Limits must be of the channels {', '.join(names)}. Received: {shown(unknown[0])}."
            )
        each = [limits.get(name, ChannelLimits()) for name in names]
        trips = np.full((5, len(names)), math.inf)
        trips[1::2] = -math.inf
        for word, level in _OF.items():
            for channel, one in enumerate(each):
                value = getattr(one, word)
                if value is not None:
                    trips[level, channel] = value
        table = cls(dict(limits))
        for name, value in (
            ("trips", trips),
            ("deadband", np.array([one.deadband for one in each])),
            ("on_ns", np.array([round(one.on_delay_s * 1e9) for one in each], np.int64)),
            ("off_ns", np.array([round(one.off_delay_s * 1e9) for one in each], np.int64)),
        ):
            object.__setattr__(table, name, value)
        return table


class Limits:
    """Watches the values of the streams of one model.

    By sample time alone, so that any split of the rows gives the same changes. A missing value
    says nothing: neither delay goes on or starts anew. A row earlier than those before
    begins its delay anew.

    Args:
        channels: Names of the channels.
        limits: By channel, for all streams.
        event: See `LimitEvents`.

    Raises:
        ConfigError: Limits of other channels, or an unknown `event`.
    """

    def __init__(
        self,
        channels: Sequence[str],
        limits: Mapping[str, ChannelLimits],
        *,
        event: LimitEvents = "always",
    ) -> None:
        self._channels = tuple(channels)
        self._default = _Table.of(self._channels, limits)
        self._overrides: dict[str, _Table] = {}
        self._found: dict[str, _Table] = {}
        self.event = event
        self._roster = Roster(
            {"level": ("i1", 0), "start": ("i8", 0), "next": ("i1", 0), "since": ("i8", _NEVER)},
            len(self._channels),
        )

    @property
    def event(self) -> LimitEvents:
        """What limits do; may be changed at any time."""
        return self._event

    @event.setter
    def event(self, event: LimitEvents) -> None:
        if event not in ("only-with-score", "always", "off"):
            raise ConfigError(
                "`event` of limits must be only-with-score, always or off. "
                f"Received: {shown(event)}."
            )
        self._event = event

    @property
    def overrides(self) -> dict[str, Mapping[str, ChannelLimits]]:
        """Limits of some streams, by the name or pattern that they were set for."""
        return {pattern: table.channels for pattern, table in self._overrides.items()}

    def override(self, streams: str, limits: Mapping[str, ChannelLimits] | None) -> None:
        """Sets all limits of some streams, instead of those for all; the last that fits counts.

        Args:
            streams: A name or a pattern, as in `mutes.matches`.
            limits: By channel; None: those for all streams again.

        Raises:
            ConfigError: Limits of other channels.
        """
        table = None if limits is None else _Table.of(self._channels, limits)
        self._overrides.pop(streams, None)
        if table is not None:
            self._overrides[streams] = table
        self._found.clear()

    def update(
        self, streams: Sequence[str], times_ns: Times, values: npt.NDArray[np.float64]
    ) -> tuple[list[LimitChange], npt.NDArray[np.bool_]]:
        """Takes rows, as they came or as they were scored.

        Args:
            streams: Name of each row's stream (rows,).
            times_ns: int64 (rows,), in order within each stream.
            values: float64 (rows, channels); NaN is missing.

        Returns:
            What changed, in order of the rows; and which channels are beyond a limit after each
            row, with their delays and deadbands: (rows, channels).
        """
        if self._event == "off" or not len(streams):
            return [], np.zeros((len(streams), len(self._channels)), np.bool_)
        numbers = self._roster.numbers(streams)
        tables, which = self._tables(streams)
        changes: list[LimitChange] = []
        active = np.empty((len(streams), len(self._channels)), np.bool_)
        rows = np.arange(len(streams))
        for at in rounds_of(numbers):
            here = rows[at]
            for number, table in enumerate(tables):
                mine = here if len(tables) == 1 else here[which[here] == number]
                if len(mine):
                    found = self._step(
                        table, numbers[mine], times_ns[mine], values[mine], active, mine
                    )
                    changes += [self._change(table, streams, values, *one) for one in found]
        changes.sort(key=lambda change: change.row)
        return changes, active

    def permits(self, active: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Returns at which rows an anomaly may be told: (rows,).

        Args:
            active: As `update` returned it.
        """
        if self._event != "only-with-score":
            return np.ones(len(active), np.bool_)
        return np.asarray(active.any(axis=1))

    def open(self) -> list[tuple[str, str, str, int]]:
        """Returns what is beyond a limit now: stream, channel, word and start in ns."""
        return [
            (name, self._channels[channel], WORDS[level], int(self._roster["start"][row, channel]))
            for name, row in zip(
                self._roster.streams, self._roster.numbers(self._roster.streams), strict=True
            )
            for channel, level in enumerate(self._roster["level"][row].tolist())
            if level
        ]

    def forget(self, streams: Sequence[str]) -> None:
        """Lets go of streams; limits that were set for them stay."""
        self._roster.forget(streams)
        for name in streams:
            self._found.pop(name, None)

    def state(self, streams: Sequence[str] | None = None) -> dict[str, Any]:
        """Returns what is known, of all streams or of some, for JSON; without the limits."""
        return self._roster.state(streams)

    def restore(self, state: object) -> None:
        """Takes in what `state` returned.

        Raises:
            InputError: Anything else; nothing has changed then.
        """
        self._roster.restore(state, _is_sound)

    def _tables(self, streams: Sequence[str]) -> tuple[list[_Table], npt.NDArray[np.intp]]:
        if not self._overrides:
            return [self._default], np.zeros(0, np.intp)
        tables: dict[int, _Table] = {}
        places = []
        for stream in streams:
            table = self._found.get(stream)
            if table is None:
                table = self._default
                for pattern, other in self._overrides.items():
                    if matches(pattern, stream):
                        table = other
                self._found[stream] = table
            places.append(list(tables).index(id(table)) if id(table) in tables else len(tables))
            tables[id(table)] = table
        return list(tables.values()), np.array(places, np.intp)

    def _step(
        self,
        table: _Table,
        numbers: npt.NDArray[np.intp],
        times_ns: Times,
        values: npt.NDArray[np.float64],
        active: npt.NDArray[np.bool_],
        rows: npt.NDArray[np.intp],
    ) -> list[tuple[int, int, int, int, int, int]]:
        """Takes one row of each of some streams; returns row, channel, levels, start and time."""
        roster = self._roster
        level = roster["level"][numbers]
        known = np.isfinite(values)
        wanted = _levels(table, np.where(known, values, math.nan), level)
        wanted[~known] = -1
        if not level.any() and not (wanted > 0).any() and not roster["next"][numbers].any():
            active[rows] = False
            return []
        start, after, since = (roster[name][numbers] for name in ("start", "next", "since"))
        now = np.broadcast_to(times_ns[:, None], level.shape)
        other = wanted != level
        # A delay counts from the first row that wants another level on this side of "back".
        goes_on = (since != _NEVER) & ((after == 0) == (wanted == 0)) & (since <= now)
        after = np.where(known, np.where(other, wanted, 0), after).astype(np.int8)
        since = np.where(known, np.where(other, np.where(goes_on, since, now), _NEVER), since)
        waited = np.where(since == _NEVER, 0, now - np.where(since == _NEVER, now, since))
        delay = np.where(wanted == 0, table.off_ns, table.on_ns)
        # From one level to another beyond it, nothing is waited for: it is told already.
        trips = known & other & ((waited >= delay) | ((level > 0) & (wanted > 0)))
        before = level.copy()
        start = np.where(trips & (before == 0), since, start)
        level = np.where(trips, wanted, level).astype(np.int8)
        roster["level"][numbers], roster["start"][numbers] = level, start
        roster["next"][numbers] = np.where(trips, 0, after)
        roster["since"][numbers] = np.where(trips, _NEVER, since)
        active[rows] = level > 0
        return [
            (int(rows[i]), int(j), int(before[i, j]), int(level[i, j]), int(start[i, j]),
             int(times_ns[i]))
            for i, j in np.argwhere(trips)
        ]  # fmt: skip

    def _change(
        self,
        table: _Table,
        streams: Sequence[str],
        values: npt.NDArray[np.float64],
        row: int,
        channel: int,
        before: int,
        level: int,
        start: int,
        time: int,
    ) -> LimitChange:
        said = level or before
        limit = float(table.trips[said, channel])
        return LimitChange(
            row=row,
            stream=streams[row],
            channel=self._channels[channel],
            phase="end" if not level else "update" if before else "start",
            word=WORDS[said],
            time_ns=time,
            start_ns=start,
            value=float(values[row, channel]),
            limit=limit if math.isfinite(limit) else math.nan,
        )


def _levels(
    table: _Table, values: npt.NDArray[np.float64], level: npt.NDArray[np.int8]
) -> npt.NDArray[np.int8]:
    """Returns the level that each value asks for, with the deadband of the one that holds."""
    wanted = np.zeros(values.shape, np.int8)
    for number in (1, 2, 3, 4):
        sign = -1.0 if number % 2 else 1.0
        trip = table.trips[number]
        # A level that holds, or a severer one on its side, is left only beyond the deadband.
        holds = (level >= number) & (level % 2 == number % 2)
        edge = np.where(holds, trip - sign * table.deadband, trip)
        wanted[(values - edge) * sign > 0] = number
    return wanted


def _is_sound(arrays: Mapping[str, npt.NDArray[Any]]) -> bool:
    levels = all(((arrays[n] >= 0) & (arrays[n] < 5)).all() for n in ("level", "next"))
    since = arrays["since"]
    times = (np.abs(arrays["start"]) < TIME_LIMIT) & (
        (since == _NEVER) | ((since > -TIME_LIMIT) & (since < TIME_LIMIT))
    )
    return bool(levels and times.all() and ((arrays["next"] == 0) | (since != _NEVER)).all())
