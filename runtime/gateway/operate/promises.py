"""What the thresholds of models promise of normal data, for metrics."""

from collections.abc import Mapping
from typing import NamedTuple

from runtime.alarms.budget import event_threshold
from runtime.alarms.budget_text import parse_budget
from runtime.model.policy import AlarmPolicy
from runtime.model.schema import Metadata

__all__ = ["Promise", "Promises"]

_WEEK_S = 604_800.0


class Promise(NamedTuple):
    """Of one stream."""

    events: float
    """False events a week; 0: nothing is known."""
    time: float
    """Share of normal time in events; 0: nothing is known."""


class Promises:
    """The promises of all models, each found once.

    Args:
        budgets: False-alarm budgets that are not the file's, by the models' keys.
    """

    def __init__(self, budgets: Mapping[str, str]) -> None:
        self._budgets = budgets
        self._found: dict[tuple[str, str, AlarmPolicy], Promise] = {}

    def of(self, key: str, metadata: Metadata, policy: AlarmPolicy) -> Promise:
        """Returns what a model promises.

        Args:
            key: Of the model.
            metadata: Of its detector.
            policy: What makes an event there.
        """
        name = (key, metadata.identity, policy)
        if name not in self._found:
            budget = self._budgets.get(key) or metadata.false_alarms
            self._found[name] = _promise(budget, metadata, policy)
        return self._found[name]


def _promise(budget: str, metadata: Metadata, policy: AlarmPolicy) -> Promise:
    said = metadata.calibration.get("expected")
    if said and budget == metadata.false_alarms and policy == metadata.alarm:
        events, time = said["events_per_week"][0], said["time_share"][0]
    else:
        found = event_threshold(
            budget,
            period_s=metadata.period_s,
            calibration=metadata.calibration,
            policy=policy,
        )
        events = found.events_per_s.value * _WEEK_S if found.events_per_s else 0.0
        time = found.time_share.value if found.time_share else 0.0
    read = parse_budget(budget)
    if read.per_s is not None:
        events = read.per_s * _WEEK_S
    return Promise(events, time if read.share is None else read.share)
