"""How far the usual error is from 0."""

import numpy as np
from keras import ops

from kad.networks.rnn.usual_distance import UsualDistance


def test_sensors_that_report_in_turn_have_no_usual_distance():
    """Where hardly a row has all channels, every distance is usual, whatever was fitted before."""
    layer = UsualDistance(4, channels=2)
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(600, 4)).astype("float32")
    distances = np.exp(2 * hidden[:, :2])
    layer.fit(hidden, distances, np.ones((600, 2)))
    usual = ops.convert_to_numpy(layer(hidden))
    assert np.corrcoef(np.log(usual[:, 0]), hidden[:, 0])[0, 1] > 0.9
    in_turn = (np.arange(600)[:, None] + [0, 1]) % 2
    layer.fit(hidden, distances, in_turn)
    np.testing.assert_array_equal(ops.convert_to_numpy(layer(hidden)), np.ones((600, 2)))
