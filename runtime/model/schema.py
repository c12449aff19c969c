"""The detector file: tensor names, metadata and the integer schema version.

To change the format:

1. Raise `SCHEMA` by one and describe the change in `docs/onnx-file.md`.
2. Keep reading the old version: `Metadata.from_json` upgrades it, a test replays an old file.
3. Commit a golden file of the new version beside the old ones (`tests/golden/`).
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from runtime.clock.durations import nanoseconds
from runtime.clock.grid import (
    FILE_REORDER,
    LIVE_REMEMBER,
    GridKind,
    RowGrid,
    TimeGrid,
    make_grid,
)
from runtime.errors import ModelFileError, SchemaError
from runtime.model.checks import Role, check_metadata
from runtime.model.policy import AlarmPolicy
from runtime.model.strict_json import read_json

SCHEMA = 2
"""Version of the tensors and the metadata described here."""

OLDEST_SCHEMA = 1
"""The oldest version that is still read."""

METADATA_KEY = "kad"
"""Key of the JSON metadata in the ONNX file's `metadata_props`."""

GOLDEN_KEY = "kad.golden"
"""Key of the golden vectors: base64 of an npz with `x`, `state` and every output."""

WARM_KEY = "kad.warm"
"""Key of the state at the end of the training rows: base64 of an npz with `state`."""

INPUTS = ("x", "state")


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
class StatePart:
    """One part of a stream's state row."""

    name: str
    """What it is, such as `count`."""
    shape: tuple[int, ...]
    """Its numbers lie in the row in C order."""
    offset: int
    """Place of its first number in the row."""
    keeps: bool
    """Whether it goes on over a restart, after which the first number of the row is 0."""


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
    """The false-alarm budget that `threshold` stands for, such as `1/week` or `1 % of time`."""
    graph_sha256: str = ""
    """SHA-256 of the file without its `metadata_props`; empty before export. In files of schema 1,
    that of the weights."""
    networks_sha256: str = ""
    """SHA-256 of the weights that detectors of one training share."""
    state: tuple[StatePart, ...] = ()
    """Parts of a state row, in order; none in files of schema 1."""
    step_of: str | None = None
    """In a step file, the `graph_sha256` of the detector that it belongs to."""
    alarm: AlarmPolicy = field(default_factory=AlarmPolicy)
    """Default alarm policy; files from before it have hysteresis alone."""
    calibration: Mapping[str, Any] = field(default_factory=dict)
    """Rows and quantiles of the scores behind severity, and their highest severities."""
    training: Mapping[str, Any] = field(default_factory=dict)
    """Rows, backend, versions, seed and SHA-256 of the training data."""
    schema: int = SCHEMA
    """Version of this format."""

    @property
    def identity(self) -> str:
        """Which detector it is: the same for its file and its step file."""
        return self.step_of or self.graph_sha256

    @property
    def restarts_keep(self) -> bool:
        """Whether a stream that restarts keeps what it has learnt: from schema 2 on."""
        return self.schema > OLDEST_SCHEMA

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

    def make_grid(
        self,
        *,
        reorder: int,
        max_gap: int | None = None,
        remember: int = LIVE_REMEMBER,
        prompt: bool = False,
    ) -> TimeGrid | RowGrid:
        """Returns the grid that the detector's rows are placed on.

        Args:
            reorder: Rows may arrive this many periods late.
            max_gap: Instead of `max_gap_steps`.
            remember: So many rows are known again when they are repeated.
            prompt: See `TimeGrid`.
        """
        return make_grid(
            self.grid,
            period_s=self.period_s,
            channels=len(self.channels),
            max_gap=self.max_gap_steps if max_gap is None else max_gap,
            reorder=reorder,
            remember=remember,
            prompt=prompt,
        )

    def to_json(self) -> str:
        """Returns the metadata as JSON without NaN or infinity."""
        raw = asdict(self)
        if self.schema == OLDEST_SCHEMA:
            raw["weights_sha256"] = raw["graph_sha256"]
            raw = {name: value for name, value in raw.items() if name not in _NEW}
        return json.dumps(raw, allow_nan=False, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Reads and checks the metadata of a detector file, of this schema or an older one.

        Raises:
            SchemaError: The file has another schema version.
            ModelFileError: The metadata is damaged or incomplete.
        """
        try:
            raw = read_json(text)
        except ValueError as error:
            raise ModelFileError(
                f"The metadata of a kad detector must be JSON. Received: {error}. "
                "Export the detector again."
            ) from error
        version = raw.get("schema") if isinstance(raw, dict) else None
        if type(version) is not int or not OLDEST_SCHEMA <= version <= SCHEMA:
            raise SchemaError(
                f"This runtime reads detector files of schema {OLDEST_SCHEMA} to {SCHEMA}. "
                f"Received: schema {repr(version)[:40]}. "
                "Install the kad-anomaly release that wrote the file, or export it again."
            )
        known = {f.name for f in fields(cls)}
        required = known
        if version == OLDEST_SCHEMA:
            required = (known - _NEW - _OPTIONAL) | {"weights_sha256"}
        missing = sorted(required - raw.keys())
        if missing:
            raise ModelFileError(
                f"The detector's metadata lacks {', '.join(missing)}. Export the detector again."
            )
        if version == OLDEST_SCHEMA:
            raw = {name: value for name, value in raw.items() if name not in _NEW}
            raw["graph_sha256"] = raw["networks_sha256"] = raw["weights_sha256"]
        try:
            check_metadata(raw)
            return cls(**_built({name: raw[name] for name in known & raw.keys()}))
        except (ValueError, TypeError) as error:
            raise ModelFileError(
                f"The detector's metadata is damaged: {error}. Export the detector again."
            ) from error


_NEW = frozenset({"graph_sha256", "networks_sha256", "state", "step_of"})
"""What schema 1 did not have."""
_OPTIONAL = frozenset({"grid", "reorder", "alarm", "calibration", "training"})
"""What files of schema 1 may lack."""


def _built(raw: dict[str, Any]) -> dict[str, Any]:
    """Makes of JSON what the fields are."""
    parts = raw.get("state", [])
    return raw | {
        "inputs": tuple(InputColumn(**column) for column in raw["inputs"]),
        "state": tuple(StatePart(**{**p, "shape": tuple(p["shape"])}) for p in parts),
        "alarm": AlarmPolicy.from_dict(raw.get("alarm", {})),
        "period_s": float(raw["period_s"]),
        "threshold": float(raw["threshold"]),
    }
