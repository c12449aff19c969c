"""What is told of events: not what is muted, not more than a person can read; and states."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from runtime.errors import InputError
from runtime.gateway.engine.acks import Acks
from runtime.gateway.engine.group import Group
from runtime.gateway.engine.made import Made
from runtime.gateway.engine.notices import Notices, flood_notice
from runtime.gateway.engine.settings import EngineSettings
from runtime.gateway.outputs import EventNotice
from runtime.gateway.rules.command_json import answer_to, refusal_of
from runtime.gateway.rules.commands import AckCommand, command_from_json
from runtime.gateway.rules.floods import FloodRules, Floods
from runtime.gateway.rules.mutes import Mutes

__all__ = ["Telling"]


class Telling:
    """Tells events, and notes which streams have any that go on.

    Args:
        settings: Of the engine.
        mutes: What people do not want to hear of.
    """

    def __init__(self, settings: EngineSettings, mutes: Mutes) -> None:
        self._mutes = mutes
        self._rules = settings.floods
        self._floods = _floods_of(settings)
        self.notices = Notices(
            settings.update_severity, may_tell=self._may_tell, ended=self._event_ended
        )
        self._acks = Acks()
        self._open: dict[str, set[str]] = {}
        """Ids of the events that were told and go on, by stream."""
        self._summaries: list[EventNotice] = []

    def __contains__(self, stream: object) -> bool:
        """Whether a stream has an event that goes on."""
        return stream in self._open

    @property
    def counts_floods(self) -> bool:
        """Whether what is told depends on the order of events of all streams."""
        return self._floods is not None

    def reconfigure(self, settings: EngineSettings) -> None:
        """Takes other settings."""
        self.notices.rise = settings.update_severity
        if settings.floods != self._rules:
            self._rules, self._floods = settings.floods, _floods_of(settings)

    def take(self, notices: Iterable[EventNotice], made: Made) -> None:
        """Takes notices, and notes where the state of a stream changes by them."""
        for notice in map(self._acks.on, notices):
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

    def acknowledge(self, raw: Mapping[str, Any], made: Made) -> tuple[str, str]:
        """Takes note that somebody has seen events; each is told again, and says so.

        Args:
            raw: The command, as the journal has it.
            made: Takes what there is to say.

        Returns:
            The command's id and its answer as JSON.
        """
        try:
            command = command_from_json(raw)
            notices = self._acks.take(command) if isinstance(command, AckCommand) else ()
        except InputError as error:
            return refusal_of(str(raw.get("id", "")), error)
        self.take(notices, made)
        return answer_to(command, [notice.id for notice in notices])

    def advance(self, time_ns: int, made: Made) -> None:
        """Takes note of the time of most rows: a flood may be over."""
        over = None if self._floods is None else self._floods.advance(time_ns)
        if over is not None:
            self._summaries.append(flood_notice(over))
        self.take((), made)

    def end_all(self, group: Group, name: str, why: str, made: Made) -> None:
        """Ends the events of a stream that is let go of."""
        self.take(self.notices.end(group, name), made)
        self.end_others(name, None, why, made)

    def end_others(self, name: str, time_ns: int | None, why: str, made: Made) -> None:
        """Ends the events of a stream that are not of its score."""
        self.take(self.notices.end_others(name, time_ns, why), made)

    def restorers(self) -> dict[str, Callable[[Any], None]]:
        """Returns what takes each part of `state`."""
        return {
            "notices": self.notices.restore,
            "open": self._restore_open,
            "acks": self._acks.restore,
            "floods": self._restore_floods,
        }

    def state(self) -> dict[str, Any]:
        """Returns what is known, in parts for JSON."""
        return {
            "notices": self.notices.state(),
            "floods": None if self._floods is None else self._floods.state(),
            "acks": self._acks.state(),
            "open": {name: sorted(ids) for name, ids in self._open.items()},
        }

    def _restore_open(self, state: Any) -> None:
        self._open = {str(name): set(ids) for name, ids in state.items()}

    def _restore_floods(self, state: Any) -> None:
        if self._floods is not None and state is not None:
            self._floods.restore(state)

    def _may_tell(
        self, identity: str, stream: str, blamed: Sequence[str], time_ns: int
    ) -> bool | None:
        """Whether an event is told now; None: not while it is muted."""
        if self._mutes.silences(stream, blamed):
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


def _floods_of(settings: EngineSettings) -> Floods | None:
    return None if settings.floods is None else Floods(FloodRules(**settings.floods))
