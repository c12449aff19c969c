"""Scored steps of many streams."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from runtime.streams.scores import Scores

__all__ = ["BatchScores", "merged"]


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
        """Returns the steps of one stream; the arrays are parts of those of `scores`."""
        index = self.names.index(name)
        at = np.flatnonzero(self.streams == index)
        return self.scores.taken(slice(int(at[0]), int(at[-1]) + 1) if len(at) else slice(0))

    def by_stream(self) -> dict[str, Scores]:
        """Returns the steps of each stream that has any, as `of` does, in the order they stand."""
        if not len(self.streams):
            return {}
        starts = np.flatnonzero(np.diff(self.streams, prepend=-1)).tolist()
        ends = [*starts[1:], len(self.streams)]
        return {
            self.names[self.streams[start]]: self.scores.taken(slice(start, end))
            for start, end in zip(starts, ends, strict=True)
        }


def merged(parts: Sequence[BatchScores]) -> BatchScores:
    """Returns the steps of all, of the same streams, grouped again; each stream is in one part."""
    if len(parts) == 1:
        return parts[0]
    streams = np.concatenate([part.streams for part in parts])
    order = np.argsort(streams, kind="stable")
    scores = Scores.joined([part.scores for part in parts]).taken(order)
    return BatchScores(names=parts[0].names, streams=streams[order], scores=scores)
