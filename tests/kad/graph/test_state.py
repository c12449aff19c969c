"""The state of a stream in one row."""

import numpy as np
import pytest
from keras import ops

from kad.graph.state import StateLayout


def test_state_layout_packs_and_unpacks():
    """unpack → pack is the identity, and the sample count comes first."""
    layout = StateLayout(count=(1,), ring=(3, 2), last=(2,))
    state = np.arange(18, dtype="float32").reshape(2, 9)
    parts = layout.unpack(state)
    assert tuple(parts["ring"].shape) == (2, 3, 2)
    np.testing.assert_array_equal(ops.convert_to_numpy(layout.pack(parts)), state)
    with pytest.raises(ValueError, match="count"):
        StateLayout(ring=(3, 2))
