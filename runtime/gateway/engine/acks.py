"""Which of the events that go on people have seen: what is told of them says so from then on."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from runtime.errors import InputError, shown
from runtime.gateway.outputs import Ack, BlamedChannel, EventNotice
from runtime.gateway.rules.commands import AckCommand

__all__ = ["Acks"]

_NUMBERS = ("severity", "duration_s")
_CHANNEL = ("share", "value", "expected")


class Acks:
    """The last notice of each event that was told and goes on, with who has seen it."""

    def __init__(self) -> None:
        self._open: dict[str, EventNotice] = {}

    def on(self, notice: EventNotice) -> EventNotice:
        """Returns a notice with what people said of its event before."""
        before = self._open.get(notice.id)
        if before is not None and before.ack is not None and notice.ack is None:
            notice = replace(notice, ack=before.ack)
        if notice.phase == "end":
            self._open.pop(notice.id, None)
        else:
            self._open[notice.id] = notice
        return notice

    def take(self, command: AckCommand) -> Sequence[EventNotice]:
        """Returns the events that somebody has seen, each as it stands, as updates.

        Raises:
            InputError: None that is meant goes on.
        """
        ack = Ack(by=command.by or command.origin, time_ns=command.time_ns, note=command.note)
        found = [
            replace(notice, phase="update", ack=ack)
            for notice in self._open.values()
            if command.event in (notice.id, notice.stream)
        ]
        if not found:
            raise InputError(
                "An ack must name an event that goes on, or a stream that has one. "
                f"Received: {shown(command.event)}."
            )
        return found

    def state(self) -> list[dict[str, Any]]:
        """Returns what is known, for JSON."""
        return [_json_of(notice) for notice in self._open.values()]

    def restore(self, state: Sequence[Mapping[str, Any]]) -> None:
        """Continues from `state`."""
        self._open = {raw["id"]: _notice_of(raw) for raw in state}


def _json_of(notice: EventNotice) -> dict[str, Any]:
    raw = asdict(notice)
    for place, names in ((raw, _NUMBERS), *((one, _CHANNEL) for one in raw["channels"])):
        place.update({n: float(place[n]) if math.isfinite(place[n]) else None for n in names})
    return raw


def _notice_of(raw: Mapping[str, Any]) -> EventNotice:
    def numbers(place: Mapping[str, Any], names: Sequence[str]) -> dict[str, float]:
        return {n: math.nan if place[n] is None else float(place[n]) for n in names}

    channels = [
        BlamedChannel(name=one["name"], **numbers(one, _CHANNEL)) for one in raw["channels"]
    ]
    ack = None if raw["ack"] is None else Ack(**raw["ack"])
    return EventNotice(**{**raw, **numbers(raw, _NUMBERS), "channels": channels, "ack": ack})
