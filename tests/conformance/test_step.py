"""What `step` of every detector promises; the promises themselves are in `toys/checks.py`."""

import pytest

from kad.detectors import detector_names
from toys import checks
from toys.detectors import fitted


@pytest.fixture(scope="module", params=detector_names())
def detector(request):
    """A detector of each kind, fitted to the wave; its networks keep their first weights."""
    return fitted(request.param)


def test_outputs_have_the_shapes_of_the_contract(detector):
    """`(streams, steps)`, `(streams, steps, channels)`, `(streams, state_size)`, float32."""
    checks.check_shapes(detector)


def test_any_chunking_gives_the_same_numbers(detector):
    """Sample by sample, uneven, whole: outputs and state."""
    checks.check_chunks(detector)


def test_step_is_pure(detector):
    """The same call gives the same bits."""
    checks.check_purity(detector)


def test_streams_do_not_leak_into_each_other(detector):
    """Alone, side by side, and of different age."""
    checks.check_streams(detector)


def test_missing_samples_are_no_numbers(detector):
    """NaN, infinities and absurd readings are the same, and in no output."""
    checks.check_missing(detector)


def test_an_outage_ends_in_silence(detector):
    """Where nothing was observed, nothing scores."""
    checks.check_outage(detector)


def test_warm_up_is_silent_and_expects_the_sample(detector):
    """For exactly `warmup_steps` observed rows."""
    checks.check_warm_up(detector)


def test_a_restart_keeps_what_was_learnt(detector):
    """Windows begin anew, statistics and memory go on; zeros are a new stream."""
    checks.check_restart(detector)


def test_a_warm_stream_knows_what_was_learnt(detector):
    """And has a warm-up, as every other."""
    checks.check_warm_start(detector)


def test_no_context_poisons_a_stream(detector):
    """Whatever comes where sines and cosines should."""
    checks.check_context(detector)


def test_a_frame_is_its_rows(detector):
    """Batch and stream score the same."""
    checks.check_frame(detector)


def test_configuration_repeats_the_detector(detector):
    """get_config → JSON → from_config → get_config is the identity."""
    checks.check_config(detector)
