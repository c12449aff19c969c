"""The sections of a configuration file, each a frozen pydantic model."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from runtime.budget import parse_false_alarms
from runtime.schema import Grid

Fraction = Annotated[float, Field(gt=0, lt=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]


class Options(BaseModel):
    """Base of all sections: frozen, unknown keys are errors, docstrings are descriptions."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class DataOptions(Options):
    """`[data]`: which rows and columns, and the time grid they are placed on."""

    time: str | None = None
    """Column of the timestamps; found by its name where not given."""
    channels: tuple[str, ...] | None = None
    """Columns to watch; all numeric ones where not given."""
    units: dict[str, str] = {}
    """Physical unit of a channel, for reports and the detector file."""
    train: str | None = None
    """Training rows `START:END`, half-open, as row numbers or timestamps; all where not given."""
    period: Positive | None = None
    """Sampling period in seconds; the median step where not given."""
    max_gap: Annotated[int, Field(ge=0)] | None = None
    """A gap of more missing rows than this restarts the warm-up; the detector's where not given."""
    reorder: Annotated[int, Field(ge=0)] = 16
    """Rows may arrive this many sampling periods late."""
    context: bool | None = None
    """Give the detector the time of day and the day of the week; where not given, when it takes
    them, the period is between one minute and six hours, and there are two days to train on."""
    grid: Grid = "time"
    """`time`: place rows on a regular time grid. `rows`: every row is one step."""


class FitOptions(Options):
    """`[training]` of a detector without networks, and part of everyone's."""

    validation: Fraction = 0.1
    """Share of the training rows held out for validation and calibration."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of weights, shuffling and noise: the same seed on the same backend repeats a run."""
    backend: Literal["jax", "tensorflow", "torch"] | None = None
    """Keras backend; JAX where installed, then TensorFlow, then Torch."""


class TrainingOptions(FitOptions):
    """`[training]`: what every detector with networks understands."""

    epochs: Count = 60
    """Longest training in epochs."""
    batch_size: Count = 64
    """Examples of one optimiser step."""
    learning_rate: Positive = 1e-3
    """Adam's learning rate in the first epoch."""
    learning_rate_decay: Annotated[float, Field(gt=0, le=1)] = 0.98
    """Factor on the learning rate after every epoch."""
    patience: Annotated[int, Field(ge=0)] = 10
    """Epochs without a better validation loss before training stops; 0 never stops early."""
    split: Literal["chronological", "shuffled"] = "chronological"
    """`chronological`: the last rows, after a gap of one window. `shuffled`: windows at random, as
    in the paper; neighbours overlap, so its validation loss is too good."""
    examples_per_epoch: Count = 20_000
    """Examples drawn in an epoch where the training rows give more."""


class AlarmOptions(Options):
    """`[alarm]`: how many false alarms are acceptable."""

    false_alarms: str = "1/week"
    """Budget, such as `1/week` or `2/day`; it becomes the threshold on severity."""

    @field_validator("false_alarms")
    @classmethod
    def _is_budget(cls, value: str) -> str:
        parse_false_alarms(value)
        return value
