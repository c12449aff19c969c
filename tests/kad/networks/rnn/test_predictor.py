"""The predictor's layers."""

import numpy as np
import pytest

from runtime.clock.context import CONTEXT_COLUMNS
from runtime.model.compare import relative_gap
from toys.rnn import toy_rnn


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("residual", [False, True])
def test_encoder_and_decoder_are_matrix_products(tied, residual):
    """Inputs are limited, encoded with their context, and decoded; a residual head adds to them."""
    detector = toy_rnn(tied=tied, residual=residual, clip=1.5, context=CONTEXT_COLUMNS, layers=1)
    predictor = detector.predictor
    rng = np.random.default_rng(0)
    x = 2 * rng.normal(size=(5, 2)).astype("float32")
    context = rng.normal(size=(5, 4)).astype("float32")
    states = [[rng.normal(size=(5, 8)).astype("float32") for _ in range(2)]]
    out = predictor.step(x, context, states)
    encode, decode = (np.array(w) for w in (predictor.encoder_kernel, predictor.encoder_bias))
    limited = np.clip(x, -1.5, 1.5)
    fed = np.concatenate([limited, context], axis=1) @ encode + decode
    hidden = np.array(predictor.recurrent[0].advance(fed, states[0])[0])
    kernel = encode[:2].T if tied else np.array(predictor.decoder_kernel)
    want = hidden @ kernel + np.array(predictor.decoder_bias) + (limited if residual else 0)
    assert (np.abs(x) > 1.5).any()
    assert relative_gap(out.predicted[:, 0], want) < 1e-5
    assert relative_gap(out.hidden, hidden) < 1e-6
    assert hasattr(predictor, "decoder_kernel") is not tied


@pytest.mark.parametrize(
    ("head", "tied"), [("recursive", False), ("recursive", True), ("direct", False)]
)
@pytest.mark.parametrize("residual", [False, True])
def test_a_channel_that_is_left_out_disturbs_no_other(head, tied, residual):
    """Whatever it reads; what is predicted of it is 0, or its last reading."""
    detector = toy_rnn(tied=tied, residual=residual, head=head, context=CONTEXT_COLUMNS)
    predictor = detector.predictor
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5, 7, 2)).astype("float32")
    other = x.copy()
    other[..., 1] += 3
    context = rng.normal(size=(5, 7, 4)).astype("float32")

    def predicted(x):
        states = [[np.zeros((5, 8), "float32")] * layer.states for layer in predictor.recurrent]
        return np.array(predictor.read(x, context, states).predicted)

    assert np.abs(predicted(x) - predicted(other))[..., 0].max() > 0.01
    predictor.leave_out(np.array([False, True]))
    one, two = predicted(x), predicted(other)
    np.testing.assert_allclose(one[..., 0], two[..., 0], rtol=1e-5, atol=1e-6)
    want = x[:, :, None, 1] if residual else np.zeros((5, 7, 1), "float32")
    np.testing.assert_allclose(one[..., 1], np.broadcast_to(want, one.shape[:-1]), atol=1e-6)
