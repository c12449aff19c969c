"""The sections of a configuration file, each a frozen pydantic model."""

import inspect
from collections.abc import Collection, Mapping
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model, field_validator

from runtime.alarms.budget_text import parse_budget
from runtime.clock.durations import parse_duration
from runtime.clock.grid import FILE_REORDER, GridKind
from runtime.model.limits import PERIOD_S, STEPS
from runtime.model.policy import OPTIONS, AlarmPolicy
from runtime.tables.reading import Reading

Fraction = Annotated[float, Field(gt=0, lt=1)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
Duration = Annotated[float, BeforeValidator(parse_duration)]
"""Seconds; read from seconds or text such as `2h`."""


class Options(BaseModel):
    """Base of all sections: frozen, unknown keys are errors, docstrings are descriptions."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class DataOptions(Options):
    """`[data]`: which rows and columns, and the time grid they are placed on."""

    time: str | None = None
    """Column of the timestamps; found by its name where not given."""
    time_format: str | None = None
    """How times are written, where the cells leave it open or are of another form: `day-first`,
    `month-first`, or a format of `strptime` such as `%d.%m.%Y %H:%M`."""
    time_unit: str | None = None
    """What numbers of a time column count: s, ms, us, ns, min, h, d or excel; found from their size
    and the column's name where not given."""
    timezone: str | None = None
    """Zone of local times without an offset, such as `Europe/Berlin`; they are read as UTC where
    not given."""
    decimal: Literal[".", ","] | None = None
    """Decimal mark, where cells such as `1,204` leave it open."""
    missing: tuple[float | str, ...] = ()
    """Numbers and words that mean no reading, beside those that always do."""
    long: bool = False
    """A row is one reading of one channel."""
    id: str | None = None
    """Of a long table: the column that names the channel."""
    value: str | None = None
    """Of a long table: the column of the readings."""
    resample: Literal["mean"] | None = None
    """`mean`: rows become the means of each `period`, where they come faster."""
    channels: tuple[str, ...] | None = None
    """Columns to watch; all that are measurements where not given."""
    units: dict[str, str] = {}
    """Physical unit of a channel, for reports and the detector file."""
    train: str | None = None
    """Training rows `START:END`, half-open, as row numbers or timestamps; all where not given."""
    period: Annotated[float, Field(ge=PERIOD_S[0], le=PERIOD_S[1])] | None = None
    """Sampling period in seconds; the median step where not given."""
    max_gap: Annotated[int, Field(ge=0, le=STEPS)] | None = None
    """A gap of more missing rows than this restarts the warm-up; the detector's where not given."""
    reorder: Annotated[int, Field(ge=0, le=STEPS)] = FILE_REORDER
    """Rows may arrive this many sampling periods late."""
    context: bool | None = None
    """Give the detector the time of day and the day of the week; where not given, when it takes
    them, the period is between one minute and six hours, and there are two days to train on."""
    grid: GridKind = "time"
    """`time`: place rows on a regular time grid. `rows`: every row is one step."""

    @property
    def reading(self) -> Reading:
        """How the data are read, as far as it is said."""
        names = (
            "time",
            "time_format",
            "time_unit",
            "timezone",
            "decimal",
            "missing",
            "id",
            "value",
            "resample",
        )
        return Reading(**{name: getattr(self, name) for name in names})


class FitOptions(Options):
    """`[training]` of a detector without networks, and part of everyone's."""

    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of weights, shuffling and noise: the same seed on the same backend repeats a run."""
    backend: Literal["jax", "tensorflow", "torch"] | None = None
    """Keras backend; JAX where installed, then TensorFlow, then Torch."""


class NetworkOptions(FitOptions):
    """`[training]`: part of that of every detector with networks."""

    validation: Fraction = 0.1
    """Share of the training rows, the last ones, that is held out: it stops the training early, and
    calibrates static scores."""


class TrainingOptions(NetworkOptions):
    """`[training]` of a detector with networks of its own."""

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


class ScoringOptions(Options):
    """`[scoring]`: how errors become a score."""

    normalisation: Literal["adaptive", "static"] = "adaptive"
    """`adaptive`: errors are compared with those of the recent past, see `kad.graph.scoring`.
    `static`: the detector's own score as published, compared with the training rows alone."""
    half_life: Annotated[int, Field(ge=1)] | None = None
    """Half-life of what is remembered of errors, in samples; twice the training rows where not
    given, at most 693,000."""
    short: Count | None = None
    """Newest errors whose mean is compared; where not given, each kind of error's own number."""
    winsor: Positive = 3.0
    """Errors count in the statistics up to this many standard deviations above their mean."""
    cap: Positive | None = None
    """Errors count in the newest errors' mean up to this many standard deviations; where not given,
    each kind of error's own number."""
    floor: Positive = 0.02
    """Least standard deviation of errors, in standardised units."""
    relative_floor: Annotated[float, Field(ge=0)] = 0.15
    """Least standard deviation of errors, as a share of their mean."""
    settle: Count = 50
    """Errors before the statistics of a training series count as known; fewer where the half-life
    is below 35."""
    novelty: Annotated[float, Field(ge=0)] = 0.05
    """A reading outside the range of all before it by more than this share of the range is an
    anomaly by itself; 0: none is."""


class AlarmOptions(Options):
    """`[alarm]`: how many false alarms are acceptable, and what makes an event."""

    false_alarms: str = "1/week"
    """Budget of events, such as `1/week` or `2/day`, or of the time in them, such as
    `1 % of time`; it becomes the threshold on severity."""
    release: Annotated[float, Field(gt=0, le=1, description=OPTIONS["release"])] = 0.7
    merge_gap: Duration = Field(0.0, description=OPTIONS["merge_gap"])
    min_duration: Duration = Field(0.0, description=OPTIONS["min_duration"])
    max_duration: Duration = Field(0.0, description=OPTIONS["max_duration"])
    refractory: Duration = Field(0.0, description=OPTIONS["refractory"])
    cool_down: Duration = Field(0.0, description=OPTIONS["cool_down"])
    habituation: Duration = Field(0.0, description=OPTIONS["habituation"])
    habituation_rise: Annotated[
        float, Field(ge=0, le=100, description=OPTIONS["habituation_rise"])
    ] = 0.2

    @field_validator("false_alarms")
    @classmethod
    def _is_budget(cls, value: str) -> str:
        parse_budget(value)
        return value

    def policy(self, period_s: float) -> AlarmPolicy:
        """Returns the alarm policy in steps of the time grid."""
        return AlarmPolicy.of_durations(period_s, **self.model_dump(exclude={"false_alarms"}))


def arguments_model(cls: type, *, without: Collection[str] = (), **defaults: Any) -> type[Options]:
    """Returns a class's own constructor arguments as a model, without what comes from the data.

    An argument `Annotated[Options, model]` is a table of arguments, described by `model`, which may
    have been made here, too.

    Args:
        cls: A detector's class.
        without: Names of arguments that are left out, too.
        **defaults: Values that replace the constructor's defaults.
    """
    signature = inspect.signature(cls.__init__)  # type: ignore[misc]
    fields: dict[str, Any] = {
        name: (_table(parameter.annotation), defaults.get(name, parameter.default))
        for name, parameter in signature.parameters.items()
        if name not in {"self", "channels", "kwargs", *without}
    }
    return create_model(f"{cls.__name__}Arguments", __base__=Options, **fields)


def _table(annotation: Any) -> Any:
    """Returns the model of an argument `Annotated[Options, model]`; else, the annotation."""
    if get_origin(annotation) is not Annotated:
        return annotation
    described, *rest = get_args(annotation)
    return rest[0] if described is Options else annotation


def merged(*trees: Mapping[str, Any]) -> dict[str, Any]:
    """Returns one tree of settings; later ones win, key by key at every depth."""
    result: dict[str, Any] = {}
    for tree in trees:
        for key, value in tree.items():
            both = isinstance(value, Mapping) and isinstance(result.get(key, {}), Mapping)
            result[key] = merged(result.get(key, {}), value) if both else value
    return result
