"""One stream of timestamped rows: grid, state, scores."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from runtime.clock.grid import LIVE_REMEMBER, GridCounts, Placed
from runtime.clock.incidents import Incidents
from runtime.clock.moments import to_ns
from runtime.clock.rows import Times, Values, check_rows, copied
from runtime.model.detector import Detector
from runtime.streams.rounds import Rounds
from runtime.streams.row import row_of
from runtime.streams.scores import Scores
from runtime.streams.sealed import damaged, reading
from runtime.streams.snapshot import open_streams, seal_streams
from runtime.streams.threshold import as_threshold, level_of

__all__ = ["Stream"]


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
        warm: Start from the state at the end of the training rows, which the file carries, as if
            the stream had just come back from an outage: the warm-up counts from the first row,
            and what is learnt for long (statistics, ranges, patterns) is there already. Without
            it, a new stream begins with none.
        remember: So many rows are known again when they are repeated, 16 bytes each.

    A restart, after a gap or a clock set back, does the same with what the stream itself has
    learnt; with a file of schema 1 it forgets everything.

    Raises:
        InputError: A detector that is fixed to more than one step, `warm` with a file that has no
            such state, or an option out of its range.
    """

    def __init__(
        self,
        detector: Detector,
        *,
        reorder: int = 0,
        max_gap: int | None = None,
        threshold: float | None = None,
        warm: bool = False,
        remember: int = LIVE_REMEMBER,
    ) -> None:
        meta = detector.metadata
        self._detector = detector
        self._channels = meta.channels
        max_gap = meta.max_gap_steps if max_gap is None else max_gap
        self._grid = meta.make_grid(reorder=reorder, max_gap=max_gap, remember=remember)
        self._reorder, self._max_gap, self._remember = int(reorder), int(max_gap), int(remember)
        self.threshold = meta.threshold if threshold is None else threshold
        self._rounds = Rounds(detector, 1, warm=warm)

    @property
    def threshold(self) -> float:
        """Alarm threshold on severity; may be changed at any time."""
        return self._threshold

    @threshold.setter
    def threshold(self, threshold: float) -> None:
        self._threshold = as_threshold(threshold)
        self._level = level_of(self._threshold)

    @property
    def counts(self) -> GridCounts:
        """What happened to the rows so far."""
        return self._grid.counts

    @property
    def incidents(self) -> Incidents:
        """When it happened, since the stream was begun or restored; see `runtime.clock.said`."""
        return self._grid.incidents

    def push(self, time: object, values: Sequence[float] | Mapping[str, float]) -> Scores:
        """Takes one row and scores the slots that became final: none, one or several.

        Args:
            time: A datetime or ISO string (UTC unless it has a time zone), `np.datetime64`, or
                seconds since 1970.
            values: One number per channel in the detector's order, or a mapping by channel name
                in which absent channels are missing. None, NaN and infinity are missing.

        Raises:
            InputError: An unusable time, wrong channels, or something that is no number, such as
                text and bools.
        """
        time_ns = to_ns(time)
        return self._push(time_ns, row_of(values, self._channels))

    def push_many(self, times_ns: Times, values: Values) -> Scores:
        """Takes rows in the order in which they came, and scores the slots that became final.

        Args:
            times_ns: Nanoseconds since 1970-01-01 UTC, int64 (rows,).
            values: float64 (rows, channels); NaN or infinity is missing. Both arrays are the
                caller's: they may be filled anew after the call.

        Raises:
            InputError: Wrong shapes or dtypes, or a time outside 1823 to 2116.
        """
        if isinstance(times_ns, np.ndarray) and times_ns.shape == (1,):
            check_rows(times_ns, values, len(self._channels))
            return self._push(int(times_ns[0]), copied(values))
        return self._score(self._grid.place(times_ns, values))

    def flush(self) -> Scores:
        """Scores what is held for late rows or for the next one; use it at the end of the data."""
        return self._score(self._grid.flush())

    def snapshot(self) -> bytes:
        """Returns the whole state, under a checksum, to be given to `restore`."""
        options = {
            "reorder": self._reorder,
            "max_gap": self._max_gap,
            "threshold": self._threshold,
            "remember": self._remember,
        }
        return seal_streams("stream", self._detector, options, self._rounds.state, [self._grid])

    @classmethod
    def restore(cls, detector: Detector, blob: bytes) -> Self:
        """Continues a stream from `snapshot`, as if it had never been interrupted.

        Raises:
            InputError: Anything that `snapshot` did not return under this detector: a damaged
                snapshot, one of an earlier version, one of another detector.
        """
        options, state, grids = open_streams("stream", detector, blob)
        with reading("stream", blob):
            stream = cls(detector, **options)
            (grid,) = grids
            stream._rounds.state = state
            stream._grid.restore(grid)
            if stream.snapshot() != bytes(blob):
                raise damaged("stream", blob, "another form")
        return stream

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).restore, (self._detector, self.snapshot())

    def _push(self, time_ns: int, values: Values) -> Scores:
        """Takes one row, of which nobody else has the values."""
        slot_ns = self._grid.slot_ns(time_ns)
        if slot_ns is None:
            return self._score(self._grid.place(np.array([time_ns], np.int64), values))
        row = self._grid.advance(time_ns, values)
        return Scores.of_row(slot_ns, values, row, self._rounds.one(slot_ns, values), self._level)

    def _score(self, placed: Placed) -> Scores:
        (outputs,) = self._rounds.score([placed], _ONLY)
        return Scores.of(placed, outputs, self._threshold)


_ONLY = np.zeros(1, np.intp)
