"""The Simple Recurrent Unit computes its equations, for a sequence at once and step by step."""

import keras
import numpy as np
import pytest
from keras import ops

from kad.networks.rnn.sru import SRU
from runtime.model.compare import relative_gap
from toys.rnn import randomise

UNITS = 3
KINDS = {
    "as wide": {"inputs": UNITS},
    "projected": {"inputs": 2},
    "relu": {"inputs": 5, "activation": "relu"},
}


def made(kind):
    """A layer, sequences of eleven steps, and states before them."""
    layer, rng = SRU(UNITS, **KINDS[kind]), np.random.default_rng(1)
    randomise(layer)
    x = rng.normal(size=(2, 11, layer.inputs)).astype("float32")
    return layer, x, [rng.normal(size=(2, UNITS)).astype("float32") for _ in range(2)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_sequence_is_that_of_the_equations(kind):
    """Output and cell after every step, in float64 from the weights."""
    layer, x, states = made(kind)
    kernel, bias = (np.float64(weight) for weight in layer.get_weights())
    parts = np.split(kernel, range(UNITS, kernel.shape[1], UNITS), axis=1)
    assert len(parts) == (3 if layer.inputs == UNITS else 4)
    run = layer(x, states, every=True)
    cell, activation = np.float64(states[1]), layer.activation
    for t in range(11):
        candidate, forget, leave, *projected = (x[:, t] @ part for part in parts)
        forget, leave = (
            1 / (1 + np.exp(-gate - shift))
            for gate, shift in zip((forget, leave), np.split(bias, 2), strict=True)
        )
        cell = forget * cell + (1 - forget) * candidate
        seen = np.tanh(cell) if activation == "tanh" else np.maximum(cell, 0)
        output = leave * seen + (1 - leave) * (projected[0] if projected else x[:, t])
        assert relative_gap(run.output[:, t], output) < 1e-5
        for got, want in zip(run.every, (output, cell), strict=True):
            assert relative_gap(got[:, t], want) < 1e-5
    for got, want in zip(run.last, (output, cell), strict=True):
        assert relative_gap(got, want) < 1e-5


@pytest.mark.parametrize("kind", KINDS)
def test_single_steps_equal_the_sequence(kind):
    """`advance`, step by step, ends where the sequence ends; the first state is the output."""
    layer, x, states = made(kind)
    run = layer(x, states)
    assert run.every is None
    for t in range(11):
        states = layer.advance(x[:, t], states)
        assert relative_gap(run.output[:, t], states[0]) < 1e-6
    assert len(states) == len(run.last) == layer.states
    for got, want in zip(run.last, states, strict=True):
        assert relative_gap(got, want) < 1e-6


@pytest.mark.parametrize("kind", KINDS)
def test_a_sequence_teaches_what_its_steps_teach(kind):
    """The gradient of every weight is that of the step-by-step run."""
    import tensorflow as tf

    layer, x, states = made(kind)
    found = []
    for is_at_once in (True, False):
        with tf.GradientTape() as tape:
            if is_at_once:
                output = layer(x, states).output
            else:
                now, outputs = states, []
                for t in range(11):
                    now = layer.advance(x[:, t], now)
                    outputs.append(now[0])
                output = ops.stack(outputs, axis=1)
            total = ops.sum(ops.sin(7.0 * output))
        found.append(tape.gradient(total, [w.value for w in layer.trainable_variables]))
    for got, want in zip(*found, strict=True):
        assert relative_gap(got, want) < 1e-4
        assert np.abs(want).max() > 0.1


def test_new_weights():
    """LeCun uniform and an open forget gate; or uniform within the given bounds."""
    keras.utils.set_random_seed(0)
    kernel, bias = SRU(20, inputs=30).get_weights()
    assert kernel.shape == (30, 80)
    assert np.abs(kernel).max() == pytest.approx((3 / 30) ** 0.5, rel=0.05)
    np.testing.assert_array_equal(bias, [1.0] * 20 + [0.0] * 20)
    kernel, bias = SRU(20, inputs=20, uniform=0.1).get_weights()
    assert kernel.shape == (20, 60)
    assert 0.09 < np.abs(kernel).max() <= 0.1
    assert not bias.any()


@pytest.mark.parametrize("kind", KINDS)
def test_configuration_repeats_the_layer(kind):
    """get_config → from_config → the same numbers with the same weights."""
    layer, x, states = made(kind)
    again = SRU.from_config(layer.get_config())
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(
        ops.convert_to_numpy(again(x, states).output), ops.convert_to_numpy(layer(x, states).output)
    )
