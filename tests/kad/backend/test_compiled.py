"""Compiled functions."""

import keras
import numpy as np

from kad.backend.compiled import compile_function


def test_compiled_functions_read_current_weights():
    """Assigning a weight needs no new compilation."""
    weight = keras.Variable(np.ones((2,), "float32"))
    double = compile_function(lambda x: {"y": x * weight}, [weight])
    x = np.array([1.0, 2.0], "float32")
    np.testing.assert_array_equal(double(x)["y"], x)
    weight.assign(np.array([3.0, 4.0], "float32"))
    np.testing.assert_array_equal(double(x)["y"], [3.0, 8.0])
