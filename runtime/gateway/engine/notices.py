"""From what steps do to events to what is said of them: start, update, end."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from runtime.alarms.bank import Happening
from runtime.alarms.events import Event
from runtime.gateway.engine.group import Group, Stepped
from runtime.gateway.outputs import BlamedChannel, EventKind, EventNotice, Phase

__all__ = ["Notices", "event_id"]

_MS = 1_000_000


@dataclass(slots=True)
class _Told:
    """What has been said of an open event, and its channels at the peak."""

    id: str
    severity: float
    """As of the last notice."""
    peak: float
    peak_ns: int
    values: list[float | None]
    expected: list[float | None]


class Notices:
    """Says of each event when it starts, when it has grown, and when it ends.

    Args:
        rise: Severity that an event must have gained since the last notice for an update.
    """

    def __init__(self, rise: float) -> None:
        self.rise = rise
        self._told: dict[str, _Told] = {}

    @property
    def open(self) -> Sequence[str]:
        """Streams with an event that was said to have started."""
        return list(self._told)

    def of(self, group: Group, stepped: Stepped) -> Iterator[EventNotice]:
        """Yields what there is to say of what steps did."""
        for happening in stepped.happenings:
            name = group.names[happening.stream]
            yield from self._say(name, group, stepped, happening)

    def end(self, group: Group, name: str) -> Iterator[EventNotice]:
        """Ends the open event of a stream that is let go of."""
        event = group.bank.finish(group.place(name))
        told = self._told.pop(name, None)
        if event is not None and told is not None:
            shares = group.bank.detector(group.place(name)).shares
            yield self._notice(name, group, told, event, shares, "end", event.end_ns)

    def state(self) -> dict[str, Any]:
        """Returns everything that `restore` needs, for JSON."""
        return {name: asdict(told) for name, told in self._told.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continues from `state`."""
        self._told = {name: _Told(**told) for name, told in state.items()}

    def _say(
        self, name: str, group: Group, stepped: Stepped, happening: Happening
    ) -> Iterator[EventNotice]:
        event, row = happening.event, happening.row
        time_ns = int(stepped.rows.scores.times_ns[row])
        told = self._told.get(name)
        identity = event_id(name, "anomaly", event.start_ns)
        if told is None or told.id != identity:
            told = _Told(identity, -1.0, -1.0, event.peak_ns, [], [])
            self._told[name] = told
        if event.peak_severity > told.peak:
            told.peak, told.peak_ns = event.peak_severity, event.peak_ns
            told.values, told.expected = _channels_at(stepped, row, event.peak_ns)
        if told.severity < 0:
            told.severity = event.peak_severity
            yield self._notice(name, group, told, event, happening.shares, "start", time_ns)
        elif happening.is_open and event.peak_severity >= told.severity + self.rise:
            told.severity = event.peak_severity
            yield self._notice(name, group, told, event, happening.shares, "update", time_ns)
        if not happening.is_open:
            del self._told[name]
            yield self._notice(name, group, told, event, happening.shares, "end", time_ns)

    def _notice(
        self,
        name: str,
        group: Group,
        told: _Told,
        event: Event,
        shares: Mapping[str, float],
        phase: Phase,
        time_ns: int,
    ) -> EventNotice:
        channels = group.detector.channels
        at = {channel: place for place, channel in enumerate(channels)}
        return EventNotice(
            id=told.id,
            stream=name,
            kind="anomaly",
            phase=phase,
            time_ns=time_ns,
            start_ns=event.start_ns,
            peak_ns=event.peak_ns,
            severity=event.peak_severity,
            channels=[
                BlamedChannel(
                    name=channel,
                    share=shares[channel],
                    value=_number(told.values, at[channel]),
                    expected=_number(told.expected, at[channel]),
                )
                for channel in event.channels
            ],
            duration_s=event.steps * group.detector.metadata.period_s,
            model=group.detector.metadata.identity,
        )


def event_id(stream: str, kind: EventKind, start_ns: int) -> str:
    """Returns what tells an event from every other: the same after a restart."""
    middle = "" if kind == "anomaly" else f"{kind}-"
    return f"{stream}-{middle}{start_ns // _MS}"


def _channels_at(
    stepped: Stepped, row: int, peak_ns: int
) -> tuple[list[float | None], list[float | None]]:
    """Returns what came and what was expected at the peak, which this step is."""
    scores = stepped.rows.scores
    if int(scores.times_ns[row]) != peak_ns:
        return [], []
    return _plain(scores.values[row]), _plain(scores.expected[row])


def _plain(numbers: Any) -> list[float | None]:
    return [float(n) if np.isfinite(n) else None for n in numbers]


def _number(numbers: Sequence[float | None], at: int) -> float:
    value = numbers[at] if at < len(numbers) else None
    return float("nan") if value is None else value
