"""`[model.running]`, `[model.limits]`, `[model.sensors]`: what is looked at beside the score."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from runtime.errors import ConfigError, shown
from runtime.gateway.rules.limit_tables import ChannelLimits
from runtime.gateway.rules.running import RunningRule
from runtime.gateway.rules.sensors import SensorRules

__all__ = ["LimitOptions", "check_channels", "plain"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitOptions:
    """`[model.limits]`: limits beside the score."""

    event: Literal["only-with-score", "always", "off"] = "always"
    """`only-with-score`: an anomaly is told only where a value is beyond a limit too."""
    channels: Mapping[str, ChannelLimits] = field(default_factory=dict)
    """By channel."""


def plain(rule: RunningRule | ChannelLimits | SensorRules) -> dict[str, Any]:
    """Returns the fields of a rule as data for JSON."""
    return dataclasses.asdict(rule)


def check_channels(names: Mapping[str, Any], channels: tuple[str, ...], what: str) -> None:
    """Refuses rules of channels that a model does not have.

    Raises:
        ConfigError: There is one.
    """
    unknown = sorted(set(names) - set(channels))
    if unknown:
        raise ConfigError(
            f"{what} of a model must be of its channels {', '.join(channels)}. "
            f"Received: {shown(unknown[0])}."
        )
