"""What all detectors share: fitting, scoring, saving."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import pairwise
from math import ceil, inf
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import keras
import numpy as np
import pandas as pd
from keras import ops

from kad.backend.compiled import compile_function
from kad.backend.select import backend_versions
from kad.data import frames
from kad.data.frames import GridOptions, Segment
from kad.detector.diagnostics import Diagnostic
from kad.graph.calibration import Calibration
from kad.graph.missing import hold_last, is_observed
from kad.graph.scaler import Scaler
from kad.graph.scoring import ErrorStream, Measured, Samples, Scoring
from kad.graph.state import StateLayout
from kad.options import FitOptions, NetworkOptions, ScoringOptions, TrainingOptions
from kad.training.session import Progress, TrainingInterruptedError, TrainingSession
from kad.version import __version__
from runtime.alarms.budget import BudgetThreshold, event_threshold, severity_threshold
from runtime.alarms.calibration_rows import CalibrationRows
from runtime.alarms.events import Event, EventDetector
from runtime.clock.context import CONTEXT_COLUMNS, context_columns
from runtime.errors import ConfigError, InputError, ModelFileError
from runtime.interrupt import Interruptible
from runtime.model.policy import AlarmPolicy
from runtime.model.schema import Grid
from runtime.streams.scores import Scores
from runtime.tables.writers import score_columns

STATISTICS_ROWS = 50_000
"""Newest training rows whose errors the scoring layer's first statistics come from; its ranges come
from all."""
CALIBRATION_ROWS = 100_000
"""Newest training rows that calibrate, at most, or the held-out ones where they are more."""
LEAD = 0.1
"""Share of the training rows, the first ones, that does not calibrate: a stream is young there."""
NEW = 0.1
"""Share of the training rows, the newest, whose extremes the calibration does not know: there they
are as remarkable as a new one will be in use, and as rare."""


class Component(NamedTuple):
    """A network that can be used without the rest of its detector."""

    function: Callable[..., dict[str, Any]]
    """Takes one tensor per input, returns a mapping with every output."""
    inputs: Mapping[str, tuple[int, ...]]
    """Shape per input without the batch axis."""
    outputs: Mapping[str, tuple[int, ...]]
    """Shape per output without the batch axis."""


class Detector(keras.Model):
    """Base of all detectors: one pure function `step`, and weights that hold everything learnt.

    A detector is a module in `kad/detectors/` with one subclass, which defines `streams`,
    `warmup_steps`, `max_steps`, `measure` and `rows_needed`, with networks `fit_networks`, and
    calls `_ready()` with the parts of its state at the end of its constructor.
    `docs/adding-a-detector.md` goes through one.

    Args:
        channels: Names of the columns it watches.
        channel_units: Unit of each channel, or `None`.
        period_s: Sampling period in seconds.
        grid: `time`: rows are placed on a regular grid; `rows`: every row is one step.
        max_gap_steps: A gap of more missing rows restarts the warm-up; one sixth of the warm-up
            where not given.
        context: Context columns after the channels: none, or all of `runtime.clock.context`, for
            detectors that take them.
        scoring: The `[scoring]` section; the detector's default preset's where not given.
        importance: Weight of each of `streams` in the adaptive score, instead of its own.
        card: What `fit` wrote down about training and calibration, JSON.
    """

    detector_name: ClassVar[str]
    """Name on command lines and in detector files: its module's."""
    Training: ClassVar[type[FitOptions]] = TrainingOptions
    """The `[training]` section that this detector understands."""
    presets: ClassVar[Mapping[str, Mapping[str, Mapping[str, Any]]]] = {"default": {}}
    """Values per preset and configuration section. Where none is chosen, `default` trains, or
    `multichannel` on more than one channel."""

    takes_context: ClassVar[bool] = False
    """Whether it can use the time of day and the day of the week."""
    streams: ClassVar[tuple[ErrorStream, ...]]
    """Its error streams."""

    layout: StateLayout
    """Parts of the packed state."""
    warmup_steps: int
    """Steps after a start whose severity is 0."""
    max_steps: int
    """Longest chunk that `step` takes."""
    own_loops: int = 0
    """Recurrences of its own that become control flow nodes in the exported graph."""

    def __init__(
        self,
        channels: Sequence[str],
        *,
        channel_units: Sequence[str | None] | None = None,
        period_s: float = 1.0,
        grid: Grid = "time",
        max_gap_steps: int | None = None,
        context: Sequence[str] = (),
        scoring: Mapping[str, Any] | None = None,
        importance: Sequence[float] | None = None,
        card: str = "{}",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if isinstance(channels, str) or not channels or len(set(channels)) < len(channels):
            raise InputError(
                f"`channels` must be a list of distinct column names. Received: {channels!r}."
            )
        columns = [name for names in score_columns(channels).values() for name in names]
        if len(set(columns)) < len(columns):
            twice = next(name for name in columns if columns.count(name) > 1)
            raise InputError(
                f"The scores would have two columns {twice!r}: the channel of that name and the "
                "detector's own. Rename the channel."
            )
        if channel_units is not None and len(channel_units) != len(channels):
            raise InputError(
                f"`channel_units` must have one entry for each of {len(channels)} channels. "
                f"Received: {channel_units!r}."
            )
        if not period_s > 0:
            raise InputError(f"`period_s` must be above 0. Received: {period_s}.")
        if context and not self.takes_context:
            raise ConfigError(
                f"The detector {self.detector_name} takes no context. Leave out [data] context."
            )
        if context and tuple(context) != CONTEXT_COLUMNS:
            raise ConfigError(
                f"`context` must be empty or {', '.join(CONTEXT_COLUMNS)}. Received: {context!r}."
            )
        self.channels = tuple(channels)
        self.context = tuple(context)
        self.channel_units = tuple(channel_units or (None,) * len(channels))
        self.period_s = float(period_s)
        self.grid = grid
        self._max_gap_steps = max_gap_steps
        self._card = card
        self.scaler = Scaler(len(channels), name="scaler")
        self.calibration = Calibration(name="calibration")
        usual = self.presets["default"].get("scoring", {})
        weights = [stream.weight for stream in self.streams] if importance is None else importance
        if len(weights) != len(self.streams) or not all(0 <= weight < inf for weight in weights):
            raise ConfigError(
                f"`importance` must be {len(self.streams)} weights of at least 0, one for each of: "
                f"{', '.join(stream.meaning for stream in self.streams)}. Received: {importance!r}."
            )
        self.scoring = Scoring(
            len(self.channels),
            streams=[
                stream._replace(weight=float(weight))
                for stream, weight in zip(self.streams, weights, strict=True)
            ],
            options=ScoringOptions(**(usual if scoring is None else scoring)),
            name="scoring",
        )

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.detector_name = cls.__module__.rpartition(".")[2].replace("_", "-")
        trains = cls.fit_networks is not Detector.fit_networks
        if trains and not issubclass(cls.Training, NetworkOptions):
            raise TypeError(
                f"{cls.__name__} has networks, so its Training must be a NetworkOptions, which has "
                f"the share of held-out rows. Received: {cls.Training.__name__}."
            )

    def _ready(self, **parts: tuple[int, ...]) -> None:
        """Marks the model as built; every layer builds in the constructor.

        Args:
            **parts: Shapes of the detector's parts of a stream's state.
        """
        self.own_parts = parts
        self.layout = StateLayout(
            count=(1,), last=(len(self.channels),), **parts, **self.scoring.parts
        )
        self.built = True
        self._compiled: dict[Callable[..., Any], Callable[..., Any]] = {}

    # The detector itself

    def step(self, x: Any, state: Any) -> dict[str, Any]:
        """Scores the next chunk of every stream.

        Pure: everything it remembers is in `state`. Any chunking of the same rows gives the same
        numbers.

        Args:
            x: float32 `(streams, steps, inputs)` in raw units, `steps` at most `max_steps`; NaN or
                infinity where a sample is missing.
            state: float32 `(streams, state_size)`; zeros for a new stream.

        Returns:
            `score` and `severity` `(streams, steps)`, `channel_scores` and `expected`
            `(streams, steps, channels)`, `next_state` `(streams, state_size)`.
        """
        old = self.layout.unpack(state)
        samples, following = self.samples(x, old)
        measured = self.measure(samples, old)
        scored = self.scoring(samples, measured, old)
        score, channel_scores = scored.pop("score"), scored.pop("channel_scores")
        severity = self.calibration(score)
        sample = ops.where(samples.observed > 0.5, samples.x, self.scaler.inverse(samples.z))
        expected = self.scaler.inverse(measured.expected)
        return {
            "score": score,
            "severity": ops.where(samples.is_warm, severity, ops.zeros_like(severity)),
            "channel_scores": channel_scores,
            "expected": ops.where(samples.is_warm[..., None], expected, sample),
            "next_state": self.layout.pack({**following, **measured.following, **scored}),
        }

    def samples(self, x: Any, old: Mapping[str, Any]) -> tuple[Samples, dict[str, Any]]:
        """Standardises a chunk, holds the last observed sample, and counts towards the warm-up.

        Args:
            x: See `step`.
            old: Parts of the state.

        Returns:
            The samples, and the next values of the parts `count` and `last`.
        """
        raw, context = x[..., : len(self.channels)], x[..., len(self.channels) :]
        observed = is_observed(raw)
        anything = ops.cast(ops.any(observed, axis=-1), "float32")
        count = ops.minimum(old["count"] + ops.cumsum(anything, axis=1), self.longest_count + 1.0)
        samples = Samples(
            x=raw,
            z=hold_last(self.scaler(raw), observed, old["last"]),
            observed=ops.cast(observed, "float32"),
            context=context,
            count=count,
            is_warm=ops.greater(count, float(self.warmup_steps)),
        )
        return samples, {"count": count[:, -1:], "last": samples.z[:, -1]}

    def measure(self, samples: Samples, old: Mapping[str, Any]) -> Measured:
        """Says how far a chunk of samples is from what is expected.

        Pure, as `step`.

        Args:
            samples: The samples.
            old: Parts of the state, each `(streams, ...)`.

        Returns:
            The detector's own distance, its error streams, one for each of `streams`, and the next
            values of its parts of the state.
        """
        raise NotImplementedError

    def unscored(self, x: Any, state: Any) -> tuple[Samples, Measured, Any]:
        """Runs `step` without the scoring layer, whose parts of the state stay as they are.

        Returns:
            The samples, what the detector says about them, and the next state.
        """
        old = self.layout.unpack(state)
        samples, following = self.samples(x, old)
        measured = self.measure(samples, old)
        return samples, measured, self.layout.pack({**old, **following, **measured.following})

    def call(self, inputs: Any) -> dict[str, Any]:
        """Runs `step` on `(x, state)`."""
        return self.step(*inputs)

    def components(self) -> dict[str, "Component"]:
        """Returns the networks that can be exported on their own, by name."""
        return {}

    def fit_networks(self, series: "TrainingSeries", session: TrainingSession) -> None:
        """Trains the networks, if the detector has any.

        Args:
            series: The standardised training rows.
            session: Runs training phases: progress, early stopping, checkpoints.
        """

    def fit_statistics(self, series: "TrainingSeries") -> None:
        """Fits what follows from trained networks, such as an error distribution.

        Runs after `fit_networks`, also when Ctrl+C ended its last phase.
        """

    def rows_needed(self, options: FitOptions) -> int:
        """Returns how many training rows without long gaps `fit` needs at least."""
        raise NotImplementedError

    def check_series(self, series: "TrainingSeries", options: FitOptions) -> None:
        """Checks that the series has training and validation examples.

        Raises:
            InputError: It has none.
        """

    @property
    def longest_count(self) -> int:
        """Samples after which nothing depends on their number any more."""
        return self.warmup_steps

    @property
    def lookback(self) -> int:
        """Samples before one that decide about it: calibration and pictures begin with them."""
        return 2 * self.warmup_steps

    @property
    def declared_loops(self) -> int:
        """Control flow nodes that the exported graph may have."""
        return self.own_loops + int(self.scoring.is_adaptive)

    @property
    def state_size(self) -> int:
        """Length of one stream's state row."""
        return self.layout.size

    @property
    def max_gap_steps(self) -> int:
        """A gap of more missing rows than this restarts the warm-up."""
        return self.warmup_steps // 6 if self._max_gap_steps is None else self._max_gap_steps

    @property
    def card(self) -> dict[str, Any]:
        """What `fit` wrote down: `training`, `calibration`, `threshold`, `false_alarms`."""
        return dict(json.loads(self._card))

    def grid_options(self, *, reorder: int = 16) -> GridOptions:
        """Returns the time grid that this detector works on."""
        return GridOptions(
            period_s=self.period_s,
            max_gap_steps=self.max_gap_steps,
            grid=self.grid,
            reorder=reorder,
        )

    # Fitting

    def fit(
        self,
        frame: pd.DataFrame,
        *,
        training: FitOptions | None = None,
        false_alarms: str = "1/week",
        policy: AlarmPolicy | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        resume: bool = False,
        progress: Progress | None = None,
    ) -> pd.DataFrame:
        """Learns scaler, networks, calibration and default threshold from normal rows.

        Gaps longer than `max_gap_steps` separate segments; windows never cross them. Missing
        samples are interpolated for the networks and do not count in the losses.

        Args:
            frame: Training rows: one float column per channel, indexed by time. Mostly normal;
                labels are never used.
            training: Options; the class's defaults where not given.
            false_alarms: Budget of events that becomes the default threshold.
            policy: What makes an event; hysteresis alone where not given.
            checkpoint: File that training writes as it goes, for `resume`.
            resume: Continue from `checkpoint`.
            progress: Receives every epoch's losses.

        Returns:
            The history: one row per phase and epoch.

        Raises:
            InputError: Rows that cannot be learnt from.
            TrainingInterruptedError: Ctrl+C. In the last phase the best weights so far are
                calibrated and kept first.
        """
        options = training or self.Training()
        prepared = self.prepare(frame, training=options, false_alarms=false_alarms, policy=policy)
        return self.fit_prepared(prepared, checkpoint=checkpoint, resume=resume, progress=progress)

    def prepare(
        self,
        frame: pd.DataFrame,
        *,
        training: FitOptions,
        false_alarms: str = "1/week",
        policy: AlarmPolicy | None = None,
        reorder: int = 16,
    ) -> "Prepared":
        """Checks everything that training needs, and fits the scaler.

        Args:
            frame: See `fit`.
            training: Options.
            false_alarms: See `fit`.
            policy: See `fit`.
            reorder: Rows may arrive this many periods late.

        Raises:
            InputError: Rows that cannot be learnt from; nothing was written yet.
        """
        severity_threshold(false_alarms, self.period_s)
        options = self.grid_options(reorder=reorder)
        placed, counts = frames.to_grid(self.columns_of(frame), options)
        segments = frames.to_segments(placed)
        if counts.is_unsorted:
            raise InputError(
                f"Training rows must be sorted by time. Received: timestamps that are not sorted, "
                f"{counts.unsorted} of {len(frame)} rows come too late. Sort the file, or raise "
                "[data] reorder, or ignore the timestamps with [data] grid = 'rows'."
            )
        longest = max((len(s.values) for s in segments), default=0)
        needed = self.rows_needed(training)
        if longest < needed:
            smaller = ", or a smaller detector (--preset tiny)" if "tiny" in self.presets else ""
            raise InputError(
                f"Training needs at least {needed} rows without a gap of more than "
                f"{self.max_gap_steps} rows. Received: {len(frame)} rows, the longest such part "
                f"has {longest}. Give more rows{smaller}."
            )
        self.scaler.fit(
            _finite(np.concatenate([s.values for s in segments])),
            names=self.channels,
            constant=self.scoring.is_adaptive,
        )
        validation = training.validation if isinstance(training, NetworkOptions) else 0.0
        series = TrainingSeries(segments, self.scaler, validation=validation, context=self.context)
        self.check_series(series, training)
        rows = self._calibration_row_count(series)
        calibrating = self._newest(segments, rows)
        usable = sum(int(mask.sum()) for _, mask in calibrating)
        if usable < Calibration.FEWEST:
            raise InputError(
                f"Calibration needs at least {Calibration.FEWEST} observed rows, each after "
                f"{self.warmup_steps} rows without a long gap. Received: {usable} in the last "
                f"{rows} training rows, which calibrate. {self._more_rows(training)}"
            )
        return Prepared(
            segments,
            asdict(counts),
            series,
            calibrating,
            training,
            false_alarms,
            policy or AlarmPolicy(),
        )

    def fit_prepared(
        self,
        prepared: "Prepared",
        *,
        checkpoint: str | os.PathLike[str] | None = None,
        resume: bool = False,
        progress: Progress | None = None,
    ) -> pd.DataFrame:
        """Does the work of `fit` on what `prepare` returned; see there."""
        segments = prepared.segments
        fingerprint = data_sha256(segments)
        with Interruptible() as breaker:
            session = TrainingSession(
                self,
                prepared.training,
                fingerprint=fingerprint,
                checkpoint=checkpoint,
                resume=resume,
                progress=progress,
                breaker=breaker,
            )
            interrupted: TrainingInterruptedError | None = None
            try:
                self.fit_networks(prepared.series, session)
            except TrainingInterruptedError as error:
                if not error.usable:
                    raise
                interrupted = error
            self.fit_statistics(prepared.series)
            self._fit_scoring(segments)
            summary = {
                "rows": int(sum(len(s.values) for s in segments)),
                "grid": prepared.counts,
                "segments": len(segments),
                "epochs": session.epochs,
                "seed": prepared.training.seed,
                "backend": keras.backend.backend(),
                "versions": {"kad": __version__, **backend_versions()},
                "start_ns": int(segments[0].times_ns[0]),
                "end_ns": int(segments[-1].times_ns[-1]),
                "data_sha256": fingerprint,
            }
            self._fit_ranges(segments, without=round(NEW * len(prepared.series.values)))
            self.calibrate(prepared, training=summary)
            self._fit_ranges(segments)
            if interrupted:
                raise interrupted
        return session.history

    def _fit_scoring(self, segments: Sequence[Segment]) -> None:
        """Sets the statistics and ranges that new streams start with.

        Args:
            segments: Training rows on the grid.
        """
        rows = sum(len(s.values) for s in segments)
        self.scoring.reset(rows=rows)
        if not self.scoring.is_adaptive:
            return
        before = max(0, rows - STATISTICS_ROWS)
        for segment in segments:
            inputs = self.inputs(segment)[max(before, 0) :]
            before -= len(segment.values)
            if len(inputs):
                state = self.last_state(inputs)
                self.scoring.start_from(self.layout.unpack(state))
        self._fit_ranges(segments)

    def _fit_ranges(self, segments: Sequence[Segment], *, without: int = 0) -> None:
        """Sets the ranges that new streams start with.

        Args:
            segments: Training rows on the grid.
            without: How many of the last rows are left out.
        """
        if not self.scoring.is_adaptive:
            return
        values = np.concatenate([s.values for s in segments])
        values = _finite(values[: len(values) - without]).astype("float32")
        z = ops.convert_to_numpy(self.scaler(ops.convert_to_tensor(values)))
        self.scoring.set_ranges(z)

    @property
    def calibrates_on_training_rows(self) -> bool:
        """Whether rows that it was trained on score as rows to come do.

        So it is without networks, and where errors are compared with those of the stream itself: by
        how much a network knows its training rows better is in both. A detector whose
        `fit_statistics` learns rows by heart says so here.
        """
        return self.scoring.is_adaptive or type(self).fit_networks is Detector.fit_networks

    def _calibration_row_count(self, series: "TrainingSeries") -> int:
        """Returns how many of the last training rows calibrate: the held-out ones, or most."""
        if not self.calibrates_on_training_rows:
            return series.held_out_rows
        rows = len(series.values)
        return min(rows - round(LEAD * rows), max(CALIBRATION_ROWS, series.held_out_rows))

    def _more_rows(self, training: FitOptions) -> str:
        """Says how many training rows calibration needs."""
        if isinstance(training, NetworkOptions) and not self.calibrates_on_training_rows:
            enough = ceil(Calibration.FEWEST / training.validation)
            return f"Give {enough} training rows or more, or raise training.validation."
        enough = max(ceil(Calibration.FEWEST / (1 - LEAD)), self.warmup_steps + Calibration.FEWEST)
        return f"Give {enough} observed training rows or more without a long gap."

    def _newest(
        self, segments: Sequence[Segment], rows: int
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """Returns stretches that end in the last rows, and which of their rows calibrate.

        Args:
            segments: Training rows on the grid.
            rows: How many of the last rows.

        Returns:
            Per segment the inputs `(rows, inputs)`, rows before them included, and a mask: among
            the last rows, observed, and after the warm-up.
        """
        parts, left = [], rows
        for segment in reversed(segments):
            taken = min(left, len(segment.values))
            if taken <= 0:
                break
            before = max(2 * self.warmup_steps + 1, self.lookback)
            context = min(len(segment.values), taken + before)
            values = segment.values[-context:]
            inputs = self.inputs(Segment(segment.times_ns[-context:], values))
            observed = np.isfinite(values).any(axis=1)
            mask = observed & (np.cumsum(observed) > self.warmup_steps)
            mask[: context - taken] = False
            parts.append((inputs, mask))
            left -= taken
        return parts[::-1]

    def calibrate(self, prepared: "Prepared", *, training: Mapping[str, Any]) -> None:
        """Fits severity on the calibration rows and writes the card.

        Args:
            prepared: From `prepare`.
            training: Summary of the training for the card.
        """
        scores = [self._scores_alone(inputs) for inputs, _ in prepared.calibrating]
        masks = [mask for _, mask in prepared.calibrating]
        self.calibration_scores = np.concatenate([s[m] for s, m in zip(scores, masks, strict=True)])
        calibration = self.calibration.fit(
            self.calibration_scores, least_scale=self.scoring.least_scale
        )
        severity = [
            np.where(mask, self.calibration.severity(score), 0.0)
            for score, mask in zip(scores, masks, strict=True)
        ]
        calibration["severest"] = CalibrationRows.of(
            severity, rows=self.calibration_scores.size, gap=self.max_gap_steps + 1
        ).to_dict()
        budget = event_threshold(
            prepared.false_alarms,
            period_s=self.period_s,
            calibration=calibration,
            policy=prepared.policy,
        )
        self._card = json.dumps(
            {
                "training": dict(training),
                "calibration": calibration,
                "alarm": asdict(prepared.policy),
                "false_alarms": prepared.false_alarms,
                "threshold": budget.threshold,
            },
            allow_nan=False,
        )

    @property
    def alarm_policy(self) -> AlarmPolicy:
        """What makes an event, by default."""
        return AlarmPolicy.from_dict(self.card.get("alarm", {}))

    def events_of(self, scores: Scores) -> list[Event]:
        """Returns the events of scored steps, in order of time, as the runtime would."""
        finder = EventDetector(
            self.channels,
            threshold=float(self.card["threshold"]),
            policy=self.alarm_policy,
            period_s=self.period_s if self.grid == "time" else None,
        )
        events = [*finder.update(scores), *finder.finish()]
        return sorted(events, key=lambda event: event.start_ns)

    @property
    def budget(self) -> BudgetThreshold:
        """What the false-alarm budget became, and how well that is known."""
        card = self.card
        return event_threshold(
            card["false_alarms"],
            period_s=self.period_s,
            calibration=card["calibration"],
            policy=self.alarm_policy,
        )

    # Scoring

    def inputs(self, segment: Segment) -> np.ndarray:
        """Returns the channels of a segment and the context columns: `(rows, inputs)`."""
        if not self.context:
            return segment.values
        context = context_columns(self.context, segment.times_ns)
        return np.concatenate([segment.values, context], axis=1)

    def score_segment(self, inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Scores one stream from a new state.

        Args:
            inputs: `(rows, inputs)` in raw units on the grid; NaN where missing.

        Returns:
            float32 arrays: `score`, `severity` `(rows,)`, `channel_scores`, `expected`
            `(rows, channels)`.
        """
        return self.run_segment(self.step, inputs)

    def run_segment(
        self, step: Callable[[Any, Any], dict[str, Any]], inputs: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Runs `step`, or a method that takes and hands on state as it does, over one stream.

        Args:
            step: The method; its outputs have the axes `(streams, steps, ...)`.
            inputs: `(rows, inputs)` in raw units on the grid; NaN where missing.

        Returns:
            The outputs but `next_state`, float32 `(rows, ...)`.
        """
        parts: dict[str, list[np.ndarray]] = {}
        for out, rows in self._run(step, inputs):
            for name, array in out.items():
                if name != "next_state":
                    parts.setdefault(name, []).append(array[0, :rows])
        return {name: np.concatenate(arrays) for name, arrays in parts.items()}

    def _scores_alone(self, inputs: np.ndarray) -> np.ndarray:
        """Returns `score` of `score_segment` without holding the other outputs in memory."""
        return np.concatenate([out["score"][0, :n] for out, n in self._run(self.step, inputs)])

    def last_state(self, inputs: np.ndarray) -> np.ndarray:
        """Returns the state `(1, state_size)` of a stream after `inputs`, see `score_segment`.

        Rows that fill up the last chunk are missing samples.
        """
        for out, _ in self._run(self.step, inputs):
            state = out["next_state"]
        return state

    def _run(
        self, step: Callable[[Any, Any], dict[str, Any]], inputs: np.ndarray
    ) -> Iterator[tuple[dict[str, np.ndarray], int]]:
        """Yields the outputs of each chunk and how many of its rows are real."""
        if step not in self._compiled:
            self._compiled[step] = compile_function(step, self.variables)
        state = np.zeros((1, self.state_size), "float32")
        for chunk, rows in _chunks(inputs, self.max_steps, channels=len(self.channels)):
            out = self._compiled[step](chunk, state)
            state = out["next_state"]
            yield out, rows

    def scores(self, frame: pd.DataFrame) -> tuple[Scores, dict[str, int]]:
        """Scores a frame as the runtime would, from a new state.

        Args:
            frame: One float column per channel, indexed by time; NaN or infinity where missing.

        Returns:
            The scored steps of the time grid, with the default threshold's alarms; and how many
            rows were received, duplicate, late, missing, and how often the warm-up restarts.
        """
        placed, counts = frames.to_grid(self.columns_of(frame), self.grid_options())
        parts = [self.score_segment(self.inputs(s)) for s in frames.to_segments(placed)]
        names = ("score", "severity", "channel_scores", "expected")
        outputs = [np.concatenate([part[name] for part in parts]) for name in names]
        threshold = float(self.card.get("threshold", np.inf))
        return Scores.of(placed, tuple(outputs), threshold), asdict(counts)

    def score(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Scores a frame as the runtime would, as a table.

        Args:
            frame: See `scores`.

        Returns:
            One row per step of the time grid: the channels, `score`, `severity`,
            `expected_<channel>`, `score_<channel>` and `alarm`, which is severity at or above the
            default threshold.
        """
        scores, _ = self.scores(frame)
        columns = {}
        for output, names in score_columns(self.channels).items():
            array = getattr(scores, output)
            columns |= dict(zip(names, np.atleast_2d(array.T), strict=True))
        return pd.DataFrame(columns, index=frames.time_index(scores.times_ns, frame.index))

    def diagnostics(self, frame: pd.DataFrame) -> list[Diagnostic]:  # noqa: ARG002
        """Returns what the report shows of the detector's networks at work; nothing by default.

        Args:
            frame: A stretch of a series that holds what is most severe in it: one float column
                per channel, indexed by time; NaN or infinity where missing.
        """
        return []

    def columns_of(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Returns the channels of a frame in the detector's order.

        Raises:
            InputError: A channel is missing, or there are no rows.
        """
        absent = [c for c in self.channels if c not in frame.columns]
        if absent:
            raise InputError(
                f"The detector watches {', '.join(self.channels)}. Received columns: "
                f"{', '.join(map(str, frame.columns))}; missing: {', '.join(absent)}."
            )
        if frame.empty:
            raise InputError("The series has no rows.")
        return frame[list(self.channels)]

    # Saving

    def save(self, filepath: str | os.PathLike[str], **kwargs: Any) -> None:
        """Writes the whole detector to a `.keras` file, atomically.

        Args:
            filepath: A path that ends in `.keras`.
            **kwargs: Passed to `keras.Model.save`.
        """
        path = Path(filepath)
        if path.suffix != ".keras":
            raise InputError(f"A detector is saved as a .keras file. Received: {path}.")
        temporary = path.with_name(f".{path.stem}.{os.getpid()}.keras")
        try:
            super().save(temporary, **kwargs)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)

    @classmethod
    def preset_for(cls, channels: int) -> str:
        """Returns which of `presets` trains where none is chosen, for a number of channels."""
        several = channels > 1 and "multichannel" in cls.presets
        return "multichannel" if several else "default"

    @classmethod
    def load(cls, filepath: str | os.PathLike[str]) -> Self:
        """Loads a detector that `save` wrote, under any backend.

        Raises:
            InputError: No such file.
            ModelFileError: Not a kad detector, or damaged.
        """
        path = Path(filepath)
        if not path.is_file():
            raise InputError(f"There is no detector at {path}.")
        try:
            model = keras.saving.load_model(path, compile=False)
        except Exception as error:
            line = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
            raise ModelFileError(
                f"{path} is not a kad detector, or is damaged: {line}. Train it again."
            ) from error
        if not isinstance(model, cls):
            raise ModelFileError(
                f"{path} must hold a kad {cls.__name__}. Received: {type(model).__name__}."
            )
        return model

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            "name": self.name,
            "channels": list(self.channels),
            "channel_units": list(self.channel_units),
            "period_s": self.period_s,
            "grid": self.grid,
            "max_gap_steps": self._max_gap_steps,
            "context": list(self.context),
            "scoring": self.scoring.options.model_dump(),
            "card": self._card,
        }


class Prepared(NamedTuple):
    """Checked training rows: what `Detector.prepare` hands to `fit_prepared`."""

    segments: list[Segment]
    """Rows on the grid."""
    counts: dict[str, int]
    """What the grid did with the rows."""
    series: "TrainingSeries"
    """The same rows, standardised."""
    calibrating: list[tuple[np.ndarray, np.ndarray]]
    """Stretches of rows, and which of their rows calibrate."""
    training: FitOptions
    """Options."""
    false_alarms: str
    """Budget that becomes the default threshold."""
    policy: AlarmPolicy
    """What makes an event."""


class TrainingSeries:
    """The standardised training rows of all segments, one after the other.

    Args:
        segments: Rows on the grid in raw units.
        scaler: A fitted scaler.
        validation: Share of the rows at the end that is held out.
        context: Names of context columns.
    """

    def __init__(
        self,
        segments: Sequence[Segment],
        scaler: Scaler,
        *,
        validation: float,
        context: Sequence[str] = (),
    ) -> None:
        mean = keras.ops.convert_to_numpy(scaler.mean.value).astype("float64")
        std = keras.ops.convert_to_numpy(scaler.std.value).astype("float64")
        z = [
            np.clip((_finite(s.values) - mean) / std, -Scaler.LIMIT, Scaler.LIMIT) for s in segments
        ]
        self.observed = np.concatenate([~np.isnan(v) for v in z]).astype("float32")
        """float32 `(rows, channels)`: 1 where a sample was measured."""
        self.values = np.concatenate([_interpolate(v) for v in z]).astype("float32")
        """float32 `(rows, channels)`: standardised, missing samples interpolated."""
        self.context = np.concatenate([context_columns(context, s.times_ns) for s in segments])
        """float32 `(rows, context)`."""
        self.segments = list(segments)
        """The rows in raw units."""
        lengths = np.array([len(v) for v in z])
        bounds = np.concatenate([[0], np.cumsum(lengths)]).tolist()
        self.ranges = list(pairwise(bounds))
        """Half-open range of rows of each segment."""
        self.ends = np.repeat(np.cumsum(lengths), lengths)
        """int `(rows,)`: the row after the last one of the same segment."""
        self.held_out_rows = max(int(validation > 0), round(validation * len(self.values)))
        """How many rows at the end are held out from training."""

    def starts(self, length: int) -> np.ndarray:
        """Returns the rows at which `length` rows of one segment start.

        Windows that are mostly missing are left out.
        """
        rows = np.arange(len(self.values))
        inside = rows[rows + length <= self.ends]
        total = np.concatenate([[0.0], np.cumsum(self.observed.mean(axis=1), dtype="float64")])
        share = (total[inside + length] - total[inside]) / length
        return inside[share >= 0.5]


def _chunks(values: np.ndarray, steps: int, *, channels: int) -> Iterator[tuple[np.ndarray, int]]:
    """Yields float32 `(1, steps, inputs)` and how many rows of it are real.

    The last chunk is filled with missing samples; context is never missing.
    """
    for start in range(0, len(values), steps):
        block = values[start : start + steps].astype("float32")
        padding = np.repeat(block[-1:], steps - len(block), axis=0)
        padding[:, :channels] = np.nan
        yield np.concatenate([block, padding])[None], len(block)


def _finite(values: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(values), values, np.nan)


def _interpolate(z: np.ndarray) -> np.ndarray:
    filled = np.zeros_like(z)
    rows = np.arange(len(z))
    for channel, column in enumerate(z.T):
        known = np.isfinite(column)
        if known.any():
            filled[:, channel] = np.interp(rows, rows[known], column[known])
    return filled


def data_sha256(segments: Sequence[Segment]) -> str:
    """Returns the fingerprint of training rows on the grid."""
    digest = hashlib.sha256()
    for segment in segments:
        digest.update(segment.times_ns.tobytes())
        digest.update(segment.values.tobytes())
    return digest.hexdigest()
