"""The engine: records of the journal in, outputs out; a pure function of its state and them."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from runtime.counted import counted
from runtime.errors import InputError, ModelFileError
from runtime.gateway.engine.aside import Aside
from runtime.gateway.engine.continuing import UNSOUND, Continuing
from runtime.gateway.engine.cut import Cut
from runtime.gateway.engine.group import Group, Part, Resumed, Stepped, Stopped
from runtime.gateway.engine.made import Made
from runtime.gateway.engine.members import Library, Members, Trouble
from runtime.gateway.engine.notices import gateway_notice
from runtime.gateway.engine.orders import CHANGING
from runtime.gateway.engine.settings import EngineSettings
from runtime.gateway.engine.succession import Succession
from runtime.gateway.engine.swap import History, placed
from runtime.gateway.outputs import Outputs
from runtime.gateway.records import NewStream, Record, Rows
from runtime.gateway.rules.commands import AckCommand
from runtime.gateway.rules.sensors import SensorChange
from runtime.gateway.samples import Quality

__all__ = ["Engine", "Trouble"]


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
        self.prepared: dict[str, tuple[Group, int]] = {}
        """Groups of models that are about to take over, by their identity, and the last record
        that each has seen."""
        self._begin(settings)

    def _begin(self, settings: EngineSettings) -> None:
        """Knows of no stream."""
        self.settings = settings
        members = Members(settings, library=self._library, aside=self._aside, trouble=self._trouble)
        self._members, self.orders = members, members.orders
        self._presence, self._telling = members.presence, members.telling
        self._succession = Succession(
            members,
            prepared=self.prepared,
            history=self._history,
            scored=self._scored,
            trouble=self._trouble,
        )
        self.acknowledged: dict[str, int] = {}
        """How far each sink is, by its name."""
        self.parts: dict[str, Mapping[str, Any]] = {}
        """What waits for other channels, by source and stream; see `Record.parts`."""
        self.sequence = 0
        """Of the last record."""
        self._now_ns = 0

    @property
    def groups(self) -> Mapping[str, Group]:
        """The streams, by the key of their model."""
        return self._members.groups

    @property
    def registry(self) -> Mapping[int, NewStream]:
        """All streams that were ever heard of, by number."""
        return self._members.registry

    @property
    def streams(self) -> Mapping[str, NewStream]:
        """The same by name."""
        return self._members.streams

    @property
    def put_aside(self) -> Mapping[str, int]:
        """Streams that are put aside, and the sequence number of that."""
        return self._members.put_aside

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
        self._members.upset()
        return made.outputs(self.sequence)

    def cut(self) -> Cut:
        """Begins a snapshot that is taken a part at a time, in place of one that was begun."""
        return self._members.begin_cut(sequence=lambda: self.sequence, rest=self._rest)

    def snapshot(self) -> Iterator[tuple[str, bytes]]:
        """Yields the whole state in parts: a name, and bytes."""
        for name, _, blob in self.cut():
            yield name, blob

    def _rest(self) -> bytes:
        """Returns what is known beside the states of streams."""
        state = {
            "settings": self.settings.to_json(),
            "registry": [[s.number, s.name, s.model] for s in self.registry.values()],
            "put_aside": self.put_aside,
            "acknowledged": self.acknowledged,
            "parts": list(self.parts.values()),
            **self._telling.state(),
            "orders": self.orders.state(),
            "presence": self._presence.state(),
            # What is known of streams is with their states.
            "watch": {key: group.watch.state(()) for key, group in self.groups.items()},
            "sequence": self.sequence,
        }
        return json.dumps(state, allow_nan=False, separators=(",", ":")).encode()

    def restore(self, parts: Iterable[tuple[str, bytes]]) -> None:
        """Continues from `snapshot`; streams whose state cannot be used begin anew, and it is said.

        Raises:
            InputError: The part `engine` is missing, or of another version.
        """
        each, before = dict(parts), self.settings
        try:
            state = json.loads(each.pop("engine"))
            self._take_over(state)
        except UNSOUND as error:
            self._begin(before)
            raise InputError(
                "A snapshot of the gateway must be what this version keeps. Received: "
                f"{type(error).__name__} in its part `engine`. Its streams start anew."
            ) from error
        streams = Continuing(self._members, self._trouble)
        streams.take_in(each.items())
        self._restore_others(state)
        streams.catch_up()
        self._members.begin_missing()

    def _take_over(self, state: Mapping[str, Any]) -> None:
        """Takes what scores follow from; raises anything where it is not what `snapshot` gave."""
        registry = [NewStream(int(n), str(name), str(key)) for n, name, key in state["registry"]]
        self._begin(EngineSettings.from_json(state["settings"]))
        self._members.know(registry)
        self._members.put_aside |= {str(k): int(v) for k, v in state["put_aside"].items()}
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
            except UNSOUND as error:
                self._trouble(
                    "state",
                    f"What was kept of {name} cannot be used and is lost: {type(error).__name__}.",
                )

    def _restore_watch(self, state: Any) -> None:
        for key, watched in state.items():
            if key in self.groups:
                self.groups[key].watch.restore(watched)

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
            self._members.evict(sequence, name, made)
        self._telling.take(self._telling.notices.unmuted(), made)
        if self._members.cut is not None:
            self._members.cut.passed(records)
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
            self.settings = self._succession.reconfigure(
                EngineSettings.from_json(record.settings),
                made,
                sequence=self.sequence,
                now_ns=self._now_ns,
            )
        new: dict[str, list[str]] = {}
        for stream in record.new:
            self._members.move(stream, made)
            self._members.know([stream])
            new.setdefault(stream.model, []).append(stream.name)
        for key, names in new.items():
            if key in self.groups:
                self._members.add(key, names)
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
            self._members.bring_back(name)
        for command in record.commands:
            self._obey(command, record, made)

    def _obey(self, command: Mapping[str, Any], record: Record, made: Made) -> None:
        """Does what a person asked for, or tells what happened to the gateway."""
        if "note" in command and "command" not in command:
            made.events.append(gateway_notice(command, time_ns=record.time_ns))
        elif command.get("command") == AckCommand.word:
            made.answers.append(self._telling.acknowledge(command, made))
        else:
            made.answers.append(self.orders.take(command))
            if command.get("command") in CHANGING:
                self._members.upset()

    def _push(self, key: str, some: Sequence[Rows], made: Made) -> None:
        group = self.groups.get(key)
        if group is None:
            self._trouble("model", f"Rows of the model {key} are left out: it is not there.")
            return
        joined = self._introduced(some[0] if len(some) == 1 else _joined(key, some))
        self._have(group, joined)
        places, times_ns, values, quality = placed(group, joined, self.registry)
        first = np.flatnonzero(np.diff(places, prepend=-1)).tolist()
        spoke_ns = {group.names[places[row]]: int(times_ns[row]) for row in first}
        for name in self._presence.spoke([*spoke_ns]):
            made.online.append((name, True))
            self._telling.take(self._telling.notices.speaks(name, spoke_ns[name]), made)
        try:
            for part in group.parts(places, times_ns, values, quality):
                self._tell(group, part, made)
        except ModelFileError as error:
            self._succession.renew(group, error, made, now_ns=self._now_ns)
            return
        if len(times_ns):
            self._telling.advance(int(np.median(times_ns)), made)

    def _tell(self, group: Group, part: Part, made: Made) -> None:
        """Takes what rows of a group led to."""
        match part:
            case Stopped(name, stopped_ns):
                self._telling.take(self._telling.notices.end(group, name), made)
                self._telling.end_others(name, stopped_ns, "the machine has stopped", made)
                made.running.append((name, False))
            case Resumed(name):
                made.running.append((name, True))
            case SensorChange():
                self._telling.take(self._telling.notices.of_sensor(group, part), made)
            case _:
                self._scored(group, part, made)

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
                self._members.bring_back(name)
            if name not in group:
                self._members.add(group.key, [name])

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


def _joined(key: str, some: Sequence[Rows]) -> Rows:
    """Joins rows of one model that follow each other, sorted by stream again."""
    arrays = {
        name: np.concatenate([getattr(rows, name) for rows in some])
        for name in ("streams", "times_ns", "values", "quality")
    }
    order = np.argsort(arrays["streams"], kind="stable")
    return replace(some[0], model=key, **{name: a[order] for name, a in arrays.items()})
