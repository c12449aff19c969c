"""Recurrent layers compute what Keras' own layers compute, and show their states."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from kad.networks.rnn.recurrent import Recurrent
from runtime.model.compare import relative_gap
from toys.rnn import CELLS, randomise

KERAS = {"lstm": layers.LSTM, "gru": layers.GRU, "simple_rnn": layers.SimpleRNN}
UNITS, INPUTS = 3, 2


def pair(arguments):
    """Our layer and Keras' own one with the same weights."""
    ours = Recurrent(UNITS, inputs=INPUTS, **arguments)
    randomise(ours)
    theirs = KERAS[ours.cell](
        UNITS, activation=ours.activation, return_sequences=True, return_state=True
    )
    theirs.build((None, None, INPUTS))
    theirs.set_weights(ours.get_weights())
    return ours, theirs


def sequence(ours):
    """Two sequences of six steps, and states before them."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(2, 6, INPUTS)).astype("float32")
    return x, [rng.normal(size=(2, UNITS)).astype("float32") for _ in range(ours.states)]


BOTH = {**CELLS, "lstm relu": {"cell": "lstm", "activation": "relu"}}


@pytest.mark.parametrize("arguments", BOTH.values(), ids=BOTH)
def test_sequences_equal_keras_layers(arguments):
    """Outputs, last states, and the states after every step are those of Keras' layer."""
    ours, theirs = pair(arguments)
    x, states = sequence(ours)
    run = ours(x, states, every=True)
    output, *last = theirs(x, initial_state=states)
    assert relative_gap(run.output, output) < 1e-6
    assert len(run.last) == len(run.every) == ours.states
    for got, want in zip(run.last, last, strict=True):
        assert relative_gap(got, want) < 1e-6
    for t in range(6):
        _, *now = theirs(x[:, : t + 1], initial_state=states)
        for got, want in zip(run.every, now, strict=True):
            assert relative_gap(got[:, t], want) < 1e-6


@pytest.mark.parametrize("arguments", BOTH.values(), ids=BOTH)
def test_single_steps_equal_the_sequence(arguments):
    """`advance`, step by step, ends where the sequence ends; the first state is the output."""
    ours, _ = pair(arguments)
    x, states = sequence(ours)
    run = ours(x, states)
    assert run.every is None
    for t in range(6):
        states = ours.advance(x[:, t], states)
        assert relative_gap(run.output[:, t], states[0]) < 1e-6
    for got, want in zip(run.last, states, strict=True):
        assert relative_gap(got, want) < 1e-6


@pytest.mark.parametrize("cell", KERAS)
def test_new_weights_are_those_of_keras_layers(cell):
    """Glorot, orthogonal, and an open forget gate; or uniform within the given bounds."""
    keras.utils.set_random_seed(0)
    ours, theirs = Recurrent(20, inputs=30, cell=cell), KERAS[cell](20)
    theirs.build((None, None, 30))
    kernel, recurrent, bias = ours.get_weights()
    assert np.abs(kernel).max() == pytest.approx(np.abs(theirs.get_weights()[0]).max(), rel=0.05)
    np.testing.assert_allclose(recurrent @ recurrent.T, np.eye(20), atol=1e-5)
    np.testing.assert_array_equal(bias, theirs.get_weights()[2])
    narrow = Recurrent(20, inputs=30, cell=cell, uniform=0.1)
    for weights in narrow.get_weights()[:2]:
        assert 0.09 < np.abs(weights).max() <= 0.1
    assert not narrow.get_weights()[2].any()


@pytest.mark.parametrize("arguments", BOTH.values(), ids=BOTH)
def test_configuration_repeats_the_layer(arguments):
    """get_config → from_config → the same numbers with the same weights."""
    ours, _ = pair(arguments)
    again = Recurrent.from_config(ours.get_config())
    again.set_weights(ours.get_weights())
    x, states = sequence(ours)
    np.testing.assert_array_equal(
        ops.convert_to_numpy(again(x, states).output), ops.convert_to_numpy(ours(x, states).output)
    )
