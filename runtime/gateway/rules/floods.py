"""More events than a person can read: floods, chattering streams, events that stand for days.

Figures as operators of plants use them (ANSI/ISA-18.2, IEC 62682, EEMUA 191): a flood is more than
10 events in 10 minutes for one operator and is over below 5; 3 starts of one stream in a minute
are chattering; an event of more than 24 hours is standing.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

from runtime.clock.rows import TIME_LIMIT
from runtime.errors import ConfigError, shown
from runtime.gateway.rules.roster import is_number, unsound

__all__ = ["FloodChange", "FloodRules", "Floods", "Told"]

Told = Literal["told", "flood", "chattering"]
"""What becomes of an event that starts: told, or kept back and counted, and why."""
_LONGEST_S = 7 * 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FloodRules:
    """The figures."""

    events: int = 10
    """More than these in `window_s` are a flood; 0: none ever is."""
    window_s: float = 600.0
    over: int = 5
    """It is over where fewer than these started in `window_s`."""
    chatter_events: int = 3
    """So many starts of one stream in `chatter_s` are chattering; 0: none ever is."""
    chatter_s: float = 60.0
    quiet_s: float = 600.0
    """A chattering stream is told again once none of its events started for so long."""
    standing_s: float = 86_400.0
    """An event that goes on for longer is standing."""

    def __post_init__(self) -> None:
        """Checks the values.

        Raises:
            ConfigError: A value out of its range.
        """
        for name, least in (("events", 0), ("over", 1), ("chatter_events", 0)):
            value = getattr(self, name)
            if type(value) is not int or not least <= value <= 10_000:
                raise ConfigError(
                    f"`{name}` of floods must be from {least} to 10000. Received: {shown(value)}."
                )
        for name in ("window_s", "chatter_s", "quiet_s", "standing_s"):
            value = getattr(self, name)
            most = 100 * _LONGEST_S if name == "standing_s" else _LONGEST_S
            if not is_number(value) or not 0 < value <= most:
                raise ConfigError(
                    f"`{name}` of floods must be above 0 and at most {most:g} s. "
                    f"Received: {shown(value)}."
                )
        if self.events and self.over > self.events:
            raise ConfigError(
                "A flood must be over at no more events than make one. Received: "
                f"over {self.over}, events {self.events}."
            )


class FloodChange(NamedTuple):
    """A flood began, or is over."""

    phase: Literal["start", "end"]
    time_ns: int
    start_ns: int
    """Start of the first event that it was made of."""
    events: int
    """That were kept back so far, besides those that were told before it was one."""
    streams: tuple[tuple[str, int], ...]
    """The ten streams with the most events in it, and how many."""


@dataclass(slots=True)
class _Flood:
    start_ns: int
    kept: int
    by_stream: dict[str, int]


class Floods:
    """Says of each event that starts whether it is told.

    By sample time, as it comes: what lies within the window of an event counts, before it or, by
    another device's clock, behind it. One clock in 2036 hides no flood.

    Args:
        rules: See `FloodRules`.
    """

    def __init__(self, rules: FloodRules | None = None) -> None:
        self._rules = rules or FloodRules()
        most = max(self._rules.events, self._rules.over)
        # Enough of the latest starts to tell either; each with its stream.
        self._starts: deque[tuple[int, str]] = deque(maxlen=4 * most + 4)
        self._flood: _Flood | None = None
        self._recent: dict[str, list[int]] = {}
        self._chattering: dict[str, int] = {}
        self._open: dict[str, int] = {}
        self.counts = {"events": 0, "floods": 0, "flood_events": 0, "chattering_events": 0}
        """Events that started, floods, and events that were kept back for either reason."""

    @property
    def is_flood(self) -> bool:
        """Whether a flood goes on."""
        return self._flood is not None

    @property
    def chattering(self) -> tuple[str, ...]:
        """Streams that chatter."""
        return tuple(self._chattering)

    def started(self, event: str, stream: str, time_ns: int) -> tuple[Told, FloodChange | None]:
        """Takes the start of an event.

        Args:
            event: Its id.
            stream: Name of its stream.
            time_ns: When it started.

        Returns:
            Whether it is told, and the flood that began with it. The event that makes a flood is
            kept back: the summary stands for it.
        """
        self._open[event] = time_ns
        self.counts["events"] += 1
        if self._chatters(stream, time_ns):
            self.counts["chattering_events"] += 1
            return "chattering", None
        self._starts.append((time_ns, stream))
        near = self._near(time_ns)
        change = None
        if self._flood is None and self._rules.events and len(near) > self._rules.events:
            self._flood = _Flood(min(start for start, _ in near), 0, {})
            self.counts["floods"] += 1
            for _, name in near[:-1]:
                self._flood.by_stream[name] = self._flood.by_stream.get(name, 0) + 1
            change = "start"
        if self._flood is None:
            return "told", None
        flood = self._flood
        flood.kept += 1
        flood.by_stream[stream] = flood.by_stream.get(stream, 0) + 1
        self.counts["flood_events"] += 1
        return "flood", self._change("start", flood, time_ns) if change else None

    def ended(self, event: str) -> None:
        """Takes the end of an event; one that is unknown is no error."""
        self._open.pop(event, None)

    def advance(self, time_ns: int) -> FloodChange | None:
        """Takes note of the time and returns the flood that is over.

        Args:
            time_ns: Of most of the rows that came last, such as their median: one clock that is
                wrong must end no flood.
        """
        for stream, last in list(self._chattering.items()):
            if time_ns - last >= self._rules.quiet_s * 1e9:
                del self._chattering[stream]
                self._recent.pop(stream, None)
        flood = self._flood
        if flood is None or len(self._near(time_ns)) >= self._rules.over:
            return None
        self._flood = None
        return self._change("end", flood, time_ns)

    def standing(self, time_ns: int) -> list[tuple[str, int]]:
        """Returns the events that have gone on for too long, and their starts, oldest first."""
        limit = self._rules.standing_s * 1e9
        found = [(event, start) for event, start in self._open.items() if time_ns - start > limit]
        return sorted(found, key=lambda one: one[1])

    def forget(self, streams: Sequence[str]) -> None:
        """Lets go of streams."""
        for name in streams:
            self._recent.pop(name, None)
            self._chattering.pop(name, None)

    def state(self) -> dict[str, Any]:
        """Returns what is known, for JSON."""
        return {
            "starts": [list(start) for start in self._starts],
            "flood": None if self._flood is None else asdict(self._flood),
            "recent": {name: list(times) for name, times in self._recent.items()},
            "chattering": dict(self._chattering),
            "open": dict(self._open),
            "counts": dict(self.counts),
        }

    def restore(self, state: object) -> None:
        """Continues from what `state` returned.

        Raises:
            InputError: Anything else; nothing has changed then.
        """
        new = type(self)(self._rules)
        try:
            new._take(state)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise unsound(state) from error
        if new.state() != state:
            raise unsound(state)
        self.__dict__.update(new.__dict__)

    def _take(self, state: Any) -> None:
        self._starts.extend((_time(time), _text(name)) for time, name in state["starts"])
        flood = state["flood"]
        if flood is not None:
            self._flood = _Flood(
                _time(flood["start_ns"]), _count(flood["kept"]), _counts(flood["by_stream"])
            )
        self._recent = {
            _text(name): [_time(time) for time in times] for name, times in state["recent"].items()
        }
        self._chattering = {_text(n): _time(time) for n, time in state["chattering"].items()}
        self._open = {_text(n): _time(time) for n, time in state["open"].items()}
        self.counts = {name: _count(state["counts"][name]) for name in self.counts}

    def _near(self, time_ns: int) -> list[tuple[int, str]]:
        window = self._rules.window_s * 1e9
        return [start for start in self._starts if abs(time_ns - start[0]) < window]

    def _chatters(self, stream: str, time_ns: int) -> bool:
        rules = self._rules
        if not rules.chatter_events:
            return False
        last = self._chattering.get(stream)
        if last is not None and time_ns - last < rules.quiet_s * 1e9:
            self._chattering[stream] = max(last, time_ns)
            return True
        self._chattering.pop(stream, None)
        near = [t for t in self._recent.get(stream, ()) if abs(time_ns - t) < rules.chatter_s * 1e9]
        near.append(time_ns)
        self._recent[stream] = near
        if len(near) < rules.chatter_events:
            return False
        del self._recent[stream]
        self._chattering[stream] = time_ns
        return True

    def _change(self, phase: Literal["start", "end"], flood: _Flood, time_ns: int) -> FloodChange:
        most = sorted(flood.by_stream.items(), key=lambda one: (-one[1], one[0]))[:10]
        return FloodChange(phase, time_ns, flood.start_ns, flood.kept, tuple(most))


def _time(value: Any) -> int:
    if type(value) is not int or abs(value) >= TIME_LIMIT:
        raise ValueError("no time")
    return value


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value < TIME_LIMIT:
        raise ValueError("no count")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value


def _counts(raw: Mapping[str, Any]) -> dict[str, int]:
    return {_text(name): _count(count) for name, count in raw.items()}
