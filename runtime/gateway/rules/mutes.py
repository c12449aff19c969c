"""What a person does not want to hear of: a stream, or a channel of it, for a time or for good."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from fnmatch import fnmatchcase
from typing import Any, Self

from runtime.clock.rows import TIME_LIMIT
from runtime.errors import ConfigError, InputError, shown
from runtime.gateway.rules.roster import unsound

__all__ = ["LONGEST_S", "Mute", "Mutes", "matches"]

LONGEST_S = 366 * 86_400.0
"""A mute with an end is no longer; what is out of service for longer has none."""
_MOST = 10_000
_MOST_NAME, _MOST_TEXT = 1000, 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Mute:
    """One mute. It is told apart by `streams` and `channel`: a new one takes the old one's place.

    A mute without an end (`rest_s` None) is what operators call out of service: always shown.
    """

    streams: str
    """Name of a stream, or a pattern: `*` any characters, `?` one, `[ab]` one of these."""
    channel: str = ""
    """Only this channel; empty: the whole stream."""
    rest_s: float | None = None
    """Seconds that are left, counted by the clock that is never set; None: no end."""
    until_ns: int | None = None
    """When it ends by the wall clock, in nanoseconds since 1970-01-01 UTC; None: no end, or the
    clock was not set then."""
    since_ns: int = 0
    """When it began by the wall clock."""
    by: str = ""
    """Who did it."""
    why: str = ""
    """Why."""

    def __post_init__(self) -> None:
        """Checks the values.

        Raises:
            ConfigError: A value that cannot be.
        """
        for name, most in (("streams", _MOST_NAME), ("channel", _MOST_NAME), ("by", _MOST_TEXT),
                           ("why", _MOST_TEXT)):  # fmt: skip
            text = getattr(self, name)
            if not isinstance(text, str) or len(text) > most or (name == "streams" and not text):
                raise ConfigError(
                    f"`{name}` of a mute must be text of at most {most} characters. "
                    f"Received: {shown(text)}."
                )
        if self.rest_s is not None and not (
            isinstance(self.rest_s, int | float)
            and not isinstance(self.rest_s, bool)
            and 0 < self.rest_s <= LONGEST_S
        ):
            raise ConfigError(
                "A mute must last more than 0 and at most 366 days, or have no end. "
                f"Received: {shown(self.rest_s)} s."
            )
        for name in ("until_ns", "since_ns"):
            time = getattr(self, name)
            if time is None and name == "until_ns":
                continue
            if type(time) is not int or abs(time) >= TIME_LIMIT:
                raise ConfigError(
                    f"`{name}` of a mute must be nanoseconds since 1970. Received: {shown(time)}."
                )
        if self.rest_s is None and self.until_ns is not None:
            raise ConfigError(
                "A mute with an end by the wall clock must also say how long it lasts. "
                "Received: no duration."
            )

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from others."""
        return self.streams, self.channel

    def to_json(self) -> dict[str, Any]:
        """Returns it for JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, raw: object) -> Self:
        """Returns what `to_json` wrote.

        Raises:
            InputError: Anything else.
        """
        if not isinstance(raw, Mapping) or not all(isinstance(key, str) for key in raw):
            raise unsound(raw)
        try:
            return cls(**raw)
        except TypeError as error:
            raise unsound(raw) from error


class Mutes:
    """The mutes that hold. What is muted is scored all the same.

    While the gateway runs, mutes end by durations (`advance`); after a start, by the wall clock
    too, where it can be trusted (`recover`). A wall clock that jumps ends none.
    """

    def __init__(self) -> None:
        self._mutes: dict[tuple[str, str], Mute] = {}
        self._found: dict[str, tuple[Mute, ...]] = {}

    def __len__(self) -> int:
        return len(self._mutes)

    def mute(self, mute: Mute) -> None:
        """Takes a mute, instead of one of the same streams and channel.

        Raises:
            ConfigError: There are 10,000 already.
        """
        if len(self._mutes) >= _MOST and mute.key not in self._mutes:
            raise ConfigError(
                f"There can be at most {_MOST} mutes. Received: another. Use a pattern for many "
                "streams, or unmute some."
            )
        self._mutes[mute.key] = mute
        self._found.clear()

    def unmute(self, streams: str, channel: str | None = "") -> list[Mute]:
        """Ends mutes and returns them; none where there is none.

        Args:
            streams: The name or pattern that was muted, as it was written; or the name of one
                stream, which ends a mute of this name alone, never a pattern's.
            channel: Its channel; empty: the whole stream's; None: all of them.
        """
        ended = [
            mute
            for mute in self._mutes.values()
            if mute.streams == streams and channel in (None, mute.channel)
        ]
        self._drop(ended)
        return ended

    def listing(self) -> list[Mute]:
        """Returns the mutes: those without an end first, then by what is left, longest first."""
        return sorted(
            self._mutes.values(),
            key=lambda m: (-(math.inf if m.rest_s is None else m.rest_s), m.key),
        )

    def of(self, stream: str) -> tuple[Mute, ...]:
        """Returns the mutes that a stream is under, to say by whom, until when and why."""
        found = self._found.get(stream)
        if found is None:
            found = tuple(m for m in self._mutes.values() if matches(m.streams, stream))
            self._found[stream] = found
        return found

    def muted(self, stream: str, time_ns: int | None = None) -> bool:
        """Whether a whole stream is muted.

        Args:
            stream: Its name.
            time_ns: Only by mutes that do not end before this time, such as that of a row whose
                clock is right.
        """
        return any(not m.channel and _holds(m, time_ns) for m in self.of(stream))

    def muted_channels(self, stream: str, time_ns: int | None = None) -> frozenset[str]:
        """Returns the channels of a stream that are muted by themselves; see `muted`."""
        mutes = self.of(stream)
        if not mutes:
            return _NONE
        return frozenset(m.channel for m in mutes if m.channel and _holds(m, time_ns))

    def silences(self, stream: str, blamed: Sequence[str], time_ns: int | None = None) -> bool:
        """Whether an event is not told: of a muted stream, or with muted channels alone to blame.

        Args:
            stream: Its name.
            blamed: Names of the channels to blame; none: nobody is.
            time_ns: See `muted`.
        """
        if not self._mutes:
            return False
        if self.muted(stream, time_ns):
            return True
        return bool(blamed) and self.muted_channels(stream, time_ns).issuperset(blamed)

    def advance(self, elapsed_s: float, wall_ns: int | None = None) -> list[Mute]:
        """Lets time pass and returns the mutes that have ended.

        Args:
            elapsed_s: Seconds since the last call, by the clock that is never set.
            wall_ns: The wall clock where it can be trusted: mutes that began before it was set
                learn when they end by it. It ends none.

        Raises:
            InputError: A negative or unusable duration.
        """
        if not 0 <= elapsed_s < math.inf:
            raise InputError(
                f"Mutes can only go forward by seconds from 0. Received: {shown(elapsed_s)}."
            )
        ended = []
        for key, mute in self._mutes.items():
            if mute.rest_s is None:
                continue
            rest = mute.rest_s - elapsed_s
            if rest <= 0:
                ended.append(mute)
            else:
                until = mute.until_ns
                if until is None and wall_ns is not None:
                    until = wall_ns + round(rest * 1e9)
                # Both are in their ranges: a rest that is shorter, a clock that is trusted.
                self._mutes[key] = replace(mute, rest_s=rest, until_ns=until)
        self._drop(ended)
        self._found.clear()
        return ended

    def recover(self, wall_ns: int | None) -> list[Mute]:
        """Takes note that the gateway was away and returns the mutes that have ended meanwhile.

        Args:
            wall_ns: The wall clock; None where it cannot be trusted: then durations go on as if
                no time had passed, so that nothing is told too early.
        """
        ended = []
        for key, mute in self._mutes.items():
            if wall_ns is None or mute.until_ns is None or mute.rest_s is None:
                continue
            rest = min(mute.rest_s, (mute.until_ns - wall_ns) / 1e9)
            if rest <= 0:
                ended.append(mute)
            else:
                self._mutes[key] = replace(mute, rest_s=rest)
        self._drop(ended)
        self._found.clear()
        return ended

    def forget(self, streams: Sequence[str]) -> None:
        """Lets go of what was looked up for streams that are gone; their mutes stay."""
        for name in streams:
            self._found.pop(name, None)

    def state(self) -> list[dict[str, Any]]:
        """Returns the mutes, for JSON."""
        return [mute.to_json() for mute in self._mutes.values()]

    def restore(self, state: object) -> None:
        """Continues with the mutes that `state` returned.

        Raises:
            InputError: Anything else; nothing has changed then.
        """
        if not isinstance(state, list) or len(state) > _MOST:
            raise unsound(state)
        mutes = [Mute.from_json(raw) for raw in state]
        by_key = {mute.key: mute for mute in mutes}
        if len(by_key) < len(mutes):
            raise unsound(state)
        self._mutes = by_key
        self._found.clear()

    def _drop(self, mutes: Sequence[Mute]) -> None:
        for mute in mutes:
            del self._mutes[mute.key]
        self._found.clear()


_NONE: frozenset[str] = frozenset()


def matches(pattern: str, stream: str) -> bool:
    """Whether a stream is meant: by its very name, or by a pattern with `*`, `?` or `[…]`."""
    return pattern == stream or fnmatchcase(stream, pattern)


def _holds(mute: Mute, time_ns: int | None) -> bool:
    return time_ns is None or mute.until_ns is None or time_ns < mute.until_ns
