"""What a trained detector of every kind promises, and its file on the gateway."""

import re

import numpy as np

from toys import checks, golden
from toys.documents import check_port


def unnumbered(path):
    """A weight's path without the number that Keras gives to a process's second model of a name."""
    return re.sub(r"^(\w+?)_\d+/", r"\1/", path)


def test_training_gives_the_golden_weights(kind, trained):
    """The same seed gives the same weights, in the same order: layers, batches and noise."""
    import kad

    stored = kad.load(golden.FOLDER / f"{kind}.keras")
    for then, now in zip(stored.weights, trained.detector.weights, strict=True):
        assert unnumbered(now.path) == unnumbered(then.path)
        np.testing.assert_allclose(
            now.numpy(), then.numpy(), rtol=2e-3, atol=2e-3, err_msg=then.path
        )


def test_training_gives_a_usable_threshold(detector):
    """fit → calibrate: silent on rows like those of the training, not on a fault."""
    checks.check_calibrated(detector)


def test_a_saved_detector_is_the_same(detector, tmp_path):
    """save → load, bit for bit."""
    checks.check_saved(detector, tmp_path / "model.keras")


def test_the_file_gives_the_numbers_of_keras(detector, onnx, path):
    """Stream, chunks and whole; golden vectors exactly."""
    checks.check_replay(detector, onnx, path)


def test_the_gateway_scores_as_the_frame(detector, onnx):
    """Row by row with gaps, restarts and context."""
    checks.check_stream(detector, onnx)


def test_the_documented_port_scores_as_the_gateway(path):
    """docs/onnx-file.md, run over rows with all that a clock can do."""
    check_port(path, golden.read_series())


def test_a_restored_stream_goes_on(detector, onnx):
    """Snapshot and restore equal an uninterrupted stream."""
    checks.check_snapshot(detector, onnx)


def test_streams_together_score_as_each_alone(detector, onnx):
    """A batch of three streams of different length."""
    checks.check_batch(detector, onnx)
