"""Scores rows by what was said of their machines; see `running`."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from runtime.clock.rows import Times, Values
from runtime.gateway.rules.running import Verdict
from runtime.streams.batch import StreamBatch
from runtime.streams.batch_scores import BatchScores

__all__ = ["push_judged"]


def push_judged(
    batch: StreamBatch,
    streams: Sequence[str],
    times_ns: Times,
    values: Values,
    verdicts: npt.NDArray[np.int8],
) -> list[BatchScores]:
    """Pushes the rows of machines that run; flushes and resumes the streams of the others.

    Any split of the rows gives the same scores.

    Args:
        batch: Has all these streams.
        streams: Name of each row's stream (rows,).
        times_ns: int64 (rows,), in order of arrival within each stream.
        values: float64 (rows, channels).
        verdicts: Of each row, as `Running.judge` returned them (rows,).

    Returns:
        The scores, to be taken in this order.

    Raises:
        InputError: An unknown stream, wrong shapes, or an unusable time.
    """
    turns = (verdicts == Verdict.STOP) | (verdicts == Verdict.RESUME)
    pushed = (verdicts == Verdict.SCORE) | (verdicts == Verdict.RESUME)
    if not turns.any():
        if pushed.all():
            return [batch.push_many(streams, times_ns, values)]
        return [_push(batch, streams, times_ns, values, np.flatnonzero(pushed))]
    parts = []
    # The rows of each stream fall into pieces, each but the first of which begins with a turn.
    pieces = _pieces(streams, turns)
    for piece in range(int(pieces.max()) + 1):
        rows = np.flatnonzero(pieces == piece)
        begins = rows[turns[rows]]
        stops = begins[verdicts[begins] == Verdict.STOP]
        resumes = begins[verdicts[begins] == Verdict.RESUME]
        if len(stops):
            parts.append(batch.flush([streams[row] for row in stops]))
        if len(resumes):
            parts.append(batch.resume([streams[row] for row in resumes], times_ns[resumes]))
        rows = rows[pushed[rows]]
        if len(rows):
            parts.append(_push(batch, streams, times_ns, values, rows))
    return parts


def _pieces(streams: Sequence[str], turns: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
    """Numbers the pieces of each row's stream, by how many turns it has had."""
    counts: dict[str, int] = {}
    pieces = np.zeros(len(streams), np.intp)
    for row, (name, turn) in enumerate(zip(streams, turns.tolist(), strict=True)):
        counts[name] = pieces[row] = counts.get(name, 0) + turn
    return pieces


def _push(
    batch: StreamBatch,
    streams: Sequence[str],
    times_ns: Times,
    values: Values,
    rows: npt.NDArray[np.intp],
) -> BatchScores:
    return batch.push_many([streams[row] for row in rows], times_ns[rows], values[rows])
