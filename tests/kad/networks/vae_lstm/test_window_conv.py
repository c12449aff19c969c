"""Convolutions as matrix products."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from kad.networks.vae_lstm.window_conv import SymmetricPad1D, WindowConv1D


@pytest.mark.parametrize(
    ("length", "kernel", "strides", "padding"),
    [
        (24, 3, 2, "same"),
        (9, 3, 3, "same"),
        (9, 3, 4, "same"),
        (7, 5, 1, "same"),
        (32, 9, 1, "valid"),
        (6, 6, 1, "valid"),
        (5, 1, 1, "same"),
    ],
)
def test_window_conv_equals_conv1d(length, kernel, strides, padding):
    """The matrix product computes Keras' convolution."""
    x = np.random.default_rng(0).normal(size=(3, length, 4)).astype("float32")
    ours = WindowConv1D(5, kernel, strides=strides, padding=padding, activation="leaky_relu")
    theirs = layers.Conv1D(5, kernel, strides=strides, padding=padding, activation="leaky_relu")
    ours.build(x.shape)
    theirs.build(x.shape)
    theirs.set_weights(ours.get_weights())
    np.testing.assert_allclose(
        ops.convert_to_numpy(ours(x)), ops.convert_to_numpy(theirs(x)), rtol=1e-5, atol=1e-6
    )


def test_symmetric_padding_equals_numpy():
    """Edge samples are repeated, as tf.pad does with mode SYMMETRIC."""
    x = np.random.default_rng(0).normal(size=(2, 6, 3)).astype("float32")
    padded = ops.convert_to_numpy(SymmetricPad1D(4)(x))
    np.testing.assert_array_equal(padded, np.pad(x, ((0, 0), (4, 4), (0, 0)), mode="symmetric"))


def test_window_conv_names_what_is_wrong():
    """A strided valid convolution is refused with what was received."""
    with pytest.raises(ValueError, match="Received: padding='valid', strides=2"):
        WindowConv1D(4, 3, strides=2, padding="valid")


def test_layers_survive_their_config():
    """config → layer → config is the identity."""
    for layer in (WindowConv1D(4, 3, strides=2, activation="leaky_relu"), SymmetricPad1D(3)):
        again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
        assert again.get_config() == layer.get_config()
