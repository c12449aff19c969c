"""Chunks for truncated back-propagation: adjacent where state is carried, none across a gap."""

import numpy as np
import pytest

from kad.training.chunks import chunk_steps, held_out_chunks, training_chunks

LENGTH, STREAMS = 5, 3
SHORT = [(0, 23), (23, 30), (40, 42)]
LONG = [(0, 400), (400, 1000)]


def drawn(segments, rows, seed=0):
    """One epoch."""
    rng = np.random.default_rng(seed)
    return training_chunks(segments, length=LENGTH, streams=STREAMS, rows=rows, rng=rng)


def predicted(batch):
    """Rows that are a target of a chunk of weight above 0, with repetition."""
    return [
        row
        for start, end, weight in zip(
            batch["start"].ravel(), batch["end"].ravel(), batch["weight"].ravel(), strict=True
        )
        if weight
        for row in range(start + 1, min(start + LENGTH + 1, end))
    ]


def targets(segments):
    """Rows that can be predicted: all but the first one of each segment."""
    return [row for start, end in segments for row in range(start + 1, end)]


@pytest.mark.parametrize(("segments", "rows"), [(SHORT, 200), (LONG, 90)])
def test_carried_state_belongs_to_the_row_before(segments, rows):
    """Down a stream each chunk starts where the last one ended, in its segment, or is fresh."""
    for seed in range(5):
        batch = drawn(segments, rows, seed)
        carried = batch["fresh"][1:] == 0
        assert carried.any()
        for name, step in (("start", LENGTH), ("end", 0)):
            moved = batch[name][1:] - batch[name][:-1]
            assert set(moved[carried].tolist()) == {step}, name
        assert (batch["fresh"][0] == 1).all()


@pytest.mark.parametrize(("segments", "rows"), [(SHORT, 200), (LONG, 90)])
def test_no_chunk_crosses_a_segment(segments, rows):
    """Each chunk names the end of the segment that it starts in, with a row to predict left."""
    batch = drawn(segments, rows)
    ends = np.concatenate([np.full(b - a, b) for a, b in segments])
    rows_of = np.concatenate([np.arange(a, b) for a, b in segments])
    end_of = dict(zip(rows_of.tolist(), ends.tolist(), strict=True))
    for start, end in zip(
        batch["start"].ravel().tolist(), batch["end"].ravel().tolist(), strict=True
    ):
        assert end_of[start] == end
        assert start + 1 < end


def test_a_short_series_is_covered_and_cut_elsewhere_each_time():
    """Every row is predicted in every epoch; repetitions start their chunks at other rows."""
    batch = drawn(SHORT, 200)
    assert batch["start"].shape == (chunk_steps(length=LENGTH, streams=STREAMS, rows=200), STREAMS)
    assert batch["start"].size * LENGTH >= 200
    assert set(predicted(batch)) == set(targets(SHORT))
    assert len(set((batch["start"][batch["end"] == 23] % LENGTH).tolist())) > 1


def test_a_long_series_gives_each_stream_a_stretch():
    """An epoch is as long as asked; streams are runs of neighbouring chunks, other ones each time.

    Over epochs every row has its turn, the first and the last ones too.
    """
    batch = drawn(LONG, 90)
    assert batch["start"].shape == (6, STREAMS)
    inside = batch["fresh"][1:] == 0
    assert (np.diff(batch["start"], axis=0)[inside] == LENGTH).all()
    assert not np.array_equal(batch["start"], drawn(LONG, 90, seed=1)["start"])
    seen = {row for seed in range(400) for row in predicted(drawn(LONG, 90, seed))}
    assert seen == set(targets(LONG))


def test_weight_is_the_share_with_rows_to_predict():
    """A chunk at the end of its segment counts by the rows it predicts."""
    batch = drawn([(0, 8)], 30)
    rows = np.minimum(batch["end"] - 1 - batch["start"], LENGTH)
    assert set(rows.ravel().tolist()) > {2, 5}
    np.testing.assert_array_equal(batch["weight"], (rows / LENGTH).astype("float32"))


@pytest.mark.parametrize("segments", [SHORT, LONG, [(7, 9)], [(100, 131), (131, 160)]])
@pytest.mark.parametrize("streams", [1, 3, 64])
def test_held_out_rows_count_once(segments, streams):
    """Every held-out row is predicted by exactly one chunk that counts, and weighs the same."""
    batch = held_out_chunks(segments, length=LENGTH, streams=streams)
    assert sorted(predicted(batch)) == targets(segments)
    assert batch["weight"].sum() * LENGTH == pytest.approx(len(targets(segments)))
    assert batch["start"].shape[1] <= streams
    carried = (batch["fresh"][1:] == 0) & (batch["weight"][1:] > 0)
    assert (np.diff(batch["start"], axis=0)[carried] == LENGTH).all()
