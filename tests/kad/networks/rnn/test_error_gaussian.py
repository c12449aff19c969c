"""Prediction errors as Mahalanobis distances, per channel and over all of them."""

import numpy as np
import pytest
from keras import ops
from scipy.spatial.distance import mahalanobis
from sklearn.covariance import ledoit_wolf

from kad.networks.rnn.error_gaussian import SMALLEST_ERROR, ErrorGaussian
from runtime.model.compare import relative_gap

HORIZON = 3


def normal_errors(rows=500, channels=2, seed=0, correlation=0.95):
    """Errors that grow with the horizon; channels and predictions are correlated."""
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal((rows, 1, HORIZON))
    own = rng.standard_normal((rows, channels, HORIZON))
    mixed = np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * own
    return (np.cumsum(mixed, axis=2) * [0.1, 0.2, 0.3] + 0.05).astype("float32")


def fitted(gaussian, errors, observed=None, horizon=HORIZON):
    """A fitted layer."""
    layer = ErrorGaussian(errors.shape[1], horizon=horizon, gaussian=gaussian)
    layer.fit(errors, np.ones(errors.shape[:2], bool) if observed is None else observed)
    return layer


def parts(layer, errors, observed=None):
    """Scores `(rows, channels, horizon)` as one stream: `(rows, channels)`."""
    observed = np.ones(errors.shape[:2], "float32") if observed is None else observed
    return ops.convert_to_numpy(layer(errors[None], observed[None].astype("float32")))[0]


def shrunk_inverse(errors):
    """The inverse of the shrunk covariance, from scikit-learn and numpy."""
    covariance, _ = ledoit_wolf(errors)
    size = len(covariance)
    floor = SMALLEST_ERROR**2 + 1e-6 * np.trace(covariance) / size
    return np.linalg.inv(covariance + floor * np.eye(size))


def test_channel_scores_are_mahalanobis_distances():
    """Per channel: SciPy's distance under the shrunk covariance of that channel's errors."""
    errors, new = normal_errors(), 3 * normal_errors(40, seed=1)
    got = parts(fitted("channel", errors), new)
    for c in range(2):
        rows = errors[:, c].astype("float64")
        inverse, mean = shrunk_inverse(rows), rows.mean(axis=0)
        want = [mahalanobis(e, mean, inverse) ** 2 for e in new[:, c]]
        assert relative_gap(got[:, c], want) < 1e-5


def test_joint_score_is_one_mahalanobis_distance():
    """The channels' parts are at least 0 and sum to the distance over channels and horizon."""
    errors, new = normal_errors(channels=3), 3 * normal_errors(40, channels=3, seed=1)
    got = parts(fitted("joint", errors), new)
    rows = errors.reshape(len(errors), -1).astype("float64")
    inverse, mean = shrunk_inverse(rows), rows.mean(axis=0)
    want = [mahalanobis(e, mean, inverse) ** 2 for e in new.reshape(40, -1)]
    assert relative_gap(got.sum(axis=1), want) < 1e-5
    assert (got >= 0).all()


def test_joint_parts_are_what_errors_add_given_the_others():
    """A channel's share is the distance that is left unexplained by all other channels."""
    errors, new = normal_errors(channels=3), 3 * normal_errors(40, channels=3, seed=1)
    got = parts(fitted("joint", errors), new)
    rows = errors.reshape(len(errors), -1).astype("float64")
    inverse, mean = shrunk_inverse(rows), rows.mean(axis=0)
    covariance, flat = np.linalg.inv(inverse), new.reshape(40, -1) - mean
    total = np.einsum("ri,ij,rj->r", flat, inverse, flat)
    adds = np.empty((40, 3))
    for c in range(3):
        others = np.delete(np.arange(9), range(3 * c, 3 * c + 3))
        without = np.linalg.inv(covariance[np.ix_(others, others)])
        adds[:, c] = total - np.einsum("ri,ij,rj->r", flat[:, others], without, flat[:, others])
    assert relative_gap(got, total[:, None] * adds / adds.sum(axis=1, keepdims=True)) < 1e-4


def test_only_the_joint_gaussian_sees_a_broken_correlation():
    """Errors of a usual size that go apart in correlated channels are remarkable to `joint`."""
    errors, usual = normal_errors(), normal_errors(2000, seed=1)
    apart = usual.copy()
    apart[:, 1] = 2 * errors[:, 1].mean(axis=0) - apart[:, 1]
    for gaussian, seen in (("channel", False), ("joint", True)):
        layer = fitted(gaussian, errors)
        normal, broken = (np.median(parts(layer, e).sum(axis=1)) for e in (usual, apart))
        assert bool(broken > 5 * normal) is seen, (gaussian, normal, broken)


@pytest.mark.parametrize("gaussian", ["channel", "joint"])
@pytest.mark.parametrize("kind", ["constant", "zero", "duplicate", "fewer rows than errors"])
def test_singular_errors_stay_finite(gaussian, kind):
    """Errors without a full covariance give finite scores that still grow with the error."""
    errors = normal_errors()
    if kind == "constant":
        errors[:, 0] = 0.25
    elif kind == "zero":
        errors[:] = 0
    elif kind == "duplicate":
        errors[:, 1], errors[:, :, 1] = errors[:, 0], errors[:, :, 0]
    else:
        errors = errors[:2]
    layer = fitted(gaussian, errors)
    near = parts(layer, errors[:5] + np.float32(0.01))
    far = parts(layer, errors[:5] + np.float32(1e4))
    assert np.isfinite(near).all()
    assert np.isfinite(far).all()
    assert (far.sum(axis=1) > 1e3 * near.sum(axis=1)).all()


@pytest.mark.parametrize("gaussian", ["channel", "joint"])
def test_missing_samples_have_no_error(gaussian):
    """Whatever stands in a missing sample's place: its part is 0 and the rest does not change."""
    layer = fitted(gaussian, normal_errors())
    new = normal_errors(40, seed=1)
    observed = np.ones((40, 2), "float32")
    observed[:, 1] = 0
    other = new.copy()
    other[:, 1] = 1e4
    got = parts(layer, new, observed)
    assert not got[:, 1].any()
    assert (got[:, 0] > 0).all()
    np.testing.assert_array_equal(parts(layer, other, observed), got)
    assert not parts(layer, new, np.zeros_like(observed)).any()


def test_missing_training_samples_do_not_count():
    """Mean and covariance come from observed samples, of all channels where they are joint."""
    errors = normal_errors()
    observed = np.random.default_rng(0).random((500, 2)) < 0.8
    wrong = np.where(observed[..., None], errors, np.float32(1e4))
    new = normal_errors(40, seed=1)
    for gaussian in ("channel", "joint"):
        np.testing.assert_array_equal(
            parts(fitted(gaussian, wrong, observed), new),
            parts(fitted(gaussian, errors, observed), new),
        )
    np.testing.assert_allclose(
        ops.convert_to_numpy(fitted("channel", wrong, observed).mean.value)[1],
        errors[observed[:, 1], 1].mean(axis=0),
        rtol=1e-5,
    )


@pytest.mark.parametrize("channels", [2, 4])
def test_a_missing_channel_does_not_break_the_correlation(channels):
    """Beside a missing channel the joint score is the distance of the observed ones alone."""
    errors, new = (normal_errors(300, channels, seed, correlation=0.999) for seed in (0, 1))
    observed = np.ones((300, channels), "float32")
    observed[:, -1] = 0
    rows, left = errors.reshape(300, -1).astype("float64"), (channels - 1) * HORIZON
    covariance, mean = np.linalg.inv(shrunk_inverse(rows)), rows.mean(axis=0)[:left]
    alone = np.linalg.inv(covariance[:left, :left])
    want = [mahalanobis(e, mean, alone) ** 2 for e in new.reshape(300, -1)[:, :left]]
    got = parts(fitted("joint", errors), new, observed)
    assert relative_gap(got.sum(axis=1), want) < 1e-4


def test_several_missing_channels_never_raise_the_score_much():
    """With only one channel of four left, its usual errors score as usual."""
    errors, new = (normal_errors(300, 4, seed, correlation=0.95) for seed in (0, 1))
    layer = fitted("joint", errors)
    observed = np.zeros((300, 4), "float32")
    observed[:, 0] = 1
    got = parts(layer, new, observed).sum(axis=1)
    assert np.median(got) < np.median(parts(layer, new).sum(axis=1))


@pytest.mark.parametrize("gaussian", ["channel", "joint"])
def test_errors_of_a_constant_channel_count_in_standardised_units(gaussian):
    """They had none to learn from: 1 is 1, and not a thousand; the others stay as they are."""
    errors = normal_errors()
    errors[:, 1] = 1e-4 * errors[:, 1]
    layer = ErrorGaussian(2, horizon=errors.shape[-1], gaussian=gaussian)
    layer.fit(errors, np.ones(errors.shape[:2]), constant=np.array([False, True]))
    new = np.zeros_like(errors[:3]) + np.asarray(layer.mean)
    new[:, 1, 0] += np.array([1, 2, 3])
    np.testing.assert_allclose(parts(layer, new)[:, 1], [1, 4, 9], rtol=1e-3)
    alone = ErrorGaussian(1, horizon=errors.shape[-1])
    alone.fit(errors[:, :1], np.ones((len(errors), 1)))
    new = normal_errors(40, seed=1)
    new[:, 1] = np.asarray(layer.mean)[1]
    want = parts(alone, new[:, :1])[:, 0]
    np.testing.assert_allclose(parts(layer, new)[:, 0], want, rtol=1e-3)
