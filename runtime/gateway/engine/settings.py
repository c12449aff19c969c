"""What scores and events depend on besides the rows: a part of the configuration."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

__all__ = ["EngineSettings", "ModelSettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """How one model scores its streams."""

    identity: str
    """The detector's `Metadata.identity`."""
    threshold: float
    """Severity that opens an event, where a stream has none of its own."""
    policy: Mapping[str, Any] = field(default_factory=dict)
    """The alarm policy, as `AlarmPolicy.from_dict` reads it."""
    reorder: int = 3
    """Slots that a late row is waited for, only where it is missing."""
    max_gap: int | None = None
    """Instead of the file's."""
    warm: bool = False
    """New streams start from the state at the end of the training rows."""
    thresholds: Mapping[str, float] = field(default_factory=dict)
    """Of streams that have one of their own, by name."""
    extras: Sequence[str] = ()
    """Readings beside the channels that the rows bring, in order: those of the running signal."""
    running: Mapping[str, Any] | None = None
    """Fields of `RunningRule`; None: machines always run."""
    limit_event: str = "always"
    """See `LimitEvents`."""
    limits: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Fields of `ChannelLimits`, by channel."""
    warmed_from: int = 0
    """Where the model takes over from another: the first record of the journal that it has seen;
    0: its streams warm up anew."""
    sensors: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Fields of `SensorRules`, by channel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """Everything of the configuration that changes scores or events."""

    models: Mapping[str, ModelSettings]
    """By key."""
    update_severity: float = 1.0
    """An event's update goes out where its severity has risen by this much since the last notice:
    1 is ten times rarer."""
    floods: Mapping[str, Any] | None = None
    """Fields of `FloodRules`; None: every event is told."""

    def as_configured(self) -> Self:
        """Returns them as a configuration gives them: it knows of no warm-up."""
        models = {key: replace(one, warmed_from=0) for key, one in self.models.items()}
        return replace(self, models=models)

    def to_json(self) -> dict[str, Any]:
        """Returns plain data."""
        raw: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return raw

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Reads what `to_json` made."""
        models = {
            key: ModelSettings(**{**one, "extras": tuple(one["extras"])})
            for key, one in raw["models"].items()
        }
        return cls(**{**raw, "models": models})
