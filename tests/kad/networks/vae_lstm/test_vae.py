"""Encoder and decoder: the paper's layers, and their continuation."""

import numpy as np
import pytest
from keras import ops

from kad.networks.vae_lstm.conv_plan import conv_plan
from kad.networks.vae_lstm.vae import vae_decoder, vae_encoder


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
