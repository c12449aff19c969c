"""What operators asked for, as it holds: mutes, thresholds, limits, whether machines run."""

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from runtime.alarms.budget import event_threshold
from runtime.errors import InputError
from runtime.gateway.engine.group import Group
from runtime.gateway.rules.command_json import answer_to, answered, refusal_of
from runtime.gateway.rules.commands import (
    AckCommand,
    AnyCommand,
    LimitsCommand,
    ListCommand,
    MuteCommand,
    RunningCommand,
    SwapCommand,
    ThresholdCommand,
    UnmuteCommand,
    command_from_json,
)
from runtime.gateway.rules.mutes import Mutes, matches
from runtime.model.policy import AlarmPolicy

__all__ = ["CHANGING", "Orders"]

CHANGING = (ThresholdCommand.word, LimitsCommand.word, RunningCommand.word)
"""Commands that change how streams are scored, or what is told of them."""


class Orders:
    """Takes commands, and keeps what holds.

    Args:
        groups: The streams, by model; those of the engine.
    """

    def __init__(self, groups: Mapping[str, Group]) -> None:
        self._groups = groups
        self.mutes = Mutes()
        self._kept: dict[str, dict[str, Any]] = {}
        """Commands that set thresholds or limits, as they hold, by what they set."""

    def take(self, raw: Mapping[str, Any]) -> tuple[str, str]:
        """Does what a command asks for, and returns its id and its answer as JSON."""
        if "refused" in raw:
            return refusal_of(str(raw["id"]), InputError(raw["refused"]))
        if "swapped" in raw:
            return self._swapped(str(raw["id"]), raw["swapped"])
        try:
            command = command_from_json(raw)
        except InputError as error:
            return refusal_of(str(raw.get("id", "")), error)
        try:
            return answer_to(command, self._do(command))
        except InputError as error:
            return refusal_of(command.id, error)

    def threshold_of(self, name: str, group: Group) -> float | None:
        """Returns the threshold that a person gave a stream; None: nobody did."""
        found = None
        for raw in self._kept.values():
            if raw["command"] == "threshold" and matches(raw["streams"], name):
                found = _severity(raw, group)
        return found

    def advance(self, elapsed_s: float, wall_ns: int | None) -> None:
        """Lets time pass for mutes."""
        if len(self.mutes):
            self.mutes.advance(elapsed_s, wall_ns)

    @property
    def is_timed(self) -> bool:
        """Whether a mute runs out."""
        return any(mute.rest_s is not None for mute in self.mutes.listing())

    def state(self) -> dict[str, Any]:
        """Returns what holds, for JSON."""
        return {"mutes": self.mutes.state(), "kept": list(self._kept.values())}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continues from `state`; thresholds of streams are in their own states.

        Raises:
            InputError: It is not what `state` returned.
        """
        self.mutes.restore(state["mutes"])
        self._kept = {_key(raw): dict(raw) for raw in state["kept"]}
        self.set_limits()

    def set_limits(self, groups: Sequence[Group] | None = None) -> None:
        """Sets the limits that people gave, after a start or in a new group.

        Streams that are meant may be put aside: limits hold for them when they are back.
        """
        for raw in self._kept.values():
            if raw["command"] == "limits":
                command = command_from_json(raw)
                if isinstance(command, LimitsCommand):
                    for group in self._groups.values() if groups is None else groups:
                        with suppress(InputError):  # of channels that its model does not have
                            group.watch.override_limits(command.streams, command.by_channel())

    def _do(self, command: AnyCommand) -> Any:
        """Returns what holds now, or what was asked for."""
        match command:
            case MuteCommand():
                self._meant(command.streams)
                self.mutes.mute(command.mute())
                found: Any = command.mute().to_json()
            case UnmuteCommand():
                ended = self.mutes.unmute(command.streams, command.channel)
                found = [mute.to_json() for mute in ended]
            case ThresholdCommand():
                found = self._set_thresholds(command)
            case LimitsCommand():
                self._limit(command)
                self._keep(command.to_json(), holds=command.limits is not None)
                found = command.to_json()["limits"]
            case RunningCommand():
                for group in self._meant(command.streams):
                    group.watch.override_running(command.streams, command.state)
                found = command.state
            case AckCommand():
                raise InputError("An ack must go to what tells events. Received: it is here.")
            case ListCommand():
                found = self._listed(command.what)
            case SwapCommand():
                # Who receives it verifies the file and warms it up; then there is another answer.
                found = {"model": command.model, "file": command.file, "state": "accepted"}
        return found

    def _swapped(self, command_id: str, swapped: Mapping[str, str]) -> tuple[str, str]:
        """Returns the answer to a swap once its model was to take over."""
        key, file = swapped["model"], swapped["file"]
        group = self._groups.get(key)
        if group is None or group.detector.metadata.identity != swapped["identity"]:
            error = InputError(
                f"A model must work on the newest rows of its streams. Received: {file}, which "
                f"does not; {key} stays as it is."
            )
            return refusal_of(command_id, error)
        return answered(command_id, SwapCommand.word, {"model": key, "file": file, "state": "done"})

    def _set_thresholds(self, command: ThresholdCommand) -> dict[str, float]:
        raw = command.to_json()
        holds = command.threshold is not None or command.false_alarms is not None
        given: dict[str, float] = {}
        groups = self._meant(command.streams)
        self._keep(raw, holds=holds)
        for group in groups:
            for name in group.names:
                if matches(command.streams, name):
                    # One that is taken back may uncover another that still holds.
                    found = self.threshold_of(name, group)
                    own = group.settings.thresholds.get(name, group.settings.threshold)
                    given[name] = own if found is None else found
                    group.bank.set_threshold(group.place(name), given[name])
        return given

    def _limit(self, command: LimitsCommand) -> None:
        for group in self._meant(command.streams):
            group.watch.override_limits(command.streams, command.by_channel())

    def _keep(self, raw: dict[str, Any], *, holds: bool) -> None:
        self._kept.pop(_key(raw), None)
        if holds:
            self._kept[_key(raw)] = raw

    def _meant(self, streams: str) -> list[Group]:
        """Returns the groups with a stream that is meant.

        Raises:
            InputError: There is none.
        """
        found = [
            group
            for group in self._groups.values()
            if any(matches(streams, name) for name in group.names)
        ]
        if not found:
            raise InputError(
                f"A command must name a stream that has spoken, or a pattern. Received: "
                f"{streams!r}, which fits none."
            )
        return found

    def _listed(self, what: str) -> dict[str, Any]:
        every: dict[str, Callable[[], Any]] = {
            "mutes": lambda: [mute.to_json() for mute in self.mutes.listing()],
            "thresholds": self._thresholds,
            "limits": lambda: [r for r in self._kept.values() if r["command"] == "limits"],
            "running": lambda: [n for g in self._groups.values() for n in g.watch.stopped],
            "streams": lambda: {key: list(g.names) for key, g in self._groups.items()},
            "events": self._events,
            "models": lambda: {
                key: group.detector.metadata.identity for key, group in self._groups.items()
            },
        }
        return {name: make() for name, make in every.items() if what in (name, "all")}

    def _thresholds(self) -> dict[str, float]:
        return {
            name: float(level)
            for group in self._groups.values()
            for name, level in zip(group.names, group.bank.thresholds().tolist(), strict=True)
        }

    def _events(self) -> list[dict[str, Any]]:
        return [
            {"stream": name, "start_ns": event.start_ns, "severity": event.peak_severity}
            for group in self._groups.values()
            for place, name in enumerate(group.names)
            if (event := group.bank.detector(place).open_event) is not None
        ]


def _key(raw: Mapping[str, Any]) -> str:
    return f"{raw['command']}\0{raw['streams']}"


def _severity(raw: Mapping[str, Any], group: Group) -> float | None:
    """Returns the threshold that a command means for a model; None: the configuration's."""
    if raw["threshold"] is not None:
        return float(raw["threshold"])
    if raw["false_alarms"] is None:
        return None
    meta = group.detector.metadata
    found = event_threshold(
        raw["false_alarms"],
        period_s=meta.period_s,
        calibration=meta.calibration,
        policy=AlarmPolicy.from_dict(group.settings.policy),
    )
    return found.threshold if math.isfinite(found.threshold) else None
