"""One stream of timestamped rows: grid, state, scores."""

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from runtime.clock.grid import GridCounts, Placed
from runtime.clock.rows import Times, Values
from runtime.clock.timestamps import to_ns
from runtime.errors import InputError
from runtime.model.detector import Detector
from runtime.streams.rounds import Rounds
from runtime.streams.row import row_of
from runtime.streams.scores import Scores

STREAM_SNAPSHOT = 1


class Stream:
    """Scores one stream of timestamped rows.

    Rows are placed on the detector's time grid (see `TimeGrid`), context columns are computed
    from the time of the slot. Any chunking of the same rows gives the same scores. A stream
    belongs to one thread at a time; the detector may be shared.

    Args:
        detector: The detector.
        reorder: Slots to wait for rows that come out of order; 0: score at once.
        max_gap: Longest gap in steps that is bridged; a longer one restarts the warm-up.
            Default: the detector's.
        threshold: Alarm threshold on severity. Default: the detector's.

    Raises:
        InputError: A detector that is fixed to more than one step.
    """

    threshold: float
    """Alarm threshold on severity; may be changed at any time."""

    def __init__(
        self,
        detector: Detector,
        *,
        reorder: int = 0,
        max_gap: int | None = None,
        threshold: float | None = None,
    ) -> None:
        self._detector = detector
        self._reorder = reorder
        self._max_gap = detector.metadata.max_gap_steps if max_gap is None else max_gap
        self.threshold = detector.metadata.threshold if threshold is None else threshold
        self._grid = detector.metadata.make_grid(reorder=reorder, max_gap=self._max_gap)
        self._rounds = Rounds(detector, 1)

    @property
    def counts(self) -> GridCounts:
        """What happened to the rows so far."""
        return self._grid.counts

    def push(self, time: object, values: Sequence[float] | Mapping[str, float]) -> Scores:
        """Takes one row and scores the slots that became final: none, one or several.

        Args:
            time: A datetime or ISO string (UTC unless it has a time zone), `np.datetime64`, or
                seconds since 1970.
            values: One number per channel in the detector's order, or a mapping by channel name
                in which absent channels are missing. NaN is missing.

        Raises:
            InputError: An unusable time, wrong channels, or something that is no number.
        """
        row = row_of(values, self._detector.channels)
        return self.push_many(np.array([to_ns(time)], np.int64), row[None])

    def push_many(self, times_ns: Times, values: Values) -> Scores:
        """Takes rows in the order in which they came, and scores the slots that became final.

        Args:
            times_ns: Nanoseconds since 1970-01-01 UTC, int64 (rows,).
            values: float64 (rows, channels); NaN or infinity is missing.
        """
        return self._score(self._grid.place(times_ns, values))

    def flush(self) -> Scores:
        """Scores the slots that are held for late rows; use it at the end of the data."""
        return self._score(self._grid.flush())

    def snapshot(self) -> bytes:
        """Returns the whole state: an npz without pickle, to be given to `restore`."""
        header = {
            "version": STREAM_SNAPSHOT,
            "weights_sha256": self._detector.metadata.weights_sha256,
            "reorder": self._reorder,
            "max_gap": self._max_gap,
            "threshold": self.threshold,
        }
        arrays = {f"grid.{name}": item for name, item in self._grid.snapshot().items()}
        blob = io.BytesIO()
        np.savez(blob, header=json.dumps(header), state=self._rounds.state, **arrays)
        return blob.getvalue()

    @classmethod
    def restore(cls, detector: Detector, blob: bytes) -> Self:
        """Continues a stream from `snapshot`, as if it had never been interrupted.

        Raises:
            InputError: No snapshot, a damaged one, or one of another detector.
        """
        header, arrays = _read_snapshot(blob)
        if header["weights_sha256"] != detector.metadata.weights_sha256:
            raise InputError(
                "A stream must be restored under the detector that it was scored with, "
                f"weights {detector.metadata.weights_sha256[:12]}. Received: a snapshot for "
                f"weights {header['weights_sha256'][:12]}. Start the stream anew."
            )
        stream = cls(
            detector,
            reorder=header["reorder"],
            max_gap=header["max_gap"],
            threshold=header["threshold"],
        )
        stream._rounds.state = arrays.pop("state")
        stream._grid.restore(arrays)
        return stream

    def _score(self, placed: Placed) -> Scores:
        (outputs,) = self._rounds.score([placed], _ONLY)
        return Scores.of(placed, outputs, self.threshold)


_ONLY = np.zeros(1, np.intp)


def _read_snapshot(blob: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        with np.load(io.BytesIO(blob), allow_pickle=False) as npz:
            arrays = {name.removeprefix("grid."): array for name, array in npz.items()}
        header: dict[str, Any] = json.loads(str(arrays.pop("header")))
        version = header["version"]
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(
            "A stream's snapshot must be the bytes that `snapshot` returned. "
            f"Received: {len(blob)} bytes, {type(error).__name__}. Start the stream anew."
        ) from error
    if version != STREAM_SNAPSHOT:
        raise InputError(
            f"A stream's snapshot must be of version {STREAM_SNAPSHOT}. "
            f"Received: {version!r}. Start the stream anew."
        )
    return header, arrays
