"""The streams of the engine: which there are, whose model scores each, and who is put aside."""

from collections.abc import Callable, Sequence
from typing import Protocol

from runtime.counted import counted
from runtime.errors import InputError
from runtime.gateway.engine.aside import Aside
from runtime.gateway.engine.cut import Cut
from runtime.gateway.engine.group import Group
from runtime.gateway.engine.made import Made
from runtime.gateway.engine.orders import Orders
from runtime.gateway.engine.settings import EngineSettings, ModelSettings
from runtime.gateway.engine.telling import Telling
from runtime.gateway.records import NewStream
from runtime.gateway.rules.silence import Presence
from runtime.model.detector import Detector

__all__ = ["Library", "Members", "Trouble", "warming"]


class Library(Protocol):
    """Detectors by their identity."""

    def get(self, identity: str, /) -> Detector | None:
        """Returns a detector; None: it is not there any more."""
        ...


Trouble = Callable[[str, str], None]
"""Says what went wrong without stopping: a kind, and a sentence."""


class Members:
    """All streams, in groups by their models; nobody is a member yet.

    Args:
        settings: Of the engine.
        library: Detectors by identity.
        aside: Where streams are put that fell silent.
        trouble: Takes what must be said.
    """

    def __init__(
        self, settings: EngineSettings, *, library: Library, aside: Aside, trouble: Trouble
    ) -> None:
        self._library, self._aside, self._trouble = library, aside, trouble
        self.groups: dict[str, Group] = {}
        for key, one in settings.models.items():
            group = self.new_group(key, one)
            if group is not None:
                self.groups[key] = group
        self.orders = Orders(self.groups)
        self.presence = Presence()
        self.telling = Telling(settings, self.orders.mutes)
        self.registry: dict[int, NewStream] = {}
        """All streams that were ever heard of, by number."""
        self.streams: dict[str, NewStream] = {}
        """The same by name."""
        self.put_aside: dict[str, int] = {}
        """Streams that are put aside, and the sequence number of that."""
        self.cut: Cut | None = None
        """A snapshot that is being taken."""

    def new_group(self, key: str, settings: ModelSettings) -> Group | None:
        """Returns a group without streams; None, and it is said: its detector is not there."""
        detector = self._library.get(settings.identity)
        if detector is None:
            self._trouble(
                "model",
                f"The model {key} ({settings.identity[:12]}) is not there: its rows are left out.",
            )
            return None
        return Group(key, detector, settings)

    def group_of(self, name: str) -> Group | None:
        """Returns the group that a stream belongs to, whether it is in it now or not."""
        stream = self.streams.get(name)
        return self.groups.get(stream.model) if stream else None

    def begin_cut(self, *, sequence: Callable[[], int], rest: Callable[[], bytes]) -> Cut:
        """Begins a snapshot, in place of one that was begun; see `Cut`."""
        self.cut = Cut(self.groups, sequence=sequence, rest=rest)
        return self.cut

    def upset(self) -> None:
        """Says that streams were changed by more than their rows."""
        if self.cut is not None:
            self.cut.upset()

    def know(self, streams: Sequence[NewStream]) -> None:
        """Takes note of streams and their numbers."""
        self.registry.update((one.number, one) for one in streams)
        self.streams.update((one.name, one) for one in streams)

    def add(self, key: str, names: Sequence[str]) -> None:
        """Begins streams anew, with the thresholds that people gave them."""
        group = self.groups[key]
        names = [name for name in names if name not in group]
        group.add(names)
        self.own_thresholds(group, names)

    def own_thresholds(self, group: Group, names: Sequence[str]) -> None:
        """Gives streams of a group the thresholds that people gave them."""
        for name in names:
            own = self.orders.threshold_of(name, group)
            if own is not None:
                group.bank.set_threshold(group.place(name), own)

    def move(self, stream: NewStream, made: Made) -> None:
        """Takes a stream from the model that it had before, where that was another one."""
        old = self.streams.get(stream.name)
        if old is None or old.model == stream.model:
            return
        self.put_aside.pop(stream.name, None)
        group = self.groups.get(old.model)
        if group is not None and stream.name in group:
            self.telling.end_all(group, stream.name, "another model scores it", made)
            group.remove(stream.name)
            self._changed(stream.name)

    def evict(self, sequence: int, name: str, made: Made) -> None:
        """Puts a stream aside, with all it has learnt; where the disk refuses, it stays."""
        group = self.group_of(name)
        if group is None or name not in group:
            return
        self.telling.end_all(group, name, "it is no longer heard", made)
        self._changed(name)
        self.presence.gone([name])
        if self._keep_aside(group, name, sequence):
            group.remove(name)

    def bring_back(self, name: str) -> None:
        """Takes in a stream that was put aside; without its state it begins anew."""
        sequence = self.put_aside.pop(name, None)
        group = self.group_of(name)
        if sequence is None or group is None:
            return
        self._changed(name)
        state = self._aside.get(name, sequence)
        if state is None:
            self._trouble("state", f"{name} warms up again: what it had learnt is gone.")
            self.add(group.key, [name])
            return
        try:
            group.take_in(state)
        except InputError as error:
            self._trouble("state", f"{name} warms up again: {error}")
            self.add(group.key, [name])
            self._follow(group, name, state)

    def replace_aside(self, group: Group, sequence: int) -> None:
        """Puts streams aside again that a new group has got to know from the journal."""
        for name in [name for name in self.put_aside if name in group]:
            before = self._aside.get(name, self.put_aside.pop(name))
            if before is not None:
                self._follow(group, name, before)
            if self._keep_aside(group, name, sequence):
                group.remove(name)

    def begin_missing(self) -> None:
        """Begins streams anew whose state is gone: they warm up again."""
        for key, group in self.groups.items():
            here = {*group.names, *self.put_aside}
            lost = [s.name for s in self.streams.values() if s.model == key and s.name not in here]
            if lost:
                self.add(key, lost)
                self._trouble("state", f"{warming(len(lost), key)}, as {lost[0]}.")

    def _keep_aside(self, group: Group, name: str, sequence: int) -> bool:
        """Puts the state of a stream aside; False, and it is said: the disk refuses."""
        try:
            self._aside.put(name, sequence, group.snapshot([name]))
        except InputError as error:
            self._trouble("aside", f"{name} stays in memory: {error}")
            return False
        self.put_aside[name] = sequence
        return True

    def _follow(self, group: Group, name: str, state: bytes) -> None:
        """Lets a stream go on behind the state that it had under another model or grid."""
        before = Group.batch_in(state, self._library.get)
        if before is not None:
            group.follow(before, [name])

    def _changed(self, name: str) -> None:
        if self.cut is not None:
            self.cut.changed(name)


def warming(count: int, key: str) -> str:
    """Says how many streams of a model warm up again."""
    return counted(count, f"stream of {key} warms up again", f"streams of {key} warm up again")
