"""The shapes of the VAE's convolutions for a window length."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvPlan:
    """Shapes of encoder and decoder for windows of `l_win` samples.

    Windows of 24, 48 and 144 give the layers of Lin et al. (2020); for other lengths the same
    scheme is continued: three strided convolutions, one that spans what is left, and a decoder
    that undoes them.
    """

    l_win: int
    """Window length in samples."""
    pad: int
    """Samples of symmetric padding on both sides before the first convolution."""
    strides: tuple[int, int, int]
    """Strides of the first three convolutions."""
    encoder_filters: tuple[int, int, int, int]
    """Filters of the four convolutions."""
    last_encoder_kernel: int
    """Kernel of the fourth, valid, convolution: the length that is left."""
    lengths: tuple[int, ...]
    """Lengths of the decoder's four feature maps; each is reshaped to the next."""
    decoder_filters: tuple[int, ...]
    """Channels of the decoder's feature maps."""
    last_decoder_kernel: int
    """Kernel of the decoder's last convolution."""
    last_decoder_padding: str
    """`valid` where the feature map is longer than the window by the kernel, else `same`."""


_PAPER_WINDOWS = (24, 48, 144)


def conv_plan(l_win: int, hidden_units: int) -> ConvPlan:
    """Returns the shapes for a window length and the network's width.

    Args:
        l_win: Window length in samples, at least 2.
        hidden_units: The paper's `num_hidden_units`, at least 16; 512 there.

    Reference: S. Lin et al. (2020), "Anomaly Detection for Time Series Using VAE-LSTM Hybrid
    Model", and its published code. Its sub-pixel upsampling (depth-to-space, then a reshape) is
    one row-major reshape when the width of the image is 1, and is written as that here.
    """
    pad = 4 if l_win == 24 else 0
    strides = (2, 2, 2) if l_win < 96 else (4, 4, 3)
    left = l_win + 2 * pad
    for stride in strides:
        left = math.ceil(left / stride)
    lengths: tuple[int, ...]
    if l_win in _PAPER_WINDOWS:
        lengths, narrowest, kernel, padding = {
            24: ((4, 8, 16, 32), hidden_units // 32, 9, "valid"),
            48: ((3, 6, 24, 48), hidden_units // 32, 5, "same"),
            144: ((3, 9, 36, 144), hidden_units * 6 // 512, 9, "same"),
        }[l_win]
    else:
        lengths = tuple(left * math.prod(strides[::-1][:i]) for i in range(4))
        narrowest = hidden_units // 32 if l_win < 96 else hidden_units * 6 // 512
        kernel, padding = (5, "same") if l_win < 96 else (9, "same")
    narrowest = max(1, narrowest)
    return ConvPlan(
        l_win=l_win,
        pad=pad,
        strides=strides,
        encoder_filters=(
            max(1, hidden_units // 16),
            max(1, hidden_units // 8),
            max(1, hidden_units // 4),
            hidden_units,
        ),
        last_encoder_kernel=left,
        lengths=lengths,
        decoder_filters=tuple(lengths[3] * narrowest // n for n in lengths),
        last_decoder_kernel=kernel,
        last_decoder_padding=padding,
    )
