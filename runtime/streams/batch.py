"""Many streams scored together: one network call for all that have a row."""

from collections.abc import Iterable, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from runtime.clock.grid import GridCounts, Placed, RowGrid, TimeGrid
from runtime.clock.remembered import checksums
from runtime.clock.rows import TIME_LIMIT, Times, Values, check_arrays, check_times, copied
from runtime.errors import InputError, shown
from runtime.model.detector import Detector
from runtime.model.outputs import of_all_steps
from runtime.streams.batch_scores import BatchScores, merged
from runtime.streams.names import Names
from runtime.streams.rounds import Rounds
from runtime.streams.runs import places_within, runs_of
from runtime.streams.scores import Scores
from runtime.streams.sealed import damaged, reading
from runtime.streams.snapshot import open_streams, seal_streams
from runtime.streams.threshold import as_threshold

__all__ = ["BatchScores", "StreamBatch"]

_NEVER = np.iinfo(np.int64).max
_UNTOLD = 32
"""So many rows of a stream on the fast path at most, its grid is told of them."""
_AT_ONCE = _UNTOLD // 2
"""Rows of a stream in one call on the fast path; of more, its grid is faster."""


class StreamBatch:
    """Scores many streams of one detector; each has its own grid and state.

    The same rows give the same scores as one `Stream` each. The fast path is a few rows per stream,
    each just when it is due, fastest for one row of all streams in their order.

    An index is a position in `names` as they are now: where streams are removed, those behind move
    up; new ones come last. Names always mean the same stream. Scores that were returned keep the
    names that they were returned with.

    Args:
        detector: The detector.
        names: Names of the streams, all different; none where all are to be added later.
        reorder: As in `Stream`.
        max_gap: As in `Stream`.
        threshold: As in `Stream`.
        warm: As in `Stream`, also for those that are added.
        prompt: Rows are held for `reorder` only where one before them is missing; see `TimeGrid`.

    Raises:
        InputError: As in `Stream`, and names that are no text or not all different.
    """

    def __init__(
        self,
        detector: Detector,
        names: Sequence[str],
        *,
        reorder: int = 0,
        max_gap: int | None = None,
        threshold: float | None = None,
        warm: bool = False,
        prompt: bool = False,
    ) -> None:
        meta = detector.metadata
        max_gap = meta.max_gap_steps if max_gap is None else max_gap
        meta.make_grid(reorder=reorder, max_gap=max_gap)
        self._prompt = bool(prompt)
        self._detector = detector
        self._reorder, self._max_gap, self._warm = int(reorder), int(max_gap), bool(warm)
        self.threshold = meta.threshold if threshold is None else threshold
        self._channels = len(meta.channels)
        self._period, self._half = meta.period_ns, meta.period_ns // 2
        self._rounds = Rounds(detector, 0, warm=warm)
        self._grids: list[TimeGrid | RowGrid] = []
        # For the fast path, of each stream: when its next row is due, how many rows it has
        # received, and how many of them its grid has not yet been told of: those of `_untold`,
        # the time and the checksum of each.
        self._live = np.zeros((3, 0), np.int64)
        self._untold = np.zeros((_UNTOLD, 2, 0), np.int64)
        self._rounds_untold = 0  # no stream has more that its grid was not told of
        self._each_row = np.array([[self._period], [1], [1]])
        self._latest = -TIME_LIMIT  # no row is due later
        self._who = Names(())
        self.add(names)

    @property
    def threshold(self) -> float:
        """Alarm threshold on severity; may be changed at any time."""
        return self._threshold

    @threshold.setter
    def threshold(self, threshold: float) -> None:
        self._threshold = as_threshold(threshold)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the streams."""
        return self._who.all

    @property
    def _options(self) -> dict[str, Any]:
        return {
            "reorder": self._reorder,
            "max_gap": self._max_gap,
            "threshold": self._threshold,
            "warm": self._warm,
            "prompt": self._prompt,
        }

    @property
    def counts(self) -> GridCounts:
        """What happened to the rows of all streams so far."""
        total = GridCounts()
        for stream in range(len(self.names)):
            total += self._told(stream).counts
        return total

    def counts_of(self, name: str) -> GridCounts:
        """What happened to the rows of one stream so far."""
        return self._told(self._who.numbers([name])[0]).counts

    def add(self, names: Sequence[str]) -> None:
        """Takes in new streams, behind the others, which go on.

        Args:
            names: Their names.

        Raises:
            InputError: Names that are no text, not all different, or taken.
        """
        is_many = isinstance(names, Iterable) and not isinstance(names, str | bytes)
        new = tuple(names) if is_many else ()
        everyone = (*self.names, *new)
        is_text = is_many and all(isinstance(name, str) for name in new)
        if not is_text or len(set(everyone)) < len(everyone):
            raise InputError(
                "`names` must be a sequence of names, all different, none of them taken. "
                f"Received: {shown(names)}."
            )
        more, make = len(new), self._detector.metadata.make_grid
        options = {"reorder": self._reorder, "max_gap": self._max_gap}
        self._grids += [make(**options, prompt=self._prompt) for _ in new]
        self._rounds.add(more)
        new_live = np.repeat([[_NEVER], [0], [0]], more, axis=1)
        self._live = np.concatenate([self._live, new_live], axis=1)
        new_untold = np.zeros((_UNTOLD, 2, more), np.int64)
        self._untold = np.concatenate([self._untold, new_untold], axis=2)
        self._who = Names(tuple(map(str, everyone)))

    def remove(self, names: Sequence[str]) -> BatchScores:
        """Lets go of streams, with all they have learnt; the others go on.

        Args:
            names: Their names.

        Returns:
            The scores of the slots that they held for late rows.

        Raises:
            InputError: An unknown stream; none is removed then.
        """
        gone = np.unique(self._who.numbers(names))
        last = self._score([self._told(stream).flush() for stream in gone], gone)
        keep = np.delete(self._who.every, gone)
        self._grids = [self._grids[stream] for stream in keep]
        self._rounds.keep(keep)
        self._live = self._live[:, keep]
        self._untold = self._untold[:, :, keep]
        self._who = Names(tuple(self.names[stream] for stream in keep))
        return last

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
            values: float64 (rows, channels); NaN or infinity is missing. All three are the
                caller's: they may be filled anew after the call.

        Raises:
            InputError: An unknown stream, wrong shapes, or an unusable time.
        """
        numbers = self._who.numbers(streams)
        check_arrays(times_ns, values, self._channels)
        if len(times_ns) != len(numbers):
            raise InputError(
                f"`times_ns` and `values` must be ({len(numbers)},) and ({len(numbers)}, "
                f"{self._channels}), one row for each entry of `streams`. "
                f"Received: {times_ns.shape} and {values.shape}."
            )
        if self._latest > TIME_LIMIT - _AT_ONCE * self._period:
            check_times(times_ns)
        if numbers is self._who.every:
            early = self._early(times_ns, self._live[0])
            if len(early) and (early < self._period).all():
                return self._push_due(slice(None), times_ns[:, None], copied(values))
        elif (numbers[1:] < numbers[:-1]).any():
            order = np.argsort(numbers, kind="stable")
            numbers, times_ns, values = numbers[order], times_ns[order], values[order]
        within = places_within(numbers)
        due = self._is_due(numbers, within, times_ns)
        if due.all() and len(due):
            return self._push_runs(numbers, within, times_ns, copied(values))
        check_times(times_ns)
        rest = ~due
        slow = self._push_rest(numbers[rest], times_ns[rest], values[rest])
        if not due.any():
            return slow
        fast = self._push_runs(numbers[due], within[due], times_ns[due], copied(values[due]))
        return merged([fast, slow])

    def flush(self, names: Sequence[str] | None = None) -> BatchScores:
        """Scores what is held for late rows or for the next one.

        Args:
            names: In these streams only, such as those whose machines have stopped.

        Raises:
            InputError: An unknown stream.
        """
        streams = self._who.every if names is None else np.unique(self._who.numbers(names))
        placed = [self._told(stream).flush() for stream in streams]
        for stream in streams:
            self._learn_due(stream)
        return self._score(placed, streams)

    def resume(self, names: Sequence[str], times_ns: Times) -> BatchScores:
        """Lets streams go on at a time, however late, as if nothing lay between.

        For machines that stood still on purpose: neither missing slots nor a restart; windows go
        on, warm-ups go on, and slots have their real times, so that hour and weekday are right.

        Args:
            names: Of the streams, all different.
            times_ns: Time of the next row of each, int64 (names,).

        Returns:
            The scores of the slots that were held, as `flush` does.

        Raises:
            InputError: An unknown stream, one twice, or an unusable time.
        """
        numbers = self._who.numbers(names)
        check_arrays(times_ns, np.empty((np.size(times_ns), 0)), 0)
        check_times(times_ns)
        if len(times_ns) != len(numbers) or len(np.unique(numbers)) < len(numbers):
            raise InputError(
                f"`names` must be different streams, and `times_ns` one time for each. "
                f"Received: {shown(names)} and {len(times_ns)} times."
            )
        order = np.argsort(numbers)
        placed = []
        for stream, time in zip(numbers[order], times_ns[order].tolist(), strict=True):
            placed.append(self._told(stream).resume(time))
            self._learn_due(stream)
        return self._score(placed, numbers[order])

    def follow(self, before: "StreamBatch", names: Sequence[str]) -> None:
        """Lets streams go on behind those of another batch: no step comes a second time.

        What they have learnt here stays; where and when their rows are placed, which of them are
        known and how they were counted is as it was there. What is held there stays there.

        Args:
            before: A batch of any detector.
            names: Of streams of both.

        Raises:
            InputError: An unknown stream.
        """
        numbers, others = self._who.numbers(names), before._who.numbers(names)
        for stream, other in zip(numbers.tolist(), others.tolist(), strict=True):
            self._told(stream).follow(before._told(other))
            self._learn_due(stream)

    def snapshot(self, names: Sequence[str] | None = None) -> bytes:
        """Returns the whole state, under a checksum, to be given to `restore` or `take_in`.

        Args:
            names: Of these streams only, in this order; they stay in the batch.

        Raises:
            InputError: An unknown stream, or one twice.
        """
        streams = self._who.every if names is None else self._who.numbers(names)
        if len(np.unique(streams)) < len(streams):
            raise InputError(
                f"`names` must be streams of this batch, all different. Received: {shown(names)}."
            )
        options = {"names": [self.names[stream] for stream in streams], **self._options}
        grids = [self._told(stream) for stream in streams]
        return seal_streams("batch", self._detector, options, self._rounds.state[streams], grids)

    def take_in(self, blob: bytes) -> tuple[str, ...]:
        """Takes in the streams of a snapshot, behind the others, as if they had been here.

        What is of the batch and no stream's own, its threshold and whether new streams start
        warm, stays as it is here.

        Args:
            blob: What `snapshot` of any batch of this detector returned.

        Returns:
            Their names.

        Raises:
            InputError: Nothing that `restore` takes, another `reorder` or `max_gap`, or names
                that are taken; none is taken in then.
        """
        other = type(self).restore(self._detector, blob)
        for option in ("reorder", "max_gap", "prompt"):
            here, there = self._options[option], other._options[option]
            if here != there:
                raise InputError(
                    f"Streams can only be taken in from a batch with the same `{option}`, {here}. "
                    f"Received: a snapshot with {there}. Restore it alone, or add the streams anew."
                )
        taken = [name for name in other.names if name in self._who.index]
        if taken:
            raise InputError(
                "Streams that are taken in must have names that are not taken. Received: "
                f"{shown(taken[0])}, one of {len(taken)} that are. Remove them first."
            )
        self._grids += other._grids
        self._rounds.state = np.concatenate([self._rounds.state, other._rounds.state])
        self._live = np.concatenate([self._live, other._live], axis=1)
        self._untold = np.concatenate([self._untold, other._untold], axis=2)
        self._latest = max(self._latest, other._latest)
        self._who = Names((*self.names, *other.names))
        return other.names

    @classmethod
    def restore(cls, detector: Detector, blob: bytes) -> Self:
        """Continues all streams from `snapshot`, as if they had never been interrupted.

        Raises:
            InputError: Anything that `snapshot` did not return under this detector: a damaged
                snapshot, one of an earlier version, one of another detector.
        """
        options, state, grids = open_streams("batch", detector, blob)
        with reading("batch", blob):
            batch = cls(detector, options.pop("names"), **options)
            batch._rounds.state = state
            for stream, (grid, numbers) in enumerate(zip(batch._grids, grids, strict=True)):
                grid.restore(numbers)
                batch._learn_due(stream)
            if batch.snapshot() != bytes(blob):
                raise damaged("batch", blob, "another form")
        return batch

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).restore, (self._detector, self.snapshot())

    def _early(self, times_ns: Times, due: Times) -> npt.NDArray[np.uint64]:
        """How far into their slots rows come; huge where they miss them on either side."""
        early = times_ns - due
        early += self._half
        return early.view(np.uint64)

    def _is_due(
        self, numbers: npt.NDArray[np.intp], within: npt.NDArray[np.intp], times_ns: Times
    ) -> npt.NDArray[np.bool_]:
        """Which of the rows, sorted by stream, are just due, with all others of their stream."""
        due = self._live[0, numbers]
        if not within.any():
            return self._early(times_ns, due) < self._period
        odd = self._early(times_ns, due + self._period * within) >= self._period
        odd |= within >= _AT_ONCE
        return ~np.isin(numbers, numbers[odd]) if odd.any() else ~odd

    def _push_runs(
        self,
        numbers: npt.NDArray[np.intp],
        within: npt.NDArray[np.intp],
        times_ns: Times,
        values: Values,
    ) -> BatchScores:
        """Scores rows that are just due, sorted by stream: streams of as many rows together.

        Args:
            numbers: The streams' numbers.
            within: Place of each row among those of its stream.
            times_ns: Of the rows.
            values: Of them, which nobody else has.
        """
        if not within.any():
            return self._push_due(numbers, times_ns[:, None], values)
        return merged(
            [
                self._push_due(numbers[rows[:, 0]], times_ns[rows], values[rows.ravel()])
                for rows in runs_of(within)
            ]
        )

    def _push_due(
        self, at: slice | npt.NDArray[np.intp], times_ns: Times, values: Values
    ) -> BatchScores:
        """Scores rows that are just due, the same number of each stream, without asking each grid.

        Args:
            at: The streams' numbers, in order, each once; or all, as a slice.
            times_ns: Of the rows: (streams, steps).
            values: Of them, which nobody else has: (streams x steps, channels).
        """
        steps = times_ns.shape[1]
        order = np.arange(steps)
        self._make_room(steps)
        due, rows, untold = self._live[:, at, None].copy()
        due, rows, untold = due + self._period * order, rows + order, untold + order
        numbers = self._who.every[at]
        self._untold[untold, 0, numbers[:, None]] = times_ns
        self._untold[untold, 1, numbers[:, None]] = np.reshape(checksums(values), times_ns.shape)
        self._live[:, at] += steps * self._each_row
        self._latest += steps * self._period
        self._rounds_untold += steps
        due, rows = due.ravel(), rows.ravel()
        x = self._rounds.inputs(due, values).reshape(*times_ns.shape, -1)
        scores = Scores.of(
            Placed(due, values, np.zeros(len(rows), np.bool_), rows),
            of_all_steps(self._rounds.step(x, at)),
            self._threshold,
        )
        streams = numbers.copy() if steps == 1 else np.repeat(numbers, steps)
        return BatchScores(names=self.names, streams=streams, scores=scores)

    def _make_room(self, steps: int) -> None:
        """Tells grids of their rows where `_untold` may have no room for so many more."""
        if self._rounds_untold + steps > _UNTOLD:
            # Streams come in turn: most have far fewer rows than there were calls.
            for stream in np.flatnonzero(self._live[2] > _UNTOLD - _AT_ONCE):
                self._told(stream)
            self._rounds_untold = int(self._live[2].max())

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
        untold = int(self._live[2, stream])
        if untold:
            times, sums = self._untold[:untold, :, stream].T.tolist()
            grid.advance_many(times, sums)
            self._live[2, stream] = 0
        return grid

    def _learn_due(self, stream: int | np.intp) -> None:
        grid = self._grids[stream]
        due = grid.due_ns
        if due is not None:
            self._latest = max(self._latest, due)
        self._live[:2, stream] = _NEVER if due is None else due, grid.counts.received

    def _score(self, placed: list[Placed], streams: npt.NDArray[np.intp]) -> BatchScores:
        outputs = self._rounds.score(placed, streams)
        each = [Scores.of(p, out, self._threshold) for p, out in zip(placed, outputs, strict=True)]
        numbers = np.repeat(streams, [len(scores) for scores in each])
        none = self._rounds.none
        scores = Scores.joined([*each, Scores.of(none[0], none[1], self._threshold)])
        return BatchScores(names=self.names, streams=numbers, scores=scores)
