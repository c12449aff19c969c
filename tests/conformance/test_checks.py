"""The checks can fail: each refuses a detector that breaks its promise, and no other.

Without this, a check that compares nothing would pass for ever.
"""

import json

import pytest

from export import export
from runtime import Detector
from toys import broken, checks
from toys.series import wave


def fitted(cls):
    """A toy that was fitted."""
    detector = cls(["a", "b"], period_s=60.0)
    detector.fit(wave())
    return detector


@pytest.fixture(scope="module")
def honest():
    """The toy that keeps its promises."""
    return fitted(broken.Honest)


@pytest.fixture(scope="module")
def path(honest, tmp_path_factory):
    """Its file."""
    folder = tmp_path_factory.mktemp("honest")
    honest.save(folder / "model.keras")
    return export(folder / "model.keras").path


STEP = [
    checks.check_shapes,
    checks.check_chunks,
    checks.check_purity,
    checks.check_streams,
    checks.check_missing,
    checks.check_outage,
    checks.check_warm_up,
    checks.check_restart,
    checks.check_warm_start,
    checks.check_frame,
    checks.check_config,
    checks.check_calibrated,
]


@pytest.mark.parametrize("check", STEP, ids=lambda check: check.__name__)
def test_an_honest_detector_passes(honest, check):
    """No check asks for more than the contract."""
    check(honest)


@pytest.mark.parametrize(
    ("check", "cls"),
    [
        (checks.check_shapes, broken.Wide),
        (checks.check_chunks, broken.Forgetful),
        (checks.check_chunks, broken.Stuck),
        (checks.check_purity, broken.Restless),
        (checks.check_streams, broken.Leaky),
        (checks.check_missing, broken.Spreading),
        (checks.check_missing, broken.Counting),
        (checks.check_outage, broken.Holding),
        (checks.check_warm_up, broken.Loud),
        (checks.check_warm_up, broken.Late),
        (checks.check_restart, broken.Amnesiac),
        (checks.check_restart, broken.Sentimental),
        (checks.check_frame, broken.Forgetful),
        (checks.check_config, broken.Silent),
    ],
    ids=lambda value: value.__name__,
)
def test_a_broken_detector_is_refused(honest, check, cls):
    """Each toy breaks one promise."""
    detector = cls(["a", "b"], period_s=60.0, card=json.dumps(honest.card))
    detector.set_weights(honest.get_weights())
    with pytest.raises(AssertionError):
        check(detector)


def test_a_broken_gateway_is_refused(honest, path):
    """Files of another detector, streams that forget, batches that mix streams up."""
    onnx = Detector(path)
    checks.check_replay(honest, onnx, path)
    checks.check_stream(honest, onnx)
    checks.check_snapshot(honest, onnx)
    checks.check_batch(honest, onnx)
    other = broken.Honest(["a", "b"], period_s=60.0)
    other.fit(2 * wave())
    with pytest.raises(AssertionError):
        checks.check_replay(other, onnx, path)
    with pytest.raises(AssertionError):
        checks.check_stream(other, onnx)
    with pytest.raises(AssertionError):
        checks.check_snapshot(honest, onnx, broken.ForgetfulStream)
    with pytest.raises(AssertionError):
        checks.check_batch(honest, onnx, broken.MixedUp)


def test_a_threshold_out_of_reach_is_refused(honest):
    """A detector that never alarms has no usable threshold, nor has one that always does."""
    for threshold in (1e9, 1e-9):
        detector = fitted(broken.Honest)
        detector._card = json.dumps({**detector.card, "threshold": threshold})
        with pytest.raises(AssertionError):
            checks.check_calibrated(detector)


def test_a_saved_detector_that_changed_is_refused(honest, tmp_path, monkeypatch):
    """Weights that were not saved are found."""
    import kad

    def load(path):
        again = broken.Honest.from_config(honest.get_config())
        again.set_weights([weight * 1.0001 for weight in honest.get_weights()])
        return again

    with monkeypatch.context() as patch:
        patch.setattr(kad, "load", load)
        with pytest.raises(AssertionError):
            checks.check_saved(honest, tmp_path / "model.keras")


def test_a_constant_channel_that_is_never_scored_is_refused():
    """A change of it has to be an event."""
    frame = wave().assign(b=0.1)
    detector = broken.Honest(["a", "b"], period_s=60.0)
    detector.fit(frame)
    checks.check_constant(detector, frame)
    detector.calibration.fit(detector.calibration_scores * 1e6, least_scale=1e6)
    with pytest.raises(AssertionError):
        checks.check_constant(detector, frame)
