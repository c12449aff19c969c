"""The engine: records of the journal in, outputs out; a pure function of its state and them."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from runtime.errors import InputError, ModelFileError
from runtime.gateway.engine.aside import Aside
from runtime.gateway.engine.group import Group, Stepped
from runtime.gateway.engine.notices import Notices, flood_notice, gateway_notice
from runtime.gateway.engine.orders import Orders
from runtime.gateway.engine.settings import EngineSettings, ModelSettings
from runtime.gateway.engine.swap import History, placed, swap_notice, warm_up
from runtime.gateway.outputs import EventNotice, Outputs, ScoredRows
from runtime.gateway.records import NewStream, Record, Rows
from runtime.gateway.rules.floods import FloodRules, Floods
from runtime.gateway.rules.silence import Presence
from runtime.gateway.samples import Quality
from runtime.model.detector import Detector

__all__ = ["Engine", "Trouble"]


class Library(Protocol):
    """Detectors by their identity."""

    def get(self, identity: str, /) -> Detector | None:
        """Returns a detector; None: it is not there any more."""
        ...


Trouble = Callable[[str, str], None]
"""Says what went wrong without stopping: a kind, and a sentence."""

_STREAMS_A_PART = 64
_UNSOUND = (ValueError, KeyError, TypeError, AttributeError, IndexError)
"""What comes of reading data of another version."""
_MUTED = np.uint16(Quality.MUTED)


@dataclass(slots=True)
class _Made:
    """What one call has led to so far."""

    scored: list[ScoredRows]
    events: list[EventNotice]
    states: list[tuple[str, bool, int]]
    online: list[tuple[str, bool]]
    gone: list[str]
    answers: list[tuple[str, str]]
    running: list[tuple[str, bool]]


class Engine:
    """Scores the streams of all models.

    Args:
        library: Detectors by identity, those of the settings among them.
        settings: What scores and events depend on.
        aside: Where streams are put that fell silent.
        trouble: Takes what must be said.
        history: Records of the journal, for models that take over; None: there are none.
    """

    def __init__(
        self,
        library: Library,
        settings: EngineSettings,
        *,
        aside: Aside,
        trouble: Trouble,
        history: History | None = None,
    ) -> None:
        self._aside, self._trouble = aside, trouble
        self._library, self._history = library, history
        self.groups: dict[str, Group] = {}
        self.prepared: dict[str, tuple[Group, int]] = {}
        """Groups of models that are about to take over, by their identity, and the last record
        that each has seen."""
        self._begin(settings)

    def _begin(self, settings: EngineSettings) -> None:
        """Knows of no stream."""
        self.settings = settings
        self._make_groups()
        self.orders = Orders(self.groups)
        self._floods = None if settings.floods is None else Floods(FloodRules(**settings.floods))
        self._presence = Presence()
        self._notices = Notices(
            settings.update_severity, may_tell=self._may_tell, ended=self._event_ended
        )
        self._open: dict[str, set[str]] = {}
        """Ids of the events that were told and go on, by stream."""
        self._summaries: list[EventNotice] = []
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
        self._now_ns = 0

    def apply(self, records: Sequence[tuple[int, Record]]) -> Iterator[Outputs]:
        """Takes records in order; those with rows alone are scored together.

        Yields:
            The outputs of the records up to the last of each group of them.
        """
        waiting: list[tuple[int, Record]] = []
        for sequence, record in records:
            # Where a mute runs out or a flood begins, it does so at the same record in a replay.
            is_timed = self.orders.is_timed or self._floods is not None
            is_alone = not record.is_rows_alone or is_timed
            if is_alone and waiting:
                yield self._take(waiting)
                waiting = []
            waiting.append((sequence, record))
            if is_alone:
                yield self._take(waiting)
                waiting = []
        if waiting:
            yield self._take(waiting)

    def flush(self) -> Outputs:
        """Scores what is held for late rows and closes nothing: the data may go on."""
        made = _Made([], [], [], [], [], [], [])
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
            "orders": self.orders.state(),
            "floods": None if self._floods is None else self._floods.state(),
            "presence": self._presence.state(),
            "open": {name: sorted(ids) for name, ids in self._open.items()},
            "watch": {key: group.watch.state() for key, group in self.groups.items()},
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
        each, before = dict(parts), self.settings
        try:
            state = json.loads(each.pop("engine"))
            self._take_over(state)
        except _UNSOUND as error:
            self._begin(before)
            raise InputError(
                "A snapshot of the gateway must be what this version keeps. Received: "
                f"{type(error).__name__} in its part `engine`. Its streams start anew."
            ) from error
        for name, blob in each.items():
            key = name.rpartition("/")[2] if name.count("/") < 2 else name.split("/", 2)[2]
            try:
                self.groups[key].take_in(blob)
            except _UNSOUND as error:
                self._trouble("state", f"The state of streams of {key} cannot be used: {error}")
        self._restore_others(state)
        self._begin_missing()

    def _take_over(self, state: Mapping[str, Any]) -> None:
        """Takes what scores follow from; raises anything where it is not what `snapshot` gave."""
        registry = [NewStream(int(n), str(name), str(key)) for n, name, key in state["registry"]]
        self._begin(EngineSettings.from_json(state["settings"]))
        self.registry = {one.number: one for one in registry}
        self.streams = {one.name: one for one in registry}
        self.put_aside = {str(k): int(v) for k, v in state["put_aside"].items()}
        self.acknowledged = {str(k): int(v) for k, v in state["acknowledged"].items()}
        self._wait(state["parts"])
        self.sequence = int(state["sequence"])

    def _restore_others(self, state: Mapping[str, Any]) -> None:
        """Takes what is known beside the scores; what cannot be used is said, and lost alone."""
        each: dict[str, Callable[[Any], None]] = {
            "notices": self._notices.restore,
            "presence": self._presence.restore,
            "open": self._restore_open,
            "watch": self._restore_watch,
            "floods": self._restore_floods,
            "orders": self.orders.restore,
        }
        for name, restore in each.items():
            try:
                restore(state[name])
            except _UNSOUND as error:
                self._trouble(
                    "state",
                    f"What was kept of {name} cannot be used and is lost: {type(error).__name__}.",
                )

    def _restore_open(self, state: Any) -> None:
        self._open = {str(name): set(ids) for name, ids in state.items()}

    def _restore_watch(self, state: Any) -> None:
        for key, watched in state.items():
            if key in self.groups:
                self.groups[key].watch.restore(watched)

    def _restore_floods(self, state: Any) -> None:
        if self._floods is not None and state is not None:
            self._floods.restore(state)

    def _begin_missing(self) -> None:
        """Begins streams anew whose state is gone: they warm up again."""
        for key, group in self.groups.items():
            here = {*group.names, *self.put_aside}
            lost = [s.name for s in self.streams.values() if s.model == key and s.name not in here]
            if lost:
                self._add(key, lost)
                self._trouble("state", f"{len(lost)} streams of {key} warm up again, as {lost[0]}.")

    def _take(self, records: Sequence[tuple[int, Record]]) -> Outputs:
        made = _Made([], [], [], [], [], [], [])
        sequence, last = records[-1]
        self.sequence, self._now_ns = sequence, last.time_ns
        for _, record in records:
            self.acknowledged |= record.acknowledged
            self._wait(record.parts)
            wall_ns = record.time_ns if record.clock_is_set else None
            if record.started:
                self.orders.mutes.recover(wall_ns)
                # Whoever reads states may have missed some, or keeps none.
                made.states += [(name, name in self._open, record.time_ns) for name in self.streams]
            self.orders.advance(record.elapsed_s, wall_ns)
        if not last.is_rows_alone:
            self._change(last, made)
        rows: dict[str, list[Rows]] = {}
        for _, record in records:
            for one in record.rows:
                rows.setdefault(one.model, []).append(one)
        for key, some in rows.items():
            self._push(key, some, made)
        for name in self._presence.fell_silent(last.silent):
            made.online.append((name, False))
            self._tell(self._notices.silent(name, self._now_ns), made)
        for name in last.evicted:
            self._evict(sequence, name, made)
        self._tell(self._notices.unmuted(), made)
        return self._outputs(made)

    def _wait(self, parts: Iterable[Mapping[str, Any]]) -> None:
        """Takes note of what waits now of streams."""
        for one in parts:
            place = f"{one['source']}\0{one['stream']}"
            self.parts.pop(place, None)
            if one["rows"] or one.get("held"):
                self.parts[place] = one

    def _change(self, record: Record, made: _Made) -> None:
        """Takes what comes before the rows of a record."""
        if record.settings is not None:
            self._reconfigure(EngineSettings.from_json(record.settings), made)
        new: dict[str, list[str]] = {}
        for stream in record.new:
            self._move(stream, made)
            self.registry[stream.number] = self.streams[stream.name] = stream
            new.setdefault(stream.model, []).append(stream.name)
        for key, names in new.items():
            if key in self.groups:
                self._add(key, names)
            else:
                self._trouble("model", f"{len(names)} streams wait for their model {key}.")
            made.states += [(name, False, record.time_ns) for name in names]
        for rows in record.past:
            group = self.groups.get(rows.model)
            if group is not None and len(rows):
                group.push(*placed(group, rows, self.registry))
        for name in record.restored:
            self._bring_back(name)
        for command in record.commands:
            if "note" in command:
                made.events.append(gateway_notice(command, time_ns=record.time_ns))
            else:
                made.answers.append(self.orders.take(command))

    def _reconfigure(self, settings: EngineSettings, made: _Made) -> None:
        """Takes other settings; streams go on, but where their model or grid is another."""
        before, self.settings = self.settings, settings
        self._notices.rise = settings.update_severity
        if settings.floods != before.floods:
            rules = settings.floods
            self._floods = None if rules is None else Floods(FloodRules(**rules))
        for key in [key for key in self.groups if key not in settings.models]:
            for name in self.groups[key].names:
                self._end_all(self.groups[key], name, "its model is gone", made)
                made.gone.append(name)
                self._presence.gone([name])
            del self.groups[key]
        for key, one in settings.models.items():
            group = self.groups.get(key)
            if group is not None and group.reconfigure(one):
                self._own_thresholds(group, group.names)
                self.orders.set_limits([group])
                continue
            new = self._new_group(key, one)
            if new is None:
                continue
            if group is not None:
                new = self._succeed(group, new, made)
            self.groups[key] = new
            self.orders.set_limits([new])
        held = {key: group.settings for key, group in self.groups.items()}
        self.settings = replace(settings, models={**settings.models, **held})

    def _make_groups(self) -> None:
        self.groups.clear()
        for key, one in self.settings.models.items():
            group = self._new_group(key, one)
            if group is not None:
                self.groups[key] = group

    def _new_group(self, key: str, settings: ModelSettings) -> Group | None:
        detector = self._library.get(settings.identity)
        if detector is None:
            self._trouble(
                "model",
                f"The model {key} ({settings.identity[:12]}) is not there: its rows are left out.",
            )
            return None
        return Group(key, detector, settings)

    def _succeed(self, old: Group, new: Group, made: _Made) -> Group:
        """Lets a group take over from another: warm where the journal has their rows."""
        one, identity = new.settings, new.detector.metadata.identity
        seen = one.warmed_from - 1
        if identity in self.prepared:
            prepared, upto = self.prepared.pop(identity)
            if prepared.settings == one:
                new, seen = prepared, upto
        is_other = identity != old.detector.metadata.identity
        can_warm = is_other and one.warmed_from and _same_channels(new, old)
        if can_warm and self._history is not None:
            try:
                warm_up(new, self._history(seen, self.sequence - 1), self.registry)
            except ModelFileError as error:
                self._trouble("swap", f"{old.key} stays as it is: {error}")
                made.events.append(
                    swap_notice(
                        old.key,
                        f"The new model of {old.key} does not work here, the old one goes on.",
                        time_ns=self._now_ns,
                        identity=old.detector.metadata.identity,
                        phase="end",
                    )
                )
                return old
        for name in old.names:
            self._tell(self._notices.end(old, name), made)
        if new.settings.extras == old.settings.extras and _same_channels(new, old):
            new.watch.restore(old.watch.state())
        else:
            for name in old.names:
                self._end_others(name, "another model took over", made)
        self._own_thresholds(new, new.names)
        lacking = [name for name in old.names if name not in new]
        if lacking:
            self.groups[new.key] = new
            self._add(new.key, lacking)
            self._trouble("model", f"{len(lacking)} streams of {new.key} warm up again.")
        if is_other:
            made.events.append(
                swap_notice(
                    new.key,
                    f"{new.key} is scored by another model from here on "
                    f"({old.detector.metadata.identity[:12]} before, {identity[:12]} now).",
                    time_ns=self._now_ns,
                    identity=identity,
                    phase="end",
                )
            )
        return new

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
        self._add(group.key, [name])

    def _move(self, stream: NewStream, made: _Made) -> None:
        """Takes a stream from the model that it had before, where that was another one."""
        old = self.streams.get(stream.name)
        if old is None or old.model == stream.model:
            return
        self.put_aside.pop(stream.name, None)
        group = self.groups.get(old.model)
        if group is not None and stream.name in group:
            self._end_all(group, stream.name, "another model scores it", made)
            group.remove(stream.name)

    def _add(self, key: str, names: Sequence[str]) -> None:
        """Begins streams anew, with the thresholds that people gave them."""
        group = self.groups[key]
        names = [name for name in names if name not in group]
        group.add(names)
        self._own_thresholds(group, names)

    def _own_thresholds(self, group: Group, names: Sequence[str]) -> None:
        for name in names:
            own = self.orders.threshold_of(name, group)
            if own is not None:
                group.bank.set_threshold(group.place(name), own)

    def _evict(self, sequence: int, name: str, made: _Made) -> None:
        group = self._group_of(name)
        if group is None or name not in group:
            return
        self._end_all(group, name, "it is no longer heard", made)
        self._presence.gone([name])
        try:
            self._aside.put(name, sequence, group.snapshot([name]))
        except InputError as error:
            self._trouble("aside", f"{name} stays in memory: {error}")
            return
        self.put_aside[name] = sequence
        group.remove(name)

    def _end_all(self, group: Group, name: str, why: str, made: _Made) -> None:
        """Ends the events of a stream that is let go of."""
        self._tell(self._notices.end(group, name), made)
        self._end_others(name, why, made)

    def _end_others(self, name: str, why: str, made: _Made) -> None:
        self._tell(self._notices.end_others(name, None, why), made)

    def _group_of(self, name: str) -> Group | None:
        stream = self.streams.get(name)
        return self.groups.get(stream.model) if stream else None

    def _push(self, key: str, some: Sequence[Rows], made: _Made) -> None:
        group = self.groups.get(key)
        if group is None:
            self._trouble("model", f"Rows of the model {key} are left out: it is not there.")
            return
        joined = self._introduced(some[0] if len(some) == 1 else _joined(key, some))
        self._have(group, joined)
        places, times_ns, values, quality = placed(group, joined, self.registry)
        pushed = group.push(places, times_ns, values, quality)
        first = np.flatnonzero(np.diff(places, prepend=-1)).tolist()
        spoke_ns = {group.names[places[row]]: int(times_ns[row]) for row in first}
        for name in self._presence.spoke([*spoke_ns]):
            made.online.append((name, True))
            self._tell(self._notices.speaks(name, spoke_ns[name]), made)
        for change in pushed.sensors:
            self._tell(self._notices.of_sensor(group, change), made)
        for stepped in pushed.stepped:
            self._scored(group, stepped, made)
        for name, stopped_ns in pushed.stopped:
            self._tell(self._notices.end(group, name), made)
            why = "the machine has stopped"
            self._tell(self._notices.end_others(name, stopped_ns, why), made)
            made.running.append((name, False))
        made.running += [(name, True) for name in pushed.resumed]
        if self._floods is not None and len(times_ns):
            over = self._floods.advance(int(np.median(times_ns)))
            if over is not None:
                self._summaries.append(flood_notice(over))
        self._tell((), made)

    def _introduced(self, rows: Rows) -> Rows:
        """Leaves out rows whose stream no record named: that record was lost."""
        lost = [n for n in np.unique(rows.streams).tolist() if n not in self.registry]
        if not lost:
            return rows
        known = ~np.isin(rows.streams, lost)
        count = len(known) - int(known.sum())
        self._trouble(
            "streams",
            f"{count} row{'s' * (count > 1)} of {len(lost)} streams are left out: the record of "
            "the journal that named them is lost.",
        )
        return rows.where(known)

    def _have(self, group: Group, rows: Rows) -> None:
        """Takes in streams that speak and are not there: put aside, or lost with a record."""
        for number in np.unique(rows.streams).tolist():
            name = self.registry[number].name
            if name in group:
                continue
            if name in self.put_aside:
                self._bring_back(name)
            if name not in group:
                self._add(group.key, [name])

    def _scored(self, group: Group, stepped: Stepped, made: _Made) -> None:
        if not len(stepped.streams):
            return
        rows = stepped.rows
        if len(self.orders.mutes):
            muted = np.array([self.orders.mutes.muted(name) for name in rows.names], np.bool_)
            rows = replace(rows, quality=rows.quality | np.where(muted, _MUTED, np.uint16(0)))
        made.scored.append(rows)
        # Between streams, events are told in the order of their times.
        notices = sorted(self._notices.of(group, stepped), key=lambda notice: notice.time_ns)
        self._tell(notices, made)

    def _tell(self, notices: Iterable[EventNotice], made: _Made) -> None:
        """Takes notices, and notes where the state of a stream changes by them."""
        for notice in notices:
            made.events.append(notice)
            going = self._open.setdefault(notice.stream, set())
            was = bool(going)
            if notice.phase == "end":
                going.discard(notice.id)
            else:
                going.add(notice.id)
            if bool(going) != was:
                made.states.append((notice.stream, bool(going), notice.time_ns))
            if not going:
                del self._open[notice.stream]
        made.events += self._summaries
        self._summaries.clear()

    def _may_tell(
        self, identity: str, stream: str, blamed: Sequence[str], time_ns: int
    ) -> bool | None:
        """Whether an event is told now; None: not while it is muted."""
        if self.orders.mutes.silences(stream, blamed):
            return None
        if self._floods is None:
            return True
        told, change = self._floods.started(identity, stream, time_ns)
        if change is not None:
            self._summaries.append(flood_notice(change))
        return told == "told"

    def _event_ended(self, identity: str) -> None:
        if self._floods is not None:
            self._floods.ended(identity)

    def _outputs(self, made: _Made) -> Outputs:
        return Outputs(
            sequence=self.sequence,
            scored=made.scored,
            events=made.events,
            states=made.states,
            online=made.online,
            gone=made.gone,
            answers=made.answers,
            running=made.running,
        )


def _same_channels(one: Group, other: Group) -> bool:
    return one.detector.channels == other.detector.channels


def _joined(key: str, some: Sequence[Rows]) -> Rows:
    """Joins rows of one model that follow each other, sorted by stream again."""
    arrays = {
        name: np.concatenate([getattr(rows, name) for rows in some])
        for name in ("streams", "times_ns", "values", "quality")
    }
    order = np.argsort(arrays["streams"], kind="stable")
    return replace(some[0], model=key, **{name: a[order] for name, a in arrays.items()})
