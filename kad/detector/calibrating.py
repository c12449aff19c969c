"""From training rows to first statistics, ranges and severity."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import ceil
from typing import Any

import numpy as np
from keras import ops

from kad.data.frames import Segment
from kad.detector.running import Running, restarted
from kad.detector.series import Prepared, TrainingSeries, finite
from kad.graph.calibration import Calibration
from kad.options import FitOptions, NetworkOptions
from runtime.alarms.budget import event_threshold
from runtime.alarms.calibration_rows import CalibrationRows

FIRST_ROWS = 50_000
"""Newest training rows whose errors the scoring layer's first statistics come from; its ranges come
from all."""

CALIBRATION_ROWS = 100_000
"""Newest training rows that calibrate, at most, or the held-out ones where they are more."""

LEAD = 0.1
"""Share of the training rows, the first ones, that does not calibrate: a stream is young there."""

NEW = 0.1
"""Share of the training rows, the newest, whose extremes the calibration does not know: there they
are as remarkable as a new one will be in use, and as rare."""

SAME = 1e-3
"""Static scores, squares of standard deviations, that differ by less are the same."""


class Calibrating(Running):
    """Adds what is learnt after the networks: statistics, ranges, severity, threshold."""

    def _fit_scoring(self, segments: Sequence[Segment]) -> None:
        """Sets the statistics that new streams start with, and what a warm one knows.

        Args:
            segments: Training rows on the grid.
        """
        rows = sum(len(s.values) for s in segments)
        self.scoring.reset(rows=rows)
        if not (self.scoring.is_adaptive or self.own_keeps):
            return
        before = max(0, rows - FIRST_ROWS)
        state = self.new_state()
        for segment in segments:
            inputs = self.inputs(segment)[max(before, 0) :]
            before -= len(segment.values)
            if len(inputs):
                state = self.last_state(inputs, restarted(state))
        parts = self.layout.read(state)
        if self.scoring.is_adaptive:
            self.scoring.start_from(parts)
        if self.kept is not None:
            kept = [parts[name].reshape(-1) for name in self.own_keeps]
            self.kept.assign(np.concatenate(kept))

    def _calibrate_as_new(self, prepared: Prepared, *, training: Mapping[str, Any]) -> None:
        """Calibrates with the ranges that were known before the newest rows, then sets all."""
        if not self.scoring.is_adaptive:
            self.calibrate(prepared, training=training)
            return
        z = self._standardised(prepared.segments)
        self.scoring.set_ranges(z[: len(z) - round(NEW * len(z))])
        self.calibrate(prepared, training=training)
        self.scoring.set_ranges(z)

    def _standardised(self, segments: Sequence[Segment]) -> np.ndarray:
        values = finite(np.concatenate([s.values for s in segments])).astype("float32")
        return np.asarray(ops.convert_to_numpy(self.scaler(ops.convert_to_tensor(values))))

    @property
    def calibrates_on_training_rows(self) -> bool:
        """Whether rows that it was trained on score as rows to come do.

        So it is without networks, and where errors are compared with those of the stream itself: by
        how much a network knows its training rows better is in both. A detector whose
        `fit_statistics` learns rows by heart says so here.
        """
        return self.scoring.is_adaptive or not self.has_networks

    def _calibration_row_count(self, series: TrainingSeries) -> int:
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

    def calibrate(self, prepared: Prepared, *, training: Mapping[str, Any]) -> None:
        """Fits severity on the calibration rows and writes the card.

        Args:
            prepared: From `prepare`.
            training: Summary of the training for the card.
        """
        stretches = [inputs for inputs, _ in prepared.calibrating]
        runs = self.run_segments(self.step, stretches, only=["score"])
        scores = [run["score"] for run in runs]
        masks = [mask for _, mask in prepared.calibrating]
        self.calibration_scores = np.concatenate([s[m] for s, m in zip(scores, masks, strict=True)])
        least_scale = self.scoring.least_scale
        if np.ptp(self.calibration_scores) <= SAME:
            least_scale = max(least_scale, SAME)
        calibration = self.calibration.fit(self.calibration_scores, least_scale=least_scale)
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
        if expected := budget.to_dict():
            calibration["expected"] = expected
        self._card = json.dumps(
            {
                "training": dict(training),
                "calibration": calibration,
                "alarm": asdict(prepared.policy),
                "false_alarms": prepared.false_alarms,
                "reorder": prepared.reorder,
                "threshold": budget.threshold,
            },
            allow_nan=False,
        )
