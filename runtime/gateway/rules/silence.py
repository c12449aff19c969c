"""Streams that fall silent, are let go of, and speak again; and how many there may be.

Two halves, since only one of them may look at a clock. `Listening` is asked by the thread that
reads, with the clock that is never set; what it finds becomes an entry of the journal. `Presence`
follows from these entries and the rows alone, so that it is the same after every start.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runtime.errors import ConfigError, shown
from runtime.gateway.rules.mutes import matches
from runtime.gateway.rules.roster import is_number, unsound

__all__ = ["Listening", "Presence", "SilenceRules"]

_LONGEST_S = 10 * 366 * 86_400.0
_MOST_STREAMS = 10**7


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceRules:
    """When a stream counts as silent, and when it is let go of."""

    silent_s: float | None = 300.0
    """So long nothing came; None: it never counts as silent."""
    evict_s: float | None = None
    """So long nothing came, then it is put away; None: never. Longer than `silent_s`."""
    most: int = 10_000
    """Streams at one time; others are turned away, and counted."""
    silent_by_pattern: tuple[tuple[str, float | None], ...] = ()
    """`silent_s` of some streams, by pattern; the first that fits counts."""

    def __post_init__(self) -> None:
        """Checks the values.

        Raises:
            ConfigError: A value out of its range.
        """
        each = [("silent_s", self.silent_s), ("evict_s", self.evict_s)]
        each += [(f"silent_s of {shown(p)}", value) for p, value in self.silent_by_pattern]
        for name, value in each:
            if value is not None and not (is_number(value) and 0 < value <= _LONGEST_S):
                raise ConfigError(
                    f"`{name}` must be above 0 s and at most ten years. Received: {shown(value)}."
                )
        silent = [value for name, value in each if value is not None and name != "evict_s"]
        if self.evict_s is not None and any(self.evict_s <= value for value in silent):
            raise ConfigError(
                "`evict_s` must be longer than every `silent_s`: a stream is said to be silent "
                f"first. Received: {self.evict_s:g} and {max(silent):g} s."
            )
        if type(self.most) is not int or not 1 <= self.most <= _MOST_STREAMS:
            raise ConfigError(
                f"The most streams at one time must be from 1 to {_MOST_STREAMS}. "
                f"Received: {shown(self.most)}."
            )

    def silent_of(self, stream: str) -> float:
        """Returns the seconds after which a stream counts as silent; infinity: never."""
        for pattern, value in self.silent_by_pattern:
            if matches(pattern, stream):
                return math.inf if value is None else value
        return math.inf if self.silent_s is None else self.silent_s


@dataclass(slots=True)
class _Heard:
    at_s: float
    silent_s: float
    is_silent: bool = False


class Listening:
    """Knows when each stream was last heard; times are seconds of a clock that is never set.

    Args:
        rules: See `SilenceRules`.
    """

    def __init__(self, rules: SilenceRules) -> None:
        self._rules = rules
        self._heard: dict[str, _Heard] = {}
        self.turned_away = 0
        """How often a stream was not taken in because there were too many."""

    def __len__(self) -> int:
        return len(self._heard)

    def admit(self, stream: str, now_s: float) -> bool:
        """Whether a stream may be taken in, and takes note that it was heard where it may.

        Args:
            stream: Its name, known or new.
            now_s: The time.
        """
        if stream not in self._heard and len(self._heard) >= self._rules.most:
            self.turned_away += 1
            return False
        self.heard((stream,), now_s)
        return True

    def heard(self, streams: Sequence[str], now_s: float) -> None:
        """Takes note that streams were heard.

        Args:
            streams: Their names, each any number of times.
            now_s: The time.
        """
        for name in streams:
            known = self._heard.get(name)
            if known is None:
                self._heard[name] = _Heard(now_s, self._rules.silent_of(name))
            else:
                known.at_s, known.is_silent = now_s, False

    def excuse(self, seconds: float) -> None:
        """Takes note that for so long nothing could be heard, such as without the broker."""
        for one in self._heard.values():
            one.at_s += seconds

    def check(self, now_s: float) -> list[str]:
        """Returns the streams that have fallen silent since the last call, once each silence."""
        found = [
            name
            for name, one in self._heard.items()
            if not one.is_silent and now_s - one.at_s >= one.silent_s
        ]
        for name in found:
            self._heard[name].is_silent = True
        return found

    def evict(self, now_s: float) -> list[str]:
        """Returns the streams to be put away, and forgets them: the longest silent first."""
        if self._rules.evict_s is None:
            return []
        found = [
            name for name, one in self._heard.items() if now_s - one.at_s >= self._rules.evict_s
        ]
        found.sort(key=lambda name: self._heard[name].at_s)
        for name in found:
            del self._heard[name]
        return found

    def state(self, now_s: float) -> dict[str, list[Any]]:
        """Returns for how long each stream was not heard, and whether it was said, for JSON."""
        return {n: [max(0.0, now_s - o.at_s), o.is_silent] for n, o in self._heard.items()}

    def restore(self, state: object, now_s: float) -> None:
        """Continues from what `state` returned; the time in between does not count.

        Streams beyond the cap are taken all the same: it may have been lowered.

        Raises:
            InputError: Anything else; nothing has changed then.
        """
        if not isinstance(state, dict):
            raise unsound(state)
        heard = {}
        for name, record in state.items():
            if (
                not isinstance(name, str)
                or not isinstance(record, list)
                or len(record) != 2
                or not (is_number(record[0]) and record[0] >= 0)
                or type(record[1]) is not bool
            ):
                raise unsound(record)
            silent_s = self._rules.silent_of(name)
            heard[name] = _Heard(now_s - record[0], silent_s, is_silent=record[1])
        self._heard = heard


class Presence:
    """Which streams speak, by the rows and entries of the journal alone."""

    def __init__(self) -> None:
        self._speaks: dict[str, bool] = {}

    @property
    def silent(self) -> tuple[str, ...]:
        """Streams that have fallen silent."""
        return tuple(name for name, speaks in self._speaks.items() if not speaks)

    def __contains__(self, stream: object) -> bool:
        return stream in self._speaks

    def __len__(self) -> int:
        return len(self._speaks)

    def spoke(self, streams: Sequence[str]) -> list[str]:
        """Takes rows of streams and returns those that began to speak: new ones, silent ones."""
        began = []
        for name in streams:
            if not self._speaks.get(name):
                self._speaks[name] = True
                began.append(name)
        return began

    def fell_silent(self, streams: Sequence[str]) -> list[str]:
        """Takes an entry and returns the streams that spoke until then; others are ignored."""
        found = [name for name in dict.fromkeys(streams) if self._speaks.get(name)]
        for name in found:
            self._speaks[name] = False
        return found

    def gone(self, streams: Sequence[str]) -> list[str]:
        """Takes an entry and returns the streams that were known; they are forgotten."""
        return [name for name in streams if self._speaks.pop(name, None) is not None]

    def state(self) -> dict[str, bool]:
        """Returns which streams are known, and whether they speak, for JSON."""
        return dict(self._speaks)

    def restore(self, state: Mapping[str, bool] | object) -> None:
        """Continues from what `state` returned.

        Raises:
            InputError: Anything else; nothing has changed then.
        """
        if not isinstance(state, dict) or not all(
            isinstance(name, str) and type(speaks) is bool for name, speaks in state.items()
        ):
            raise unsound(state)
        self._speaks = dict(state)
