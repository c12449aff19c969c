"""Encoder and decoder: the paper's layers, and their continuation."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from kad.networks.vae_lstm.conv_plan import conv_plan
from kad.networks.vae_lstm.vae import vae_decoder, vae_encoder
from kad.networks.vae_lstm.window_conv import SymmetricPad1D, WindowConv1D


@pytest.mark.parametrize(
    ("l_win", "pad", "strides", "kernels", "lengths", "filters", "last"),
    [
        (24, 4, (2, 2, 2), 4, (4, 8, 16, 32), (128, 64, 32, 16), (9, "valid")),
        (48, 0, (2, 2, 2), 6, (3, 6, 24, 48), (256, 128, 32, 16), (5, "same")),
        (144, 0, (4, 4, 3), 3, (3, 9, 36, 144), (288, 96, 24, 6), (9, "same")),
    ],
)
def test_paper_windows_have_the_paper_layers(l_win, pad, strides, kernels, lengths, filters, last):
    """Windows of 24, 48 and 144 with 512 units have the shapes of Lin et al. (2020)."""
    plan = conv_plan(l_win, 512)
    assert (plan.pad, plan.strides, plan.last_encoder_kernel) == (pad, strides, kernels)
    assert plan.encoder_filters == (32, 64, 128, 512)
    assert (plan.lengths, plan.decoder_filters) == (lengths, filters)
    assert (plan.last_decoder_kernel, plan.last_decoder_padding) == last


@pytest.mark.parametrize("l_win", [24, 48, 144])
def test_paper_networks_have_the_layers_weights(l_win):
    """The weights add up to what the layers of the table need."""
    plan = conv_plan(l_win, 512)
    h, z = 512, 6
    f1, f2, f3, f4 = plan.encoder_filters
    encoder = (
        (3 * 1 + 1) * f1
        + (3 * f1 + 1) * f2
        + (3 * f2 + 1) * f3
        + (plan.last_encoder_kernel * f3 + 1) * f4
        + (f4 + 1) * 4 * z
        + 2 * (4 * z + 1) * z
    )
    unfolded = plan.lengths[0] * plan.decoder_filters[0]
    decoder = (
        (z + 1) * h + (h + 1) * unfolded + sum((3 * f + 1) * f for f in plan.decoder_filters[:3])
    )
    decoder += plan.last_decoder_kernel * plan.decoder_filters[3] + 1
    assert vae_encoder(plan, channels=1, code_size=z).count_params() == encoder
    assert vae_decoder(plan, channels=1, code_size=z).count_params() == decoder


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("l_win", [2, 3, 5, 7, 8, 24, 30, 48, 95, 96, 100, 144, 145])
def test_any_window_and_any_number_of_channels(l_win, channels):
    """Shapes fit for every window length and number of channels."""
    plan = conv_plan(l_win, 16)
    x = np.zeros((2, l_win, channels), "float32")
    mean, deviation = vae_encoder(plan, channels=channels, code_size=3)(x)
    assert tuple(mean.shape) == tuple(deviation.shape) == (2, 3)
    assert float(ops.min(deviation)) >= np.float32(0.01)
    assert tuple(vae_decoder(plan, channels=channels, code_size=3)(mean).shape) == x.shape


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
