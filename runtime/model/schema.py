"""The detector file: tensor names, metadata and the integer schema version.

To change the format:

1. Raise `SCHEMA` by one and describe the change in `docs/onnx-file.md`.
2. Keep reading the old version: `Metadata.from_json` upgrades it, a test replays an old file.
3. Commit a golden file of the new version beside the old ones (`tests/golden/`).
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, Self, get_args

from runtime.clock.durations import nanoseconds
from runtime.clock.grid import FILE_REORDER, GridKind, RowGrid, TimeGrid, make_grid
from runtime.errors import InputError, ModelFileError, SchemaError
from runtime.model.policy import AlarmPolicy

SCHEMA = 1
"""Version of the tensors and the metadata described here."""

METADATA_KEY = "kad"
"""Key of the JSON metadata in the ONNX file's `metadata_props`."""

GOLDEN_KEY = "kad.golden"
"""Key of the golden vectors: base64 of an npz with `x`, `state` and every output."""

INPUTS = ("x", "state")

Role = Literal["channel", "context"]


@dataclass(frozen=True, slots=True, kw_only=True)
class InputColumn:
    """One column of `x`."""

    name: str
    """Column name, as in the training data."""
    role: Role = "channel"
    """`channel`: measured by the user; `context`: computed from the timestamp by the runtime."""
    unit: str | None = None
    """Physical unit, where known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """What a detector file says about itself; readable with onnxruntime alone."""

    detector: str
    """Detector name, as in `kad train --detector`."""
    inputs: tuple[InputColumn, ...]
    """The columns of `x` in order: all channels, then context columns."""
    period_s: float
    """Sampling period in seconds."""
    grid: GridKind = "time"
    """`time`: rows are placed on a regular time grid; `rows`: every row is one step."""
    max_gap_steps: int
    """A gap longer than this many steps restarts the warm-up."""
    reorder: int = FILE_REORDER
    """Rows of a file may arrive this many periods late; a live stream waits for none."""
    warmup_steps: int
    """Steps after a start or restart whose severity is 0."""
    max_steps: int
    """Longest chunk that `step` takes; the runtime splits longer ones."""
    state_size: int
    """Length of one stream's state row."""
    threshold: float
    """Default alarm threshold on severity."""
    false_alarms: str
    """The false-alarm budget that `threshold` stands for, such as `1/week`."""
    weights_sha256: str
    """SHA-256 of the graph's weights."""
    alarm: AlarmPolicy = field(default_factory=AlarmPolicy)
    """Default alarm policy; files from before it have hysteresis alone."""
    calibration: Mapping[str, Any] = field(default_factory=dict)
    """Rows and quantiles of the scores behind severity, and their highest severities."""
    training: Mapping[str, Any] = field(default_factory=dict)
    """Rows, backend, versions, seed and SHA-256 of the training data."""
    schema: int = SCHEMA
    """Version of this format."""

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the measured columns, in order."""
        return tuple(column.name for column in self.inputs if column.role == "channel")

    @property
    def units(self) -> tuple[str | None, ...]:
        """Units of the channels, in order."""
        return tuple(column.unit for column in self.inputs if column.role == "channel")

    @property
    def period_ns(self) -> int:
        """Sampling period in nanoseconds."""
        return nanoseconds(self.period_s)

    @property
    def around_ns(self) -> int:
        """How far a moment may lie from a step that it still belongs to: the nearest one's."""
        return (self.period_ns - 1) // 2 if self.grid == "time" else 0

    def make_grid(self, *, reorder: int, max_gap: int | None = None) -> TimeGrid | RowGrid:
        """Returns the grid that the detector's rows are placed on.

        Args:
            reorder: Rows may arrive this many periods late.
            max_gap: Instead of `max_gap_steps`.
        """
        return make_grid(
            self.grid,
            period_s=self.period_s,
            channels=len(self.channels),
            max_gap=self.max_gap_steps if max_gap is None else max_gap,
            reorder=reorder,
        )

    def to_json(self) -> str:
        """Returns the metadata as JSON without NaN or infinity."""
        return json.dumps(asdict(self), allow_nan=False, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Reads and checks the metadata of a detector file.

        Raises:
            SchemaError: The file has another schema version.
            ModelFileError: The metadata is damaged or incomplete.
        """
        try:
            raw = json.loads(text)
        except ValueError as error:
            raise ModelFileError(
                f"The metadata of a kad detector must be JSON. Received: {error}. "
                "Export the detector again."
            ) from error
        version = raw.get("schema") if isinstance(raw, dict) else None
        if version != SCHEMA:
            raise SchemaError(
                f"This runtime reads detector files of schema {SCHEMA}. "
                f"Received: schema {version!r}. "
                "Install the kad-anomaly release that wrote the file, or export it again."
            )
        known = {f.name for f in fields(cls)}
        required = known - {"grid", "reorder", "alarm", "calibration", "training", "schema"}
        missing = sorted(required - raw.keys())
        if missing:
            raise ModelFileError(
                f"The detector's metadata lacks {', '.join(missing)}. Export the detector again."
            )
        try:
            inputs = tuple(InputColumn(**column) for column in raw["inputs"])
            alarm = AlarmPolicy.from_dict(raw.get("alarm", {}))
            values = {k: raw[k] for k in known & raw.keys() - {"inputs", "alarm"}}
            metadata = cls(inputs=inputs, alarm=alarm, **values)
            metadata._check()
        except (TypeError, AttributeError, InputError) as error:
            raise ModelFileError(
                f"The detector's metadata is damaged: {error}. Export the detector again."
            ) from error
        return metadata

    def _check(self) -> None:
        roles = [column.role for column in self.inputs]
        names = [column.name for column in self.inputs]
        steps = (
            self.max_steps,
            self.state_size,
            self.warmup_steps,
            self.max_gap_steps,
            self.reorder,
        )
        wrong = None
        if "channel" not in roles:
            wrong = "inputs must list at least one channel"
        elif set(roles) - set(get_args(Role)):
            wrong = f"input roles must be among {get_args(Role)}, not {sorted(set(roles))}"
        elif roles != sorted(roles):
            wrong = "context columns must come after the channels"
        elif len(set(names)) < len(names):
            wrong = f"input names must differ, not {names}"
        elif self.grid not in get_args(GridKind):
            wrong = f"grid must be one of {get_args(GridKind)}, not {self.grid!r}"
        elif not 0 < self.period_s < math.inf:
            wrong = f"period_s must be above 0, not {self.period_s}"
        elif not 0 < self.threshold < math.inf:
            wrong = f"threshold must be above 0, not {self.threshold}"
        elif not all(type(count) is int for count in steps):
            wrong = "counts of steps must be whole numbers"
        elif min(steps[:2]) < 1 or min(steps[2:]) < 0:
            wrong = (
                "max_steps and state_size must be above 0, "
                "warmup_steps, max_gap_steps and reorder at least 0"
            )
        if wrong:
            raise ModelFileError(f"The detector's metadata is damaged: {wrong}. Export it again.")
