"""Learning a detector from normal rows."""

import os
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import keras
import numpy as np
import pandas as pd

from kad.backend.select import backend_versions
from kad.data import frames
from kad.data.absurd import without_absurd
from kad.data.frames import Segment
from kad.detector.calibrating import Calibrating
from kad.detector.series import Prepared, TrainingSeries, data_sha256, finite
from kad.graph.calibration import Calibration
from kad.options import FitOptions, NetworkOptions
from kad.training.session import Progress, TrainingInterruptedError, TrainingSession
from kad.version import __version__
from runtime.alarms.budget import severity_threshold
from runtime.clock.grid import FILE_REORDER, GridCounts
from runtime.clock.said import judge
from runtime.counted import counted
from runtime.errors import InputError
from runtime.interrupt import Interruptible
from runtime.model.policy import AlarmPolicy


class Fitting(Calibrating):
    """Adds `fit`."""

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
        reorder: int = FILE_REORDER,
        about: Mapping[str, Any] | None = None,
    ) -> Prepared:
        """Checks everything that training needs, and fits the scaler.

        Args:
            frame: See `fit`.
            training: Options.
            false_alarms: See `fit`.
            policy: See `fit`.
            reorder: Rows may arrive this many periods late.
            about: What else the detector file shall say of the training.

        Raises:
            InputError: Rows that cannot be learnt from; nothing was written yet.
        """
        severity_threshold(false_alarms, self.period_s)
        frame = frames.pandas_frame(frame)
        placed, counts = frames.to_grid(self.columns_of(frame), self.make_grid(reorder=reorder))
        placed, absurd = without_absurd(placed, self.channels)
        segments = frames.to_segments(placed)
        self._check_rows(segments, counts, training)
        self.scaler.fit(
            finite(np.concatenate([s.values for s in segments])),
            names=self.channels,
        )
        validation = training.validation if isinstance(training, NetworkOptions) else 0.0
        _, held_out = self.split_needed(training)
        series = TrainingSeries(
            segments,
            self.scaler,
            validation=validation,
            context=self.context,
            held_out=held_out,
        )
        constant = [n for n, is_it in zip(self.channels, series.constant, strict=True) if is_it]
        self.check_series(series, training)
        rows = self._calibration_row_count(series)
        calibrating = self._newest(segments, rows)
        self._check_calibrating(calibrating, rows, training)
        return Prepared(
            segments,
            asdict(counts),
            series,
            calibrating,
            training,
            false_alarms,
            policy or AlarmPolicy(),
            reorder,
            {
                **(about or {}),
                **({"absurd": absurd} if absurd else {}),
                **({"constant": constant} if constant else {}),
            },
        )

    def _check_rows(
        self, segments: list[Segment], counts: GridCounts, training: FitOptions
    ) -> None:
        if problem := judge(counts, period_s=self.period_s, name="the training"):
            raise InputError(f"{problem} Or ignore the times with grid = 'rows' in [data].")
        longest = max((len(s.values) for s in segments), default=0)
        needed = self.rows_needed(training)
        if longest < needed:
            smaller = ", or a smaller detector (--preset tiny)" if "tiny" in self.presets else ""
            raise InputError(
                f"Training needs at least {counted(needed, 'row')} without a gap of more than "
                f"{counted(self.max_gap_steps, 'row')}. Received: "
                f"{counted(counts.received, 'row')}, the longest such "
                f"part has {longest}. Give more rows{smaller}."
            )

    def _check_calibrating(
        self, calibrating: list[tuple[np.ndarray, np.ndarray]], rows: int, training: FitOptions
    ) -> None:
        usable = sum(int(mask.sum()) for _, mask in calibrating)
        if usable < Calibration.FEWEST:
            raise InputError(
                f"Calibration needs at least {Calibration.FEWEST} observed rows, each after "
                f"{counted(self.warmup_steps, 'row')} without a long gap. Received: {usable} in "
                "the last "
                f"{rows} training rows, which calibrate. {self._more_rows(training)}"
            )

    def fit_prepared(
        self,
        prepared: Prepared,
        *,
        checkpoint: str | os.PathLike[str] | None = None,
        resume: bool = False,
        progress: Progress | None = None,
    ) -> pd.DataFrame:
        """Does the work of `fit` on what `prepare` returned; see there."""
        segments = prepared.segments
        fingerprint = data_sha256(segments)
        session = TrainingSession(
            self,
            prepared.training,
            fingerprint=fingerprint,
            checkpoint=checkpoint,
            resume=resume,
            progress=progress,
            breaker=Interruptible(),
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
            **prepared.about,
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
        self._calibrate_as_new(prepared, training=summary)
        if interrupted:
            raise interrupted
        return session.history
