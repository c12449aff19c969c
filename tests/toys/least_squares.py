"""A linear model that can be fitted exactly."""

import keras
import numpy as np
from keras import ops


def least_squares():
    """A linear model, its loss, and data it can fit exactly."""
    weight = keras.Variable(np.zeros((3, 1), "float32"))
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3)).astype("float32")
    y = x @ np.array([[1.0], [-2.0], [0.5]], "float32")

    def loss(data, batch, carry):
        error = ops.matmul(ops.take(data["x"], batch["row"], axis=0), weight) - ops.take(
            data["y"], batch["row"], axis=0
        )
        squared = ops.mean(ops.square(error), axis=1)
        return {"loss": squared, "twice": 2 * ops.abs(error[:, 0])}, carry

    return weight, loss, {"x": x, "y": y}
