"""RNN predictors that were never trained but score, and what another backend makes of them.

`python -m toys.rnn BACKEND FOLDER` does `backend_numbers` in a process of its own.
"""

import json
import sys
from pathlib import Path

import numpy as np

from toys.series import wave

CELLS = {
    "lstm": {"cell": "lstm"},
    "gru": {"cell": "gru"},
    "simple_rnn": {"cell": "simple_rnn"},
    "relu": {"cell": "simple_rnn", "activation": "relu"},
}
SIZE = {"embedding": 8, "units": 8, "layers": 2, "horizon": 4, "smooth": 1, "compensate": False}
STATIC = {"normalisation": "static"}
TRAINING = {"epochs": 6, "batch_size": 4, "chunk": 10, "examples_per_epoch": 1000}


def tiny(**training):
    """A configuration that trains in seconds."""
    from kad.config import build_config

    return build_config(
        detector="rnn",
        overrides={
            "detector": {**SIZE, "cell": "gru", "layers": 1, "compensate": True},
            "training": {**TRAINING, "learning_rate": 1e-2, **training},
        },
    )


def randomise(network, *, seed=0):
    """Gives a network weights that no backend draws: matrices that shrink, and biases."""
    rng = np.random.default_rng(seed)
    for weight in network.trainable_variables:
        size = 0.6 / np.sqrt(weight.shape[0]) if len(weight.shape) > 1 else 0.3
        weight.assign(size * rng.standard_normal(weight.shape).astype("float32"))


def toy_rnn(*, seed=0, period_s=600.0, channels=2, **arguments):
    """A small RNN predictor with its own score, weights and statistics out of the air."""
    from kad.detectors.rnn import RNNPredictor

    arguments = {**SIZE, "scoring": STATIC, **arguments}
    detector = RNNPredictor(["a", "b"][:channels], period_s=period_s, **arguments)
    randomise(detector.predictor, seed=seed)
    if detector.usual_distance is not None:
        for i, weight in enumerate(detector.usual_distance.variables):
            weight.assign(np.random.default_rng(i).normal(0, 0.2, weight.shape))
    detector.scoring.reset(rows=300)
    rng = np.random.default_rng(seed)
    detector.scaler.mean.assign([20.0, 21.0][:channels])
    detector.scaler.std.assign([2.0, 3.0][:channels])
    size = channels * detector.horizon
    mixed = rng.standard_normal((300, size, size)) / 3
    errors = mixed @ rng.standard_normal(size)
    errors = errors.reshape(300, channels, detector.horizon).astype("float32")
    detector.error_gaussian.fit(errors, np.ones((300, channels), bool))
    summary = detector.calibration.fit(rng.chisquare(size, 1000))
    card = {"training": {}, "calibration": summary, "threshold": 4.0, "false_alarms": "1/week"}
    detector._card = json.dumps(card)
    return detector


def scan_numbers():
    """Outputs of a scan, of the same in a loop, and of an optimiser step through both."""
    import keras
    from keras import ops

    from kad.backend.loop import TrainingLoop
    from kad.backend.scan import scan

    rng = np.random.default_rng(0)
    xs = {"u": rng.normal(size=(5, 3, 2)), "v": rng.normal(size=(5, 3))}
    xs = {name: array.astype("float32") for name, array in xs.items()}
    start = (np.ones((3, 2), "float32"), [np.zeros(3, "float32")])
    weight = keras.Variable(np.array([0.5, -0.3], "float32"))

    def step(carry, now):
        state, (total,) = carry
        state = ops.tanh(state * weight + now["u"])
        total = total + ops.sum(state, axis=1) * now["v"]
        return (state, [total]), {"state": state, "pair": (total, ops.square(now["v"]))}

    def loop(step, carry, xs):
        history = []
        for t in range(5):
            carry, out = step(carry, {name: x[t] for name, x in xs.items()})
            history.append(out)
        return carry, keras.tree.map_structure(lambda *parts: ops.stack(parts), *history)

    numbers = {}
    for name, run in (("scan", scan), ("loop", loop)):
        tensors = keras.tree.map_structure(ops.convert_to_tensor, (start, xs))
        carry, out = run(step, *tensors)
        flat = [*keras.tree.flatten(carry), out["state"], *out["pair"]]
        numbers |= {f"{name}{i}": ops.convert_to_numpy(x) for i, x in enumerate(flat)}

        def loss(data, batch, carry, run=run):
            steps = {name: ops.moveaxis(batch[name], -1, 0) for name in xs}
            begin = keras.tree.map_structure(ops.convert_to_tensor, start)
            ends, out = run(step, begin, steps)
            return {"loss": ends[1][0] + ops.sum(out["pair"][0], axis=0)}, carry

        weight.assign([0.5, -0.3])
        training = TrainingLoop(
            loss, variables=[weight], optimizer=keras.optimizers.SGD(1.0), data={}
        )
        batch = {name: np.moveaxis(x, 0, -1)[None] for name, x in xs.items()}
        training.train({**batch, "weight": np.ones((1, 3), "float32")})
        numbers[f"{name}_gradient"] = 0.5 - ops.convert_to_numpy(weight.value)
        weight.assign([0.5, -0.3])
    return numbers


def training_numbers(**arguments):
    """Losses and weights after two epochs from the same weights, noise and masks."""
    from kad.detectors.rnn import RNNPredictor, RNNTraining
    from runtime.clock.context import CONTEXT_COLUMNS

    size = {**SIZE, "cell": "gru", "layers": 1, "horizon": 2, **arguments}
    detector = RNNPredictor(["a", "b"], period_s=60.0, context=CONTEXT_COLUMNS, **size)
    randomise(detector.predictor)
    options = RNNTraining(epochs=2, batch_size=4, chunk=5, examples_per_epoch=200, validation=0.25)
    history = detector.fit(wave(300), training=options)
    columns = [c for c in sorted(history) if c.endswith(("loss", "forced", "running"))]
    return {
        "history": history[columns].to_numpy("float64"),
        **{f"weight{i}": w for i, w in enumerate(detector.predictor.get_weights())},
    }


def dropout_numbers():
    """The loss of a chunk with next to no dropout; on TensorFlow also with none and nearly all."""
    import keras
    from keras import ops

    from kad.networks.rnn.loss import chunk_loss
    from kad.networks.rnn.options import RNNTraining
    from kad.networks.rnn.states import zero_states

    detector = toy_rnn(layers=1)
    rows = np.random.default_rng(0).normal(size=(12, 2)).astype("float32")
    data = {"z": rows, "mask": np.ones_like(rows), "context": np.zeros((12, 0), "float32")}
    batch = {name: np.array([value], "int32") for name, value in (("start", 0), ("end", 12))}
    batch["fresh"] = np.ones(1, "float32")
    masks = {f"dropout{i}": np.full((1, 5, 8), 255, "uint8") for i in range(2)}
    numbers = {}
    cases = [("little", 1e-4, masks)]
    if keras.backend.backend() == "tensorflow":
        cases += [("none", 0, {}), ("much", 0.9999, masks)]
    for name, dropout, drawn in cases:
        loss = chunk_loss(detector.predictor, RNNTraining(chunk=5, dropout=dropout))
        parts, _ = loss(
            {k: ops.convert_to_tensor(v) for k, v in data.items()},
            {k: ops.convert_to_tensor(v) for k, v in {**batch, **drawn}.items()},
            {k: ops.convert_to_tensor(v) for k, v in zero_states(detector.predictor, 1).items()},
        )
        numbers[name] = ops.convert_to_numpy(ops.stop_gradient(parts["loss"]))
    return numbers


def score_numbers(folder):
    """Outputs of each detector `name.keras` in a folder for its series `name.npy`."""
    from benchmarks.parity.backend_scores import scores

    return {
        f"{path.stem}.{name}": array
        for path in sorted(folder.glob("*.keras"))
        for name, array in scores(path, np.load(path.with_suffix(".npy"))).items()
    }


def backend_numbers(folder):
    """All of them, by kind."""
    return {
        "scan": scan_numbers(),
        "training": training_numbers(),
        "sru": training_numbers(cell="sru", layers=2, embedding=6),
        "dropout": dropout_numbers(),
        "score": score_numbers(Path(folder)),
    }


if __name__ == "__main__":
    from kad.backend import select_backend

    select_backend(sys.argv[1])
    arrays = {
        f"{kind}/{name}": array
        for kind, numbers in backend_numbers(sys.argv[2]).items()
        for name, array in numbers.items()
    }
    np.savez(Path(sys.argv[2]) / f"{sys.argv[1]}.npz", **arrays)
