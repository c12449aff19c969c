"""The one place that knows backends: choice, and the loops that every backend compiles."""

import keras
import numpy as np
import pytest
from keras import ops

from kad.backend.loop import TrainingLoop
from toys.least_squares import least_squares


def test_training_loop_takes_keras_steps():
    """Many steps in one call equal the optimiser's steps one by one."""
    weight, loss, data = least_squares()
    rows = np.random.default_rng(1).integers(0, 200, (7, 16)).astype("int32")
    batches = {"row": rows, "weight": np.ones(rows.shape, "float32")}
    loop = TrainingLoop(loss, variables=[weight], optimizer=keras.optimizers.SGD(0.1), data=data)
    parts = loop.train(batches)
    expected, losses = np.zeros((3, 1), "float32"), []
    for row in rows:
        error = data["x"][row] @ expected - data["y"][row]
        losses.append(np.mean(error**2))
        expected -= 0.1 * 2 * data["x"][row].T @ error / len(row)
    np.testing.assert_allclose(ops.convert_to_numpy(weight.value), expected, rtol=1e-4)
    assert parts["loss"] == pytest.approx(np.mean(losses), rel=1e-4)


def test_evaluation_weighs_examples_and_moves_nothing():
    """Padding with weight 0 does not count, and the weights stay."""
    weight, loss, data = least_squares()
    loop = TrainingLoop(loss, variables=[weight], optimizer=keras.optimizers.SGD(0.1), data=data)
    rows = np.array([[0, 1, 2], [3, 0, 0]], "int32")
    weights = np.array([[1, 1, 1], [1, 0, 0]], "float32")
    parts = loop.evaluate({"row": rows, "weight": weights})
    assert parts["loss"] == pytest.approx(float(np.mean(data["y"][:4] ** 2)), rel=1e-5)
    assert not ops.convert_to_numpy(weight.value).any()


def test_state_is_carried_from_step_to_step_without_gradient():
    """Truncated back-propagation: the next step sees the state, its gradient stops there."""
    weight = keras.Variable(np.array(0.5, "float32"))

    def loss(data, batch, carry):
        state = weight * carry["state"] + batch["x"]
        return {"loss": ops.square(state)}, {"state": state}

    loop = TrainingLoop(
        loss,
        variables=[weight],
        optimizer=keras.optimizers.SGD(0.01),
        data={},
        carry=lambda size: {"state": np.ones(size, "float32")},
    )
    x = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], "float32")
    batches = {"x": x, "weight": np.ones(x.shape, "float32")}

    def by_hand(w, state, rows):
        for row in rows:
            after = w * state + row
            w, state = w - 0.01 * np.mean(2 * after * state), after
        return w, state

    w, state = by_hand(0.5, np.ones(2), x[:2])
    w, state = by_hand(w, state, x[2:])
    loop.train({k: v[:2] for k, v in batches.items()})
    loop.evaluate(batches)
    loop.train({k: v[2:] for k, v in batches.items()})
    assert float(ops.convert_to_numpy(weight.value)) == pytest.approx(w, rel=1e-5)
    loop.restart()
    loop.train({k: v[:1] for k, v in batches.items()})
    w, _ = by_hand(w, np.ones(2), x[:1])
    assert float(ops.convert_to_numpy(weight.value)) == pytest.approx(w, rel=1e-5)
