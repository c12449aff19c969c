"""What a detector may be called and made of."""

import pytest

from kad.detectors.vae_lstm import VAELSTM
from kad.options import FitOptions
from runtime.errors import InputError
from toys.series import TINY


def test_channels_named_like_outputs_are_refused():
    """A channel called `score` would hide the detector's own column."""
    for name in ("score", "alarm", "expected_b"):
        with pytest.raises(InputError, match="Rename the channel"):
            VAELSTM([name, "b"], **TINY["detector"])


def test_networks_need_held_out_rows():
    """A detector that trains says so in its options."""
    with pytest.raises(TypeError, match="must be a NetworkOptions.*FitOptions"):
        type("Wrong", (VAELSTM,), {"Training": FitOptions})
