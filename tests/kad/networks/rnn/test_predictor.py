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
