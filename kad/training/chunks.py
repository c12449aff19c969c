"""Chunks of a series for truncated back-propagation, side by side in parallel streams."""

import numpy as np

from kad.training.examples import epoch_steps

Segments = list[tuple[int, int]]
"""Half-open ranges of rows without a long gap."""


def chunk_steps(*, length: int, streams: int, rows: int) -> int:
    """Returns how many chunks of `length` rows each stream has in an epoch of `rows` rows."""
    return epoch_steps(-(-rows // (streams * length)))


def training_chunks(
    segments: Segments, *, length: int, streams: int, rows: int, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Lays out one epoch: consecutive chunks, so that state can be carried from one to the next.

    The series is repeated until every stream is full, each time cut at other rows; from a longer
    one, each stream gets a stretch at random.

    Args:
        segments: Rows to train on.
        length: Rows of a chunk.
        streams: Parallel streams.
        rows: Rows of an epoch over all streams.
        rng: Source of the cuts and stretches.

    Returns:
        Arrays `(steps, streams)`: `start` and `end`, the chunk's first row and the row after its
        segment, int32; `fresh`, 1 where the state starts anew; `weight`, the share of the chunk
        that has rows to predict, float32.
    """
    steps = chunk_steps(length=length, streams=streams, rows=rows)
    parts: list[np.ndarray] = []
    count = 0
    while count < steps * streams:
        shift = int(rng.integers(length)) if parts else 0
        part = _cut(segments, length, shift)
        part = part if part.shape[1] else _cut(segments, length, 0)
        parts.append(part)
        count += part.shape[1]
    chunks = np.concatenate(parts, axis=1)
    room = chunks.shape[1] - steps * streams
    if len(parts) == 1:
        first = rng.integers(0, room + steps * (streams - 1) + 1, streams)
    else:
        first = np.arange(streams) * steps
    return _batch(chunks[:, np.arange(steps)[:, None] + first], length)


def held_out_chunks(segments: Segments, *, length: int, streams: int) -> dict[str, np.ndarray]:
    """Lays out held-out rows once, in few streams where they are few.

    Returns:
        See `training_chunks`; chunks that fill up the streams have weight 0.
    """
    chunks = _cut(segments, length, 0)
    count = chunks.shape[1]
    streams = max(1, min(streams, count // 4))
    steps = -(-count // streams)
    index = np.arange(steps)[:, None] + np.arange(streams) * steps
    batch = _batch(chunks[:, index % count], length)
    batch["weight"] *= index < count
    return batch


def _cut(segments: Segments, length: int, shift: int) -> np.ndarray:
    """Returns first row, row after the segment, and whether it is the segment's first, by chunk."""
    parts = []
    for start, end in segments:
        starts = np.arange(start + shift, end - 1, length)
        first = np.arange(len(starts)) == 0
        parts.append(np.stack([starts, np.full(len(starts), end), first]))
    return np.concatenate(parts, axis=1)


def _batch(chunks: np.ndarray, length: int) -> dict[str, np.ndarray]:
    start, end, first = chunks
    first = first.copy()
    first[0] = 1
    return {
        "start": start.astype("int32"),
        "end": end.astype("int32"),
        "fresh": first.astype("float32"),
        "weight": (np.minimum(end - 1 - start, length) / length).astype("float32"),
    }
