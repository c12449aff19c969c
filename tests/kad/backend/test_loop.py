"""The one place that knows backends: choice, and the loops that every backend compiles."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops

from kad.backend.compiled import compile_function
from kad.backend.loop import TrainingLoop
from kad.backend.select import backend_versions, select_backend
from kad.training.optimiser import Adam
from runtime.errors import ConfigError


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


@pytest.mark.parametrize("backend", ["tensorflow", "torch", "jax"])
def test_scan_is_a_loop(on_backend, backend):
    """Nested carry and other nested outputs, and the gradient through all steps, as in a loop."""
    numbers = on_backend(backend)["scan"]
    names = [name for name in numbers if name.startswith("scan")]
    assert len(names) == 2 + 3 + 1
    for name in names:
        want = numbers[name.replace("scan", "loop")]
        np.testing.assert_allclose(numbers[name], want, rtol=1e-5, atol=1e-6, err_msg=name)
    assert numbers["scan2"].shape == (5, 3, 2)
    assert (np.abs(numbers["scan_gradient"]) > 0.01).all()


def test_compiled_functions_read_current_weights():
    """Assigning a weight needs no new compilation."""
    weight = keras.Variable(np.ones((2,), "float32"))
    double = compile_function(lambda x: {"y": x * weight}, [weight])
    x = np.array([1.0, 2.0], "float32")
    np.testing.assert_array_equal(double(x)["y"], x)
    weight.assign(np.array([3.0, 4.0], "float32"))
    np.testing.assert_array_equal(double(x)["y"], [3.0, 8.0])


def test_one_process_has_one_backend():
    """Another backend than the running one is refused with what to do."""
    running = keras.backend.backend()
    other = next(b for b in ("jax", "tensorflow", "torch") if b != running)
    assert select_backend() == running
    with pytest.raises(ConfigError, match=f"already runs on {running}"):
        select_backend(other)
    with pytest.raises(ConfigError, match="Received: 'mxnet'"):
        select_backend("mxnet")
    assert set(backend_versions()) == {"keras", running}


def test_importing_kad_does_no_work():
    """`import kad` loads neither Keras nor a backend, and leaves the environment alone."""
    code = (
        "import os, sys; before = dict(os.environ); import kad; "
        "loaded = {'keras', 'tensorflow', 'jax', 'torch', 'pandas'} & set(sys.modules); "
        "assert not loaded, loaded; assert dict(os.environ) == before; "
        "import kad.backend.loop; assert 'keras' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
