"""Detectors are trained as they were."""

import numpy as np
import pytest

from toys import golden


@pytest.fixture(scope="module")
def series():
    """The series that the golden detectors were trained and scored on."""
    return golden.read_series()


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(golden.SETTINGS))
def test_training_gives_the_golden_weights(name, series, tmp_path):
    """The same seed gives the same weights, in the same order: layers, batches and noise."""
    import kad

    stored = kad.load(golden.FOLDER / f"{name}.keras")
    trained = golden.train(name, series, tmp_path / "run").detector
    for then, now in zip(stored.weights, trained.weights, strict=True):
        assert now.path == then.path
        np.testing.assert_allclose(
            now.numpy(), then.numpy(), rtol=2e-3, atol=2e-3, err_msg=then.path
        )
