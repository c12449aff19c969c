"""The optimiser."""

import numpy as np
from keras import ops

from kad.backend.loop import TrainingLoop
from kad.training.optimiser import Adam
from toys.least_squares import least_squares


def test_adam_clips_the_norm_and_decays_the_weights():
    """The first step is Adam's for the gradient at the given norm, after the decay."""
    weight, loss, data = least_squares()
    start = np.array([[1.0], [-2.0], [0.5]], "float32") + 1
    weight.assign(start)
    optimizer = Adam(0.1, 1.0, clip_norm=1e-5, weight_decay=0.2).build(10)
    loop = TrainingLoop(loss, variables=[weight], optimizer=optimizer, data=data)
    row = np.arange(16, dtype="int32")[None]
    loop.train({"row": row, "weight": np.ones(row.shape, "float32")})
    x, y = data["x"][row[0]], data["y"][row[0]]
    gradient = 2 * x.T @ (x @ start - y) / 16
    gradient *= 1e-5 / np.linalg.norm(gradient)
    expected = start * (1 - 0.1 * 0.2) - 0.1 * gradient / (
        np.abs(gradient) + 1e-7 / np.sqrt(1 - 0.999)
    )
    np.testing.assert_allclose(ops.convert_to_numpy(weight.value), expected, rtol=1e-4)
