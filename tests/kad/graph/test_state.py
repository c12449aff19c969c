"""The state of a stream in one row."""

import numpy as np
from keras import ops

from kad.graph.state import Layout, StateLayout

LAYOUT = StateLayout(
    {"last": (1, 2), "ring": (3, 2)},
    long={"kept": (4,)},
    statistics={"mean": (1, 2), "low": (1, 1)},
)


def test_state_layout_packs_and_unpacks():
    """unpack → pack is the identity, and the sample count comes first."""
    state = np.arange(1, 2 * LAYOUT.size + 1, dtype="float32").reshape(2, LAYOUT.size)
    parts = LAYOUT.unpack(state)
    assert tuple(parts["ring"].shape) == (2, 3, 2)
    assert tuple(parts["kept"].shape) == (2, 4)
    np.testing.assert_array_equal(ops.convert_to_numpy(LAYOUT.pack(parts)), state)
    assert [part.offset for part in LAYOUT.slices] == [0, 1, 3, 9, 13, 15]
    assert LAYOUT.slices[0].name == "count"
    read = LAYOUT.read(state)
    np.testing.assert_array_equal(read["ring"], ops.convert_to_numpy(parts["ring"]))


def test_a_restart_reads_zeros_but_for_what_goes_on():
    """First number 0: short parts are zeros, long ones and statistics as they were."""
    state = np.arange(1, LAYOUT.size + 1, dtype="float32")[None]
    whole = {k: ops.convert_to_numpy(v) for k, v in LAYOUT.unpack(state).items()}
    state[0, 0] = 0
    parts = {k: ops.convert_to_numpy(v) for k, v in LAYOUT.unpack(state).items()}
    assert not parts["count"].any()
    assert not parts["last"].any()
    assert not parts["ring"].any()
    for name in ("kept", "statistics"):
        np.testing.assert_array_equal(parts[name], whole[name])


def test_a_warm_state_restarts_with_what_goes_on():
    """Everything else is zero, the first number too."""
    state = np.arange(1, LAYOUT.size + 1, dtype="float32")[None]
    warm = LAYOUT.read(LAYOUT.warm(state))
    assert {name for name, part in warm.items() if part.any()} == set(LAYOUT.keeps)
    assert set(LAYOUT.keeps) == {"kept", "mean", "low"}


def test_a_row_of_one_machine():
    """A layout without a count: names, shapes and offsets."""
    layout = Layout({"mean": (1, 2), "std": (1, 2)})
    row = np.array([[[1.0, 2.0, 3.0, 4.0]]], "float32")
    parts = layout.unpack(row)
    np.testing.assert_array_equal(ops.convert_to_numpy(parts["std"]), [[[3.0, 4.0]]])
    assert layout.size == 4
