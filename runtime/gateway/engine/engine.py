"""The engine: records of the journal in, outputs out; a pure function of its state and them."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from runtime.errors import InputError
from runtime.gateway.engine.aside import Aside
from runtime.gateway.engine.group import Group
from runtime.gateway.engine.notices import Notices
from runtime.gateway.engine.settings import EngineSettings
from runtime.gateway.outputs import EventNotice, Outputs, ScoredRows
from runtime.gateway.records import NewStream, Record, Rows
from runtime.model.detector import Detector

__all__ = ["Engine", "Trouble"]

Trouble = Callable[[str, str], None]
"""Says what went wrong without stopping: a kind, and a sentence."""

_STREAMS_A_PART = 64


@dataclass(slots=True)
class _Made:
    """What one call has led to so far."""

    scored: list[ScoredRows]
    events: list[EventNotice]
    states: list[tuple[str, bool, int]]
    online: list[tuple[str, bool]]
    gone: list[str]
    answers: list[tuple[str, str]]


class Engine:
    """Scores the streams of all models.

    Args:
        detectors: By the models' keys.
        settings: What scores and events depend on.
        aside: Where streams are put that fell silent.
        trouble: Takes what must be said.
    """

    def __init__(
        self,
        detectors: Mapping[str, Detector],
        settings: EngineSettings,
        *,
        aside: Aside,
        trouble: Trouble,
    ) -> None:
        self.settings = settings
        self._aside, self._trouble = aside, trouble
        self._detectors = dict(detectors)
        self.groups = {key: Group(key, detectors[key], one) for key, one in settings.models.items()}
        self._notices = Notices(settings.update_severity)
        self.registry: dict[int, NewStream] = {}
        """All streams that were ever heard of, by number."""
        self.streams: dict[str, NewStream] = {}
        """The same by name."""
        self.put_aside: dict[str, int] = {}
        """Streams that are put aside, and the sequence number of that."""
        self.acknowledged: dict[str, int] = {}
        """How far each sink is, by its name."""
        self.parts: dict[str, Mapping[str, Any]] = {}
        """What waits for other channels, by source and stream; see `Record.parts`."""
        self.sequence = 0
        """Of the last record."""

    def apply(self, records: Sequence[tuple[int, Record]]) -> Iterator[Outputs]:
        """Takes records in order; those with rows alone are scored together.

        Yields:
            The outputs of the records up to the last of each group of them.
        """
        waiting: list[tuple[int, Record]] = []
        for sequence, record in records:
            if not record.is_rows_alone and waiting:
                yield self._take(waiting)
                waiting = []
            waiting.append((sequence, record))
            if not record.is_rows_alone:
                yield self._take(waiting)
                waiting = []
        if waiting:
            yield self._take(waiting)

    def flush(self) -> Outputs:
        """Scores what is held for late rows and closes nothing: the data may go on."""
        made = _Made([], [], [], [], [], [])
        for group in self.groups.values():
            self._scored(group, group.flush(), made)
        return self._outputs(made)

    def snapshot(self) -> Iterator[tuple[str, bytes]]:
        """Yields the whole state in parts: a name, and bytes."""
        state = {
            "settings": self.settings.to_json(),
            "registry": [[s.number, s.name, s.model] for s in self.registry.values()],
            "put_aside": self.put_aside,
            "acknowledged": self.acknowledged,
            "parts": list(self.parts.values()),
            "notices": self._notices.state(),
            "sequence": self.sequence,
        }
        yield "engine", json.dumps(state, allow_nan=False, separators=(",", ":")).encode()
        for key, group in self.groups.items():
            names = group.names
            for start in range(0, len(names), _STREAMS_A_PART):
                some = names[start : start + _STREAMS_A_PART]
                yield f"streams/{start}/{key}", group.snapshot(some)

    def restore(self, parts: Iterable[tuple[str, bytes]]) -> None:
        """Continues from `snapshot`; streams whose state cannot be used begin anew, and it is said.

        Raises:
            InputError: The part `engine` is missing, or of another version.
        """
        each = dict(parts)
        try:
            state = json.loads(each.pop("engine"))
            registry = [NewStream(*one) for one in state["registry"]]
            self.put_aside = {str(k): int(v) for k, v in state["put_aside"].items()}
            self.acknowledged = {str(k): int(v) for k, v in state["acknowledged"].items()}
            self.sequence = int(state["sequence"])
            self._wait(state["parts"])
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                "A snapshot of the gateway must be what this version keeps. Received: "
                f"{type(error).__name__} in its part `engine`. Its streams start anew."
            ) from error
        self.registry = {one.number: one for one in registry}
        self.streams = {one.name: one for one in registry}
        for name, blob in each.items():
            key = name.split("/", 2)[2]
            try:
                self.groups[key].take_in(blob)
            except (InputError, KeyError) as error:
                self._trouble("state", f"The state of streams of {key} cannot be used: {error}")
        self._notices.restore(state["notices"])
        self._begin_missing()

    def _begin_missing(self) -> None:
        """Begins streams anew whose state is gone: they warm up again."""
        for key, group in self.groups.items():
            here = {*group.names, *self.put_aside}
            lost = [s.name for s in self.registry.values() if s.model == key and s.name not in here]
            if lost:
                group.add(lost)
                self._trouble("state", f"{len(lost)} streams of {key} warm up again, as {lost[0]}.")

    def _take(self, records: Sequence[tuple[int, Record]]) -> Outputs:
        made = _Made([], [], [], [], [], [])
        sequence, last = records[-1]
        self.sequence = sequence
        for _, record in records:
            self.acknowledged |= record.acknowledged
            self._wait(record.parts)
        if not last.is_rows_alone:
            self._change(last, made)
        rows: dict[str, list[Rows]] = {}
        for _, record in records:
            for one in record.rows:
                rows.setdefault(one.model, []).append(one)
        for key, some in rows.items():
            self._push(key, some, made)
        for name in last.silent:
            made.online.append((name, False))
        for name in last.evicted:
            self._evict(sequence, name, made)
        return self._outputs(made)

    def _wait(self, parts: Iterable[Mapping[str, Any]]) -> None:
        """Takes note of what waits now of streams."""
        for one in parts:
            place = f"{one['source']}\0{one['stream']}"
            self.parts.pop(place, None)
            if one["rows"]:
                self.parts[place] = one

    def _change(self, record: Record, made: _Made) -> None:
        """Takes what comes before the rows of a record."""
        new: dict[str, list[str]] = {}
        for stream in record.new:
            self.registry[stream.number] = self.streams[stream.name] = stream
            new.setdefault(stream.model, []).append(stream.name)
            made.online.append((stream.name, True))
        for key, names in new.items():
            self.groups[key].add(names)
        for name in record.restored:
            self._bring_back(name)
            made.online.append((name, True))

    def _bring_back(self, name: str) -> None:
        """Takes in a stream that was put aside; without its state it begins anew."""
        sequence = self.put_aside.pop(name, None)
        group = self._group_of(name)
        if sequence is None or group is None:
            return
        state = self._aside.get(name, sequence)
        if state is not None:
            try:
                group.take_in(state)
            except InputError as error:
                self._trouble("state", f"{name} warms up again: {error}")
            else:
                return
        else:
            self._trouble("state", f"{name} warms up again: what it had learnt is gone.")
        group.add([name])

    def _evict(self, sequence: int, name: str, made: _Made) -> None:
        group = self._group_of(name)
        if group is None or name not in group.names:
            return
        made.events += self._notices.end(group, name)
        self._aside.put(name, sequence, group.snapshot([name]))
        self.put_aside[name] = sequence
        group.remove(name)

    def _group_of(self, name: str) -> Group | None:
        stream = self.streams.get(name)
        return self.groups.get(stream.model) if stream else None

    def _push(self, key: str, some: Sequence[Rows], made: _Made) -> None:
        group = self.groups.get(key)
        if group is None:
            self._trouble("model", f"Rows of the model {key} are left out: it is not there.")
            return
        joined = some[0] if len(some) == 1 else _joined(key, some)
        numbers, at = np.unique(joined.streams, return_inverse=True)
        names = [self.registry[int(number)].name for number in numbers.tolist()]
        places = np.array([group.place(name) for name in names], np.intp)[at]
        values = joined.values.astype(np.float64)
        times_ns, quality = joined.times_ns.astype(np.int64), joined.quality.astype(np.uint16)
        if (places[1:] < places[:-1]).any():
            order = np.argsort(places, kind="stable")
            places, times_ns = places[order], times_ns[order]
            values, quality = values[order], quality[order]
        self._scored(group, group.push(places, times_ns, values, quality), made)

    def _scored(self, group: Group, stepped: Any, made: _Made) -> None:
        if not len(stepped.streams):
            return
        made.scored.append(stepped.rows)
        for notice in self._notices.of(group, stepped):
            made.events.append(notice)
            if notice.phase != "update":
                made.states.append((notice.stream, notice.phase == "start", notice.time_ns))

    def _outputs(self, made: _Made) -> Outputs:
        return Outputs(
            sequence=self.sequence,
            scored=made.scored,
            events=made.events,
            states=made.states,
            online=made.online,
            gone=made.gone,
            answers=made.answers,
        )


def _joined(key: str, some: Sequence[Rows]) -> Rows:
    """Joins rows of one model that follow each other, sorted by stream again."""
    arrays = {
        name: np.concatenate([getattr(rows, name) for rows in some])
        for name in ("streams", "times_ns", "values", "quality")
    }
    order = np.argsort(arrays["streams"], kind="stable")
    return replace(some[0], model=key, **{name: a[order] for name, a in arrays.items()})
