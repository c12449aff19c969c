"""Scored steps of many streams."""

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
        """Returns the steps of one stream."""
        return self.scores.taken(self.streams == self.names.index(name))

    def by_stream(self) -> dict[str, Scores]:
        """Returns the steps of each stream that has any."""
        return {self.names[i]: self.of(self.names[i]) for i in np.unique(self.streams)}


def merged(a: BatchScores, b: BatchScores) -> BatchScores:
    """Returns the steps of both, of the same streams, grouped again."""
    streams = np.concatenate([a.streams, b.streams])
    order = np.argsort(streams, kind="stable")
    scores = Scores.joined([a.scores, b.scores]).taken(order)
    return BatchScores(names=a.names, streams=streams[order], scores=scores)
