"""Many streams scored together: one network call for all that have a row."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from runtime.clock.grid import GridCounts, Placed, RowGrid, TimeGrid
from runtime.clock.rows import Times, Values, check_rows
from runtime.errors import InputError
from runtime.model.detector import Detector
from runtime.model.outputs import of_first_step
from runtime.streams.rounds import Rounds
from runtime.streams.scores import Scores

__all__ = ["BatchScores", "StreamBatch"]

_NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchScores:
    """Scored steps of many streams: grouped by stream, within a stream in order."""

    names: tuple[str, ...]
    """Names of all streams."""
    streams: npt.NDArray[np.intp]
    """Index into `names` of each step: (steps,)."""
    scores: Scores
    """The steps of all streams."""

    def __len__(self) -> int:
        return len(self.streams)

    def of(self, name: str) -> Scores:
        """Returns the steps of one stream."""
        return _taken(self.scores, self.streams == self.names.index(name))

    def by_stream(self) -> dict[str, Scores]:
        """Returns the steps of each stream that has any."""
        return {self.names[i]: self.of(self.names[i]) for i in np.unique(self.streams)}


class StreamBatch:
    """Scores many streams of one detector; each has its own grid and state.

    The same rows give the same scores as one `Stream` each. The fast path is one row per stream,
    just when it is due.

    Args:
        detector: The detector.
        names: Names of the streams.
        reorder: As in `Stream`.
        max_gap: As in `Stream`.
        threshold: As in `Stream`.
    """

    threshold: float
    """Alarm threshold on severity; may be changed at any time."""

    def __init__(
        self,
        detector: Detector,
        names: Sequence[str],
        *,
        reorder: int = 0,
        max_gap: int | None = None,
        threshold: float | None = None,
    ) -> None:
        if not names or len(set(names)) < len(names):
            raise InputError(
                f"`names` must be at least one name, all different. Received: {list(names)!r:.200}."
            )
        meta = detector.metadata
        gap = meta.max_gap_steps if max_gap is None else max_gap
        self.threshold = meta.threshold if threshold is None else threshold
        self._names = tuple(names)
        self._index = {name: index for index, name in enumerate(names)}
        self._grids = [meta.make_grid(reorder=reorder, max_gap=gap) for _ in names]
        self._rounds = Rounds(detector, len(names))
        self._channels = len(meta.channels)
        # For the fast path: when each stream's next row is due, how many rows it has received,
        # and how many of them its grid has not yet been told of.
        self._period = meta.period_ns
        self._due = np.full(len(names), _NEVER)
        self._received = np.zeros(len(names), np.int64)
        self._untold = np.zeros(len(names), np.int64)
        self._every = np.arange(len(names))
        self._no_restart = np.zeros(len(names), np.bool_)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the streams."""
        return self._names

    @property
    def counts(self) -> GridCounts:
        """What happened to the rows of all streams so far."""
        total = GridCounts()
        for stream in range(len(self._names)):
            total += self._told(stream).counts
        return total

    def counts_of(self, name: str) -> GridCounts:
        """What happened to the rows of one stream so far."""
        return self._told(self._numbers([name])[0]).counts

    def push_many(
        self,
        streams: Sequence[str] | npt.NDArray[np.integer],
        times_ns: Times,
        values: Values,
    ) -> BatchScores:
        """Takes rows of any streams, interleaved in any way, and scores what became final.

        Args:
            streams: Name or index of each row's stream (rows,).
            times_ns: Nanoseconds since 1970-01-01 UTC, int64 (rows,), in order of arrival
                within each stream.
            values: float64 (rows, channels); NaN or infinity is missing.

        Raises:
            InputError: An unknown stream, wrong shapes, or an unusable time.
        """
        numbers = self._numbers(streams)
        if times_ns.shape != numbers.shape or values.shape != (len(numbers), self._channels):
            raise InputError(
                f"`times_ns` and `values` must be ({len(numbers)},) and ({len(numbers)}, "
                f"{self._channels}), one row for each entry of `streams`. "
                f"Received: {times_ns.shape} and {values.shape}."
            )
        if (numbers[1:] < numbers[:-1]).any():
            order = np.argsort(numbers, kind="stable")
            numbers, times_ns, values = numbers[order], times_ns[order], values[order]
        due = self._is_due(numbers, times_ns)
        if due.all() and len(due) and times_ns.dtype == np.int64 and values.dtype == np.float64:
            return self._push_due(numbers, values)
        check_rows(times_ns, values, self._channels)
        rest = ~due
        slow = self._push_rest(numbers[rest], times_ns[rest], values[rest])
        if not due.any():
            return slow
        return _merged(self._push_due(numbers[due], values[due]), slow)

    def flush(self) -> BatchScores:
        """Scores the slots that are held for late rows, in all streams."""
        placed = [self._told(stream).flush() for stream in self._every]
        return self._score(placed, self._every)

    def _is_due(self, numbers: npt.NDArray[np.intp], times_ns: Times) -> npt.NDArray[np.bool_]:
        """Which of the rows, sorted by stream, are the only one of their stream and just due."""
        due = self._due[numbers]
        offset = times_ns - due + self._period // 2
        found: npt.NDArray[np.bool_] = (offset >= 0) & (offset < self._period) & (due != _NEVER)
        again = numbers[1:] == numbers[:-1]
        if again.any():
            found[1:] &= ~again
            found[:-1] &= ~again
        return found

    def _push_due(self, numbers: npt.NDArray[np.intp], values: Values) -> BatchScores:
        """Scores rows that are just due, one per stream, without asking each grid."""
        due, rows = self._due[numbers], self._received[numbers]
        self._due[numbers] += self._period
        self._received[numbers] += 1
        self._untold[numbers] += 1
        out = self._rounds.step(self._rounds.inputs(due, values)[:, None], numbers)
        scores = Scores.of(
            Placed(due, values, self._no_restart[: len(rows)], rows),
            of_first_step(out),
            self.threshold,
        )
        return BatchScores(names=self._names, streams=numbers, scores=scores)

    def _push_rest(
        self, numbers: npt.NDArray[np.intp], times_ns: Times, values: Values
    ) -> BatchScores:
        """Scores any rows, sorted by stream."""
        here, first = np.unique(numbers, return_index=True)
        placed = []
        for stream, rows in zip(here, np.split(np.arange(len(numbers)), first)[1:], strict=True):
            placed.append(self._told(stream).place(times_ns[rows], values[rows]))
            self._learn_due(stream)
        return self._score(placed, here)

    def _told(self, stream: int | np.intp) -> TimeGrid | RowGrid:
        grid = self._grids[stream]
        if self._untold[stream]:
            grid.advance(int(self._untold[stream]))
            self._untold[stream] = 0
        return grid

    def _learn_due(self, stream: int | np.intp) -> None:
        due = self._grids[stream].due_ns
        self._due[stream] = _NEVER if due is None else due
        self._received[stream] = self._grids[stream].counts.received

    def _score(self, placed: list[Placed], streams: npt.NDArray[np.intp]) -> BatchScores:
        outputs = self._rounds.score(placed, streams)
        each = [Scores.of(p, out, self.threshold) for p, out in zip(placed, outputs, strict=True)]
        numbers = np.repeat(streams, [len(scores) for scores in each])
        none = self._rounds.none
        scores = Scores.joined([*each, Scores.of(none[0], none[1], self.threshold)])
        return BatchScores(names=self._names, streams=numbers, scores=scores)

    def _numbers(self, streams: Sequence[str] | npt.NDArray[np.integer]) -> npt.NDArray[np.intp]:
        if isinstance(streams, np.ndarray) and np.issubdtype(streams.dtype, np.integer):
            numbers = streams.astype(np.intp, copy=False)
        else:
            try:
                numbers = np.array([self._index[name] for name in streams], np.intp)
            except KeyError as error:
                raise InputError(
                    f"Streams must be among the {len(self._names)} names of this batch. "
                    f"Received: {error.args[0]!r}."
                ) from error
        if len(numbers) and not 0 <= numbers.min() <= numbers.max() < len(self._names):
            raise InputError(
                f"Stream indices must be from 0 to {len(self._names) - 1}. "
                f"Received: {numbers.min()} to {numbers.max()}."
            )
        return numbers


def _taken(scores: Scores, at: npt.NDArray[Any]) -> Scores:
    return Scores(**{f.name: getattr(scores, f.name)[at] for f in fields(Scores)})


def _merged(a: BatchScores, b: BatchScores) -> BatchScores:
    streams = np.concatenate([a.streams, b.streams])
    order = np.argsort(streams, kind="stable")
    scores = _taken(Scores.joined([a.scores, b.scores]), order)
    return BatchScores(names=a.names, streams=streams[order], scores=scores)
