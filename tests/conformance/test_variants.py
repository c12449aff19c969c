"""Options that change how a detector works keep the promises of `step`."""

import numpy as np
import pytest

from kad.detectors import detector_names
from toys import checks
from toys.detectors import VARIANTS, fitted
from toys.series import ten_minutes


@pytest.fixture(scope="module", params=VARIANTS)
def variant(request):
    """A detector with such options."""
    name, options = VARIANTS[request.param]
    return fitted(name, **options)


def test_outputs_have_the_shapes_of_the_contract(variant):
    """`(streams, steps)`, `(streams, steps, channels)`, `(streams, state_size)`, float32."""
    checks.check_shapes(variant)


def test_any_chunking_gives_the_same_numbers(variant):
    """Sample by sample, uneven, whole: outputs and state."""
    checks.check_chunks(variant)


def test_streams_do_not_leak_into_each_other(variant):
    """Alone, side by side, and of different age."""
    checks.check_streams(variant)


def test_missing_samples_are_no_numbers(variant):
    """NaN, infinities and absurd readings are the same, and in no output."""
    checks.check_missing(variant)


def test_an_outage_ends_in_silence(variant):
    """Where nothing was observed, nothing scores."""
    checks.check_outage(variant)


def test_warm_up_is_silent_and_expects_the_sample(variant):
    """For exactly `warmup_steps` observed rows."""
    checks.check_warm_up(variant)


def test_configuration_repeats_the_detector(variant):
    """get_config → JSON → from_config → get_config is the identity."""
    checks.check_config(variant)


def test_a_saved_detector_is_the_same(variant, tmp_path):
    """save → load keeps configuration and weights, bit for bit."""
    checks.check_kept(variant, tmp_path / "model.keras")


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", detector_names())
def test_any_number_of_channels(name, channels):
    """One channel and three have their own shapes, and leak as little."""
    frame = ten_minutes()
    frame["c"] = np.roll(frame["a"].to_numpy(), 5)
    detector = fitted(name, frame.iloc[:, :channels])
    checks.check_shapes(detector)
    checks.check_chunks(detector)


@pytest.mark.parametrize("name", detector_names())
def test_a_constant_channel(name):
    """It trains, more of the same is silent, and a change is an event."""
    frame = ten_minutes().assign(b=0.1)
    checks.check_constant(fitted(name, frame), frame)
