"""Models that come and go: other settings, one that takes over from another, one that fails."""

from collections.abc import Callable
from dataclasses import replace

from runtime.counted import noun
from runtime.errors import ModelFileError
from runtime.gateway.engine.group import Group, Stepped
from runtime.gateway.engine.made import Made
from runtime.gateway.engine.members import Members, Trouble, warming
from runtime.gateway.engine.notices import gateway_notice
from runtime.gateway.engine.settings import EngineSettings
from runtime.gateway.engine.swap import History, swap_notice, warm_up

__all__ = ["Succession"]


class Succession:
    """Lets groups of the engine follow each other.

    Args:
        members: The streams, in their groups.
        prepared: Groups that are about to take over, by their identity, and the last record that
            each has seen.
        history: Records of the journal, for models that take over; None: there are none.
        scored: Takes what a group has scored.
        trouble: Takes what must be said.
    """

    def __init__(
        self,
        members: Members,
        *,
        prepared: dict[str, tuple[Group, int]],
        history: History | None,
        scored: Callable[[Group, Stepped, Made], None],
        trouble: Trouble,
    ) -> None:
        self._members, self._prepared = members, prepared
        self._history, self._trouble = history, trouble
        self._scored = scored

    def reconfigure(
        self, settings: EngineSettings, made: Made, *, sequence: int, now_ns: int
    ) -> EngineSettings:
        """Takes other settings; streams go on, but where their model or grid is another.

        Args:
            settings: The settings.
            made: Takes what there is to say.
            sequence: Of the record that brings them.
            now_ns: Its time.

        Returns:
            The settings as they hold now: a model that does not work leaves the one before it.
        """
        members, groups = self._members, self._members.groups
        members.upset()
        members.telling.reconfigure(settings)
        for key in [key for key in groups if key not in settings.models]:
            for name in groups[key].names:
                members.telling.end_all(groups[key], name, "its model is gone", made)
                made.gone.append(name)
                members.presence.gone([name])
            del groups[key]
        for key, one in settings.models.items():
            group = groups.get(key)
            if group is not None and group.reconfigure(one):
                members.own_thresholds(group, group.names)
                members.orders.set_limits([group])
                continue
            new = members.new_group(key, one)
            if new is None:
                continue
            if group is not None:
                new = self._succeed(group, new, made, sequence=sequence, now_ns=now_ns)
            groups[key] = new
            members.orders.set_limits([new])
        held = {key: group.settings for key, group in groups.items()}
        return replace(settings, models={**settings.models, **held})

    def renew(self, group: Group, error: ModelFileError, made: Made, *, now_ns: int) -> None:
        """Begins the streams of a model anew that has failed; rows of this call are left out."""
        members, names = self._members, group.names
        members.upset()
        for name in names:
            members.telling.end_all(group, name, "its model has failed", made)
        new = members.new_group(group.key, group.settings)
        if new is None:
            return
        members.groups[group.key] = new
        members.add(group.key, names)
        new.follow(group.batch, names)
        members.orders.set_limits([new])
        whose = noun(len(names), "its", "their")
        text = f"{warming(len(names), group.key)}, {whose} model failed: {error}"
        self._trouble("model", text)
        made.events.append(gateway_notice({"note": "hole", "text": text}, time_ns=now_ns))

    def _succeed(self, old: Group, new: Group, made: Made, *, sequence: int, now_ns: int) -> Group:
        """Lets a group take over from another: warm where the journal has their rows.

        What the old one holds for late rows it scores now; the new one goes on behind that, so
        that no step comes out twice and none is lost, however the two place their rows.
        """
        members = self._members
        one, identity = new.settings, new.detector.metadata.identity
        seen = one.warmed_from - 1
        if identity in self._prepared:
            prepared, upto = self._prepared.pop(identity)
            if prepared.settings == one:
                new, seen = prepared, upto
        is_other = identity != old.detector.metadata.identity
        can_warm = is_other and one.warmed_from and _same_channels(new, old)
        if can_warm and self._history is not None:
            try:
                warm_up(new, self._history(seen, sequence - 1), members.registry)
                new.flush()
            except ModelFileError as error:
                self._trouble("swap", f"{old.key} stays as it is: {error}")
                made.events.append(
                    swap_notice(
                        old.key,
                        f"The new model of {old.key} does not work here, the old one goes on.",
                        time_ns=now_ns,
                        identity=old.detector.metadata.identity,
                        phase="end",
                    )
                )
                return old
        self._finish(old, made)
        for name in old.names:
            members.telling.take(members.telling.notices.end(old, name), made)
        if new.settings.extras == old.settings.extras and _same_channels(new, old):
            new.watch.restore(old.watch.state())
        else:
            for name in old.names:
                members.telling.end_others(name, None, "another model took over", made)
        members.own_thresholds(new, new.names)
        lacking = [name for name in old.names if name not in new]
        if lacking:
            members.groups[new.key] = new
            members.add(new.key, lacking)
            self._trouble("model", f"{warming(len(lacking), new.key)}.")
        new.follow(old.batch, old.names)
        members.replace_aside(new, sequence)
        if is_other:
            made.events.append(
                swap_notice(
                    new.key,
                    f"{new.key} is scored by another model from here on "
                    f"({old.detector.metadata.identity[:12]} before, {identity[:12]} now).",
                    time_ns=now_ns,
                    identity=identity,
                    phase="end",
                )
            )
        return new

    def _finish(self, group: Group, made: Made) -> None:
        """Lets a group score what it holds, for the last time."""
        try:
            self._scored(group, group.flush(), made)
        except ModelFileError as error:
            self._trouble("model", f"What {group.key} held for late rows is not scored: {error}")


def _same_channels(one: Group, other: Group) -> bool:
    return one.detector.channels == other.detector.channels
