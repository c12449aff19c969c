"""Limits beside the score: a value itself is too low or too high, whatever the detector says."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from runtime.clock.rows import TIME_LIMIT, Times
from runtime.errors import ConfigError, shown
from runtime.gateway.rules.limit_tables import WORDS, ChannelLimits, LimitTable, LimitTables
from runtime.gateway.rules.roster import Roster, Rostered, rounds_of

__all__ = ["ChannelLimits", "LimitChange", "LimitEvents", "Limits"]

LimitEvents = Literal["only-with-score", "always", "off"]
"""What limits do. `only-with-score`: an anomaly is told only where a value is beyond a limit too;
`always`: an event of its own kind wherever one is; `off`: neither."""

_NEVER = -(2**63)


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


class _Found(NamedTuple):
    """A change, by places in a round: of the row and the channel, and the levels."""

    place: int
    channel: int
    before: int
    after: int
    start_ns: int


class Limits(Rostered):
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
        self._tables = LimitTables(self._channels, limits)
        self.event = event
        roster = Roster(
            {"level": ("i1", 0), "start": ("i8", 0), "next": ("i1", 0), "since": ("i8", _NEVER)},
            len(self._channels),
        )
        super().__init__(roster, _is_sound)

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
        return self._tables.overrides

    def override(self, streams: str, limits: Mapping[str, ChannelLimits] | None) -> None:
        """Sets all limits of some streams, instead of those for all; the last that fits counts.

        Args:
            streams: A name or a pattern, as in `mutes.matches`.
            limits: By channel; None: those for all streams again.

        Raises:
            ConfigError: Limits of other channels.
        """
        self._tables.override(streams, limits)

    def update(
        self, streams: Sequence[str], times_ns: Times, values: npt.NDArray[np.float64]
    ) -> tuple[list[LimitChange], npt.NDArray[np.bool_]]:
        """Takes rows, as they came or as they were scored.

        Args:
            streams: Name of each row's stream (rows,).
            times_ns: int64 (rows,), in order within each stream.
            values: float64 (rows, channels); NaN is missing.

        Returns:
            What changed, in order of the rows, to be told where `event` is `always`; and
            which channels are beyond a limit after each row, with their delays and deadbands:
            (rows, channels).
        """
        if self._event == "off" or not len(streams):
            return [], np.zeros((len(streams), len(self._channels)), np.bool_)
        numbers = self._roster.numbers(streams)
        which = self._tables.which(streams)
        changes: list[LimitChange] = []
        active = np.empty((len(streams), len(self._channels)), np.bool_)
        for at in rounds_of(numbers):
            here = np.arange(len(streams))[at]
            table = self._tables.of(None if which is None else which[here])
            active[here], found = self._step(table, numbers[here], times_ns[here], values[here])
            for one in found:
                row, said = int(here[one.place]), one.after or one.before
                limit = table.limit(said, one.place, one.channel)
                changes.append(
                    LimitChange(
                        row=row,
                        stream=streams[row],
                        channel=self._channels[one.channel],
                        phase="end" if not one.after else "update" if one.before else "start",
                        word=WORDS[said],
                        time_ns=int(times_ns[row]),
                        start_ns=one.start_ns,
                        value=float(values[row, one.channel]),
                        limit=limit,
                    )
                )
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
        super().forget(streams)
        self._tables.forget(streams)

    def _step(
        self,
        table: LimitTable,
        numbers: npt.NDArray[np.intp],
        times_ns: Times,
        values: npt.NDArray[np.float64],
    ) -> tuple[npt.NDArray[np.bool_], list[_Found]]:
        """Takes one row of each of some streams.

        Returns:
            What is beyond a limit after it (rows, channels), and what changed.
        """
        roster = self._roster
        level = roster["level"][numbers]
        known = np.isfinite(values)
        wanted = _levels(table, np.where(known, values, math.nan), level)
        wanted[~known] = -1
        if not level.any() and not (wanted > 0).any() and not roster["next"][numbers].any():
            return level > 0, []
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
        before = level
        start = np.where(trips & (before == 0), since, start)
        level = np.where(trips, wanted, before).astype(np.int8)
        roster["level"][numbers], roster["start"][numbers] = level, start
        roster["next"][numbers] = np.where(trips, 0, after)
        roster["since"][numbers] = np.where(trips, _NEVER, since)
        return level > 0, [
            _Found(i, j, int(before[i, j]), int(level[i, j]), int(start[i, j]))
            for i, j in np.argwhere(trips).tolist()
        ]


def _levels(
    table: LimitTable, values: npt.NDArray[np.float64], level: npt.NDArray[np.int8]
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
