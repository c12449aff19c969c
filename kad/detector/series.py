"""Training rows, checked and standardised."""

import hashlib
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import keras
import numpy as np

from kad.data.frames import Segment
from kad.graph.scaler import VARIES, Scaler
from kad.options import FitOptions
from runtime.clock.context import context_columns
from runtime.model.policy import AlarmPolicy


class TrainingSeries:
    """The standardised training rows of all segments, one after the other.

    Args:
        segments: Rows on the grid in raw units.
        scaler: A fitted scaler.
        validation: Share of the rows at the end that is held out.
        context: Names of context columns.
        held_out: Rows that are held out at least.
    """

    def __init__(
        self,
        segments: Sequence[Segment],
        scaler: Scaler,
        *,
        validation: float,
        context: Sequence[str] = (),
        held_out: int = 0,
    ) -> None:
        mean = keras.ops.convert_to_numpy(scaler.mean.value).astype("float64")
        std = keras.ops.convert_to_numpy(scaler.std.value).astype("float64")
        z = [
            np.clip((finite(s.values) - mean) / std, -Scaler.LIMIT, Scaler.LIMIT) for s in segments
        ]
        self.observed = np.concatenate([~np.isnan(v) for v in z]).astype("float32")
        """float32 `(rows, channels)`: 1 where a sample was measured."""
        self.values = np.concatenate([_interpolate(v) for v in z]).astype("float32")
        """float32 `(rows, channels)`: standardised, missing samples interpolated."""
        self.constant = np.ptp(self.values, axis=0) < VARIES
        """Boolean `(channels,)`: readings that teach nothing but that they do not change."""
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
        share = round(validation * len(self.values))
        self.held_out_rows = max(int(validation > 0), share, held_out)
        """How many rows at the end are held out from training."""

    def starts(self, length: int) -> np.ndarray:
        """Returns the rows at which `length` rows of one segment start.

        Windows that are mostly missing are left out.
        """
        rows = np.arange(len(self.values))
        inside = rows[rows + length <= self.ends]
        total = np.concatenate([[0.0], np.cumsum(self.observed.mean(axis=1), dtype="float64")])
        share = (total[inside + length] - total[inside]) / length
        return np.asarray(inside[share >= 0.5])


class Prepared(NamedTuple):
    """Checked training rows: what `Detector.prepare` hands to `fit_prepared`."""

    segments: list[Segment]
    """Rows on the grid."""
    counts: dict[str, int]
    """What the grid did with the rows."""
    series: TrainingSeries
    """The same rows, standardised."""
    calibrating: list[tuple[np.ndarray, np.ndarray]]
    """Stretches of rows, and which of their rows calibrate."""
    training: FitOptions
    """Options."""
    false_alarms: str
    """Budget that becomes the default threshold."""
    policy: AlarmPolicy
    """What makes an event."""
    reorder: int
    """Rows may arrive this many periods late."""
    about: Mapping[str, Any]
    """What else the detector file says of the training."""


def finite(values: np.ndarray) -> np.ndarray:
    """Returns values with NaN in the place of infinities."""
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
