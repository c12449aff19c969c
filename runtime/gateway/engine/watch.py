"""What is looked at beside the score, of the streams of one model."""

from collections.abc import Mapping, Sequence
from typing import Any

from runtime.errors import InputError
from runtime.gateway.engine.settings import ModelSettings
from runtime.gateway.rules.limit_tables import ChannelLimits
from runtime.gateway.rules.limits import Limits
from runtime.gateway.rules.running import Running, RunningRule
from runtime.gateway.rules.sensors import SensorRules, Sensors

__all__ = ["Watch"]


class Watch:
    """Running signal, sensors and limits of one model's streams.

    Args:
        settings: Of the model.
        channels: Names of its channels.
    """

    def __init__(self, settings: ModelSettings, channels: Sequence[str]) -> None:
        self.running: Running | None = None
        self.sensors: Sensors | None = None
        if settings.running is not None:
            rule = RunningRule(**settings.running)
            self.running = Running(rule, [*channels, *settings.extras])
        if settings.sensors:
            rules = {name: SensorRules(**one) for name, one in settings.sensors.items()}
            self.sensors = Sensors(channels, rules)
        limits = {name: ChannelLimits(**one) for name, one in settings.limits.items()}
        # Always there: commands may set some later.
        self.limits = Limits(channels, limits, event=settings.limit_event)  # type: ignore[arg-type]

    @property
    def stopped(self) -> tuple[str, ...]:
        """Streams whose machines stand still."""
        return () if self.running is None else self.running.stopped

    def forget(self, names: Sequence[str]) -> None:
        """Lets go of streams."""
        for one in (self.running, self.sensors, self.limits):
            if one is not None:
                one.forget(names)

    def state(self, names: Sequence[str] | None = None) -> dict[str, Any]:
        """Returns what is known of all streams, or of some, and what people said, for JSON."""
        parts = {"running": self.running, "sensors": self.sensors, "limits": self.limits}
        return {name: one.state(names) for name, one in parts.items() if one is not None}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continues from `state`; what the settings no longer have is let go of.

        Raises:
            InputError: It is not what `state` returned.
        """
        parts = {"running": self.running, "sensors": self.sensors, "limits": self.limits}
        for name, one in parts.items():
            if one is not None and name in state:
                one.restore(state[name])

    def override_limits(self, streams: str, limits: Mapping[str, ChannelLimits] | None) -> None:
        """Sets the limits of some streams, see `Limits.override`.

        Raises:
            InputError: Limits of other channels.
        """
        self.limits.override(streams, limits)

    def override_running(self, streams: str, how: Any) -> None:
        """Says by hand whether machines run, see `Running.override`.

        Raises:
            InputError: This model has no running signal.
        """
        if self.running is None:
            raise InputError(
                "A running command needs a model with a running signal (`[model.running]`). "
                "Received: one without."
            )
        self.running.override(streams, how)
