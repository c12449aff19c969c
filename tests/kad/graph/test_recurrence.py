"""A linear recurrence for all steps at once is the recurrence step by step."""

import numpy as np
import pytest
from keras import ops

from kad.graph.recurrence import LONGEST_CHUNK, linear_recurrence


def by_step(keep, fed, start):
    """The recurrence in float64."""
    states = [np.float64(start)]
    for t in range(keep.shape[1]):
        states.append(np.float64(keep[:, t]) * states[-1] + np.float64(fed[:, t]))
    return np.stack(states[1:], axis=1)


def gates(steps, *, seed=0):
    """Gates, inputs and states of two streams and three units."""
    rng = np.random.default_rng(seed)
    keep = 1 / (1 + np.exp(-3 * rng.normal(size=(2, steps, 3))))
    fed, start = rng.normal(size=(2, steps, 3)), rng.normal(size=(2, 3))
    return tuple(part.astype("float32") for part in (keep, fed, start))


@pytest.mark.parametrize("steps", [1, 2, 3, 8, 50, 255, 256, 300])
def test_every_length_is_the_recurrence(steps):
    """Powers of two, between and beyond."""
    given = gates(steps)
    np.testing.assert_allclose(linear_recurrence(*given), by_step(*given), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("steps", [1, 2, 100, LONGEST_CHUNK])
def test_a_length_that_is_not_known_while_tracing(steps):
    """One graph takes all lengths up to the longest chunk."""
    import tensorflow as tf

    spec = [
        tf.TensorSpec([None, None, 3]),
        tf.TensorSpec([None, None, 3]),
        tf.TensorSpec([None, 3]),
    ]
    given = gates(steps)
    out = tf.function(linear_recurrence, input_signature=spec)(*given)
    np.testing.assert_allclose(out, by_step(*given), rtol=1e-5, atol=1e-5)


def test_gates_that_close_do_not_blur_those_after_them():
    """After 128 steps that forget all, gates near 1 keep what logarithms' sums would have lost."""
    keep, fed, start = gates(256)
    keep[:, :128], keep[:, 128:] = 1e-30, 0.9999
    fed[:, 129:] = 0
    got = np.asarray(linear_recurrence(keep, fed, start))
    np.testing.assert_allclose(got, by_step(keep, fed, start), rtol=1e-5)
    logs = np.cumsum(np.log(keep, dtype="float32"), axis=1, dtype="float32")
    lost = np.exp(logs[:, -1] - logs[:, 128]) / np.float64(0.9999) ** 127
    assert np.abs(lost - 1).max() > 1e-4


def test_closed_and_open_gates_are_exact():
    """0 forgets all before, 1 adds up."""
    keep, fed, start = gates(70)
    keep[:, :40], keep[:, 40] = 1, 0
    got = np.asarray(linear_recurrence(keep, fed, start))
    assert np.array_equal(got[:, 40], fed[:, 40])
    np.testing.assert_allclose(got[:, 39], start + fed[:, :40].sum(axis=1), rtol=1e-5, atol=1e-5)
    assert np.isfinite(got).all()


def test_gradients_are_those_of_the_steps():
    """Of gates, inputs and first state, through all rounds."""
    import tensorflow as tf

    given = [tf.constant(part) for part in gates(13)]
    weights = tf.constant(np.random.default_rng(1).normal(size=(2, 13, 3)).astype("float32"))

    def stepwise(keep, fed, start):
        states = [start]
        for t in range(13):
            states.append(keep[:, t] * states[-1] + fed[:, t])
        return ops.stack(states[1:], axis=1)

    found = []
    for function in (linear_recurrence, stepwise):
        with tf.GradientTape() as tape:
            tape.watch(given)
            total = tf.reduce_sum(weights * function(*given))
        found.append(tape.gradient(total, given))
    for got, want in zip(*found, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)
