"""The series that a file is replayed on."""

import numpy as np

from export.replay import replay_series, uneven


def test_replay_series_holds_every_difficulty(detector):
    """Missing samples, infinities, outages of all channels and spikes are in the replay."""
    x = replay_series(detector, streams=3, steps=500)
    assert np.isnan(x).any()
    assert np.isinf(x).any()
    assert any(np.isnan(stream[t : t + 20]).all() for stream in x for t in range(480))
    lengths = uneven(6)
    assert {next(lengths) for _ in range(100)} == {1, 2, 3, 4, 5, 6}
