"""Scores sensor streams on a gateway, with numpy and onnxruntime alone.

from runtime import Detector, Monitor

monitor = Monitor(Detector("pump.onnx"))
for time, values in sensor:
    scores, closed = monitor.push(time, values)
"""

from runtime.alarms.budget import (
    BudgetThreshold,
    event_threshold,
    severity_threshold,
)
from runtime.alarms.budget_text import Budget, parse_budget, parse_false_alarms
from runtime.alarms.events import Event, EventDetector
from runtime.alarms.monitor import Monitor, Observed
from runtime.clock.grid import GridCounts, Placed, RowGrid, TimeGrid
from runtime.errors import (
    AmbiguousTimeError,
    ConfigError,
    InputError,
    InUseError,
    JournalError,
    KadError,
    MissingExtraError,
    ModelFileError,
    SchemaError,
    VerificationError,
)
from runtime.model.compare import relative_gap
from runtime.model.detector import Detector
from runtime.model.outputs import StepOutput
from runtime.model.policy import AlarmPolicy
from runtime.model.schema import InputColumn, Metadata, StatePart
from runtime.model.verify import VerifyReport, verify
from runtime.streams.batch import BatchScores, StreamBatch
from runtime.streams.scores import Scores
from runtime.streams.stream import Stream

__all__ = [
    "AlarmPolicy",
    "AmbiguousTimeError",
    "BatchScores",
    "Budget",
    "BudgetThreshold",
    "ConfigError",
    "Detector",
    "Event",
    "EventDetector",
    "GridCounts",
    "InUseError",
    "InputColumn",
    "InputError",
    "JournalError",
    "KadError",
    "Metadata",
    "MissingExtraError",
    "ModelFileError",
    "Monitor",
    "Observed",
    "Placed",
    "RowGrid",
    "SchemaError",
    "Scores",
    "StatePart",
    "StepOutput",
    "Stream",
    "StreamBatch",
    "TimeGrid",
    "VerificationError",
    "VerifyReport",
    "event_threshold",
    "parse_budget",
    "parse_false_alarms",
    "relative_gap",
    "severity_threshold",
    "verify",
]
