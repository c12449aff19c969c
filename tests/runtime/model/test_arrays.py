"""Arrays go through text and bytes unchanged; the damaged ones are tried in `test_verify`."""

import io

import numpy as np
import pytest

from runtime.model.arrays import pack_text, unpack, unpack_text

ARRAYS = {
    "x": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "turned": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "text": np.array("Prüfstand {}"),
    "whole": np.int64(-3),
    "flags": np.array([True, False]),
    "none": np.empty((0, 2)),
    "zeros": np.zeros((1, 100_000), np.float32),
}


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_what_numpy_writes_is_read(save):
    """Of any order, numbers or text, stored or deflated; and it may be written to."""
    blob = io.BytesIO()
    save(blob, **ARRAYS)
    for found in (
        unpack(blob.getvalue(), most_bytes=10**6),
        unpack_text(pack_text(ARRAYS), most_bytes=10**6),
    ):
        assert found.keys() == ARRAYS.keys()
        for name, array in found.items():
            assert array.dtype == ARRAYS[name].dtype
            np.testing.assert_array_equal(array, ARRAYS[name])
            assert array.flags.writeable


def test_the_limit_is_of_all_arrays_together():
    """Before anything is unpacked."""
    for most in (0, 100_000, 399_000):
        with pytest.raises(ValueError, match="arrays of 40"):
            unpack_text(pack_text(ARRAYS), most_bytes=most)
