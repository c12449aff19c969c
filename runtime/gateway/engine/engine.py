"""The engine: records of the journal in, outputs out; a pure function of its state and them."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from runtime.counted import counted, noun
from runtime.errors import InputError, ModelFileError
from runtime.gateway.engine.aside import Aside
from runtime.gateway.engine.group import Group, Stepped
from runtime.gateway.engine.made import Made
from runtime.gateway.engine.notices import gateway_notice
from runtime.gateway.engine.orders import Orders
from runtime.gateway.engine.settings import EngineSettings, ModelSettings
from runtime.gateway.engine.swap import History, placed, swap_notice, warm_up
from runtime.gateway.engine.telling import Telling
from runtime.gateway.outputs import Outputs
from runtime.gateway.records import NewStream, Record, Rows
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
        self._presence = Presence()
        self._telling = Telling(settings, self.orders.mutes)
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
            is_timed = self.orders.is_timed or self._telling.counts_floods
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
        made = Made()
        for group in self.groups.values():
            self._scored(group, group.flush(), made)
        return made.outputs(self.sequence)

    def snapshot(self) -> Iterator[tuple[str, bytes]]:
        """Yields the whole state in parts: a name, and bytes."""
        state = {
            "settings": self.settings.to_json(),
            "registry": [[s.number, s.name, s.model] for s in self.registry.values()],
            "put_aside": self.put_aside,
            "acknowledged": self.acknowledged,
            "parts": list(self.parts.values()),
            **self._telling.state(),
            "orders": self.orders.state(),
            "presence": self._presence.state(),
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
            **self._telling.restorers(),
            "presence": self._presence.restore,
            "watch": self._restore_watch,
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

    def _restore_watch(self, state: Any) -> None:
        for key, watched in state.items():
            if key in self.groups:
                self.groups[key].watch.restore(watched)

    def _begin_missing(self) -> None:
        """Begins streams anew whose state is gone: they warm up again."""
        for key, group in self.groups.items():
            here = {*group.names, *self.put_aside}
            lost = [s.name for s in self.streams.values() if s.model == key and s.name not in here]
            if lost:
                self._add(key, lost)
                self._trouble("state", f"{_warming(len(lost), key)}, as {lost[0]}.")

    def _take(self, records: Sequence[tuple[int, Record]]) -> Outputs:
        made = Made()
        sequence, last = records[-1]
        self.sequence, self._now_ns = sequence, last.time_ns
        for _, record in records:
            self.acknowledged |= record.acknowledged
            self._wait(record.parts)
            wall_ns = record.time_ns if record.clock_is_set else None
            if record.started:
                self.orders.mutes.recover(wall_ns)
                # Whoever reads states may have missed some, or keeps none.
                made.states += [
                    (name, name in self._telling, record.time_ns) for name in self.streams
                ]
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
            self._telling.take(self._telling.notices.silent(name, self._now_ns), made)
        for name in last.evicted:
            self._evict(sequence, name, made)
        self._telling.take(self._telling.notices.unmuted(), made)
        return made.outputs(self.sequence)

    def _wait(self, parts: Iterable[Mapping[str, Any]]) -> None:
        """Takes note of what waits now of streams."""
        for one in parts:
            place = f"{one['source']}\0{one['stream']}"
            self.parts.pop(place, None)
            if one["rows"] or one.get("held"):
                self.parts[place] = one

    def _change(self, record: Record, made: Made) -> None:
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
                self._trouble(
                    "model",
                    f"{counted(len(names), 'stream waits', 'streams wait')} for the model {key}.",
                )
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

    def _reconfigure(self, settings: EngineSettings, made: Made) -> None:
        """Takes other settings; streams go on, but where their model or grid is another."""
        self.settings = settings
        self._telling.reconfigure(settings)
        for key in [key for key in self.groups if key not in settings.models]:
            for name in self.groups[key].names:
                self._telling.end_all(self.groups[key], name, "its model is gone", made)
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

    def _succeed(self, old: Group, new: Group, made: Made) -> Group:
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
            self._telling.take(self._telling.notices.end(old, name), made)
        if new.settings.extras == old.settings.extras and _same_channels(new, old):
            new.watch.restore(old.watch.state())
        else:
            for name in old.names:
                self._telling.end_others(name, None, "another model took over", made)
        self._own_thresholds(new, new.names)
        lacking = [name for name in old.names if name not in new]
        if lacking:
            self.groups[new.key] = new
            self._add(new.key, lacking)
            self._trouble("model", f"{_warming(len(lacking), new.key)}.")
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

    def _move(self, stream: NewStream, made: Made) -> None:
        """Takes a stream from the model that it had before, where that was another one."""
        old = self.streams.get(stream.name)
        if old is None or old.model == stream.model:
            return
        self.put_aside.pop(stream.name, None)
        group = self.groups.get(old.model)
        if group is not None and stream.name in group:
            self._telling.end_all(group, stream.name, "another model scores it", made)
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

    def _evict(self, sequence: int, name: str, made: Made) -> None:
        group = self._group_of(name)
        if group is None or name not in group:
            return
        self._telling.end_all(group, name, "it is no longer heard", made)
        self._presence.gone([name])
        try:
            self._aside.put(name, sequence, group.snapshot([name]))
        except InputError as error:
            self._trouble("aside", f"{name} stays in memory: {error}")
            return
        self.put_aside[name] = sequence
        group.remove(name)

    def _group_of(self, name: str) -> Group | None:
        stream = self.streams.get(name)
        return self.groups.get(stream.model) if stream else None

    def _push(self, key: str, some: Sequence[Rows], made: Made) -> None:
        group = self.groups.get(key)
        if group is None:
            self._trouble("model", f"Rows of the model {key} are left out: it is not there.")
            return
        joined = self._introduced(some[0] if len(some) == 1 else _joined(key, some))
        self._have(group, joined)
        places, times_ns, values, quality = placed(group, joined, self.registry)
        try:
            pushed = group.push(places, times_ns, values, quality)
        except ModelFileError as error:
            self._renew(group, error, made)
            return
        first = np.flatnonzero(np.diff(places, prepend=-1)).tolist()
        spoke_ns = {group.names[places[row]]: int(times_ns[row]) for row in first}
        for name in self._presence.spoke([*spoke_ns]):
            made.online.append((name, True))
            self._telling.take(self._telling.notices.speaks(name, spoke_ns[name]), made)
        for change in pushed.sensors:
            self._telling.take(self._telling.notices.of_sensor(group, change), made)
        for stepped in pushed.stepped:
            self._scored(group, stepped, made)
        for name, stopped_ns in pushed.stopped:
            self._telling.take(self._telling.notices.end(group, name), made)
            why = "the machine has stopped"
            self._telling.end_others(name, stopped_ns, why, made)
            made.running.append((name, False))
        made.running += [(name, True) for name in pushed.resumed]
        if len(times_ns):
            self._telling.advance(int(np.median(times_ns)), made)

    def _renew(self, group: Group, error: ModelFileError, made: Made) -> None:
        """Begins the streams of a model anew that has failed; rows of this call are left out."""
        names = group.names
        for name in names:
            self._telling.end_all(group, name, "its model has failed", made)
        new = self._new_group(group.key, group.settings)
        if new is None:
            return
        self.groups[group.key] = new
        self._add(group.key, names)
        self.orders.set_limits([new])
        text = (
            f"{_warming(len(names), group.key)}, {noun(len(names), 'its', 'their')} model failed: "
            f"{error}"
        )
        self._trouble("model", text)
        made.events.append(gateway_notice({"note": "hole", "text": text}, time_ns=self._now_ns))

    def _introduced(self, rows: Rows) -> Rows:
        """Leaves out rows whose stream no record named: that record was lost."""
        lost = [n for n in np.unique(rows.streams).tolist() if n not in self.registry]
        if not lost:
            return rows
        known = ~np.isin(rows.streams, lost)
        count = len(known) - int(known.sum())
        self._trouble(
            "streams",
            f"{counted(count, 'row')} of {counted(len(lost), 'stream')} left out: the record of "
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

    def _scored(self, group: Group, stepped: Stepped, made: Made) -> None:
        if not len(stepped.streams):
            return
        rows = stepped.rows
        if len(self.orders.mutes):
            muted = np.array([self.orders.mutes.muted(name) for name in rows.names], np.bool_)
            rows = replace(rows, quality=rows.quality | np.where(muted, _MUTED, np.uint16(0)))
        made.scored.append(rows)
        # Between streams, events are told in the order of their times.
        notices = sorted(
            self._telling.notices.of(group, stepped), key=lambda notice: notice.time_ns
        )
        self._telling.take(notices, made)


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


def _warming(count: int, key: str) -> str:
    return counted(count, f"stream of {key} warms up again", f"streams of {key} warm up again")
