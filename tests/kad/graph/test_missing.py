"""Missing samples take the newest observed one."""

import numpy as np
from keras import ops

from kad.graph.missing import hold_last, is_observed
from toys.series import wave


def test_hold_last_equals_pandas():
    """Missing samples take the newest observed one, also across chunks."""
    frame = wave(20).where(np.random.default_rng(0).random((20, 2)) < 0.5)
    last = np.array([[7.0, 8.0]], "float32")
    x = frame.to_numpy("float32")[None]
    held = ops.convert_to_numpy(hold_last(x, is_observed(x), last))
    expected = frame.astype("float32").ffill().fillna({"a": 7.0, "b": 8.0}).to_numpy()
    np.testing.assert_array_equal(held[0], expected)
