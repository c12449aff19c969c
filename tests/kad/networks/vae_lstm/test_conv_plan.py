"""Convolutions for a window's length."""

import pytest

from kad.networks.vae_lstm.conv_plan import conv_plan


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
