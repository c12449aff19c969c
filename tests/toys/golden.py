"""Detectors that were trained once, with what they scored then: what no move may change.

`tests/golden/detectors/` holds, of every detector, a tiny `.keras` that TensorFlow trained with
seed 1, its `.onnx`, and the outputs of both on a fixed series with gaps, missing and infinite
samples. `scripts/golden_detectors check` compares bit for bit, on the machine that wrote the
reference; the tests compare within what processors and wheels round differently.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import fields
from pathlib import Path

import numpy as np
import pandas as pd

FOLDER = Path(__file__).parents[1] / "golden" / "detectors"
SERIES = "series.npz"
WEIGHTS = "weights.json"
BACKENDS = ("tensorflow", "jax", "torch")
COUNTED = ("received", "duplicates", "late", "missing", "restarts", "backward")
"""Of what happened to the rows, in the order of the files."""
SETTINGS = {
    "gaussian": {"detector": {"window": 12}},
    "rnn": {"training": {"epochs": 2}, "detector": {"embedding": 4, "units": 4, "smooth": 5}},
    "vae-lstm": {
        "detector": {"l_win": 6, "l_seq": 3, "code_size": 2, "hidden_units": 16, "lstm_units": 4},
        "training": {"epochs": 2, "epochs_lstm": 2},
    },
    "ensemble": {
        "detector": {
            "vae_lstm": {
                "l_win": 6,
                "l_seq": 3,
                "code_size": 2,
                "hidden_units": 16,
                "lstm_units": 4,
            },
            "rnn": {"embedding": 4, "units": 4, "smooth": 5},
        },
        "training": {"epochs": 2},
    },
}
"""Over a detector's preset `tiny`; one that is not listed is trained as it is."""
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
}
"""Other numbers of threads add in another order, which moves weights by 1e-7."""


def make_series():
    """Training rows and rows to score: ten minutes apart, two channels, gaps and odd samples."""
    rng = np.random.default_rng(13)
    rows = np.arange(900)
    turns = rows[:, None] / np.array([12.0, 17.0])
    values = 20 + 4 * np.sin(2 * np.pi * turns) + 0.3 * rng.standard_normal((900, 2))
    values[rng.random(values.shape) < 0.02] = np.nan
    values[100:103] = np.nan
    values[700:705, 1] = np.inf
    values[720:723] = np.nan
    values[800] += 12
    values[840:, 0] += 3
    times = 1_735_689_600_000_000_000 + rows * 600_000_000_000
    kept = np.ones(900, bool)
    kept[300:340] = kept[650:652] = kept[755:790] = False
    times, values = times[kept], values[kept]
    train = int(np.searchsorted(rows[kept], 600))
    return {
        "train_times": times[:train],
        "train_values": values[:train],
        "test_times": times[train:],
        "test_values": values[train:],
    }


def frame(series, part):
    """Rows of the series as a frame indexed by time."""
    index = pd.DatetimeIndex(series[f"{part}_times"].view("M8[ns]"), name="time")
    return pd.DataFrame(series[f"{part}_values"], index=index, columns=["a", "b"])


def read_series(folder=FOLDER):
    """The series that golden detectors were trained and scored on."""
    with np.load(folder / SERIES) as arrays:
        return dict(arrays)


def train(name, series, out):
    """A run of a detector on the series, with seed 1."""
    import kad

    settings = SETTINGS.get(name, {})
    training = {**settings.get("training", {}), "seed": 1}
    config = kad.build_config(
        detector=name, preset="tiny", overrides={**settings, "training": training}
    )
    return kad.train(config, frame(series, "train"), out=out)


def weights_sha256(detector):
    """Fingerprint of all weights in the order in which the file has them."""
    digest = hashlib.sha256()
    for array in detector.get_weights():
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def inputs(series, onnx):
    """The rows to score as the tensor `x` of two streams, the second one later in the series."""
    from runtime import Stream

    stream = Stream(onnx)
    parts = [stream.push_many(series["test_times"], series["test_values"]), stream.flush()]
    values = np.concatenate([part.values for part in parts]).astype("float32")
    x = np.zeros((2, 120, len(onnx.metadata.inputs)), "float32")
    x[0, :, :2], x[1, :, :2] = values[40:160], values[-120:]
    turns = np.arange(120) / 144 * 2 * np.pi
    for column in range(2, x.shape[2]):
        x[:, :, column] = np.sin(turns + column)
    return x


def keras_numbers(detector, series, onnx, *, quick=False):
    """What the Keras detector gives: a frame's scores, and chunks of `step` with their state.

    `quick` runs `step` compiled, as scores are: other last bits, in two thirds of the time.
    """
    import keras

    from kad.backend.compiled import compile_function

    step = compile_function(detector.step, detector.variables) if quick else detector.step

    scores, counts = detector.scores(frame(series, "test"))
    numbers = {f"scores.{f.name}": getattr(scores, f.name) for f in fields(scores)}
    numbers["counts"] = np.array([counts[name] for name in COUNTED])
    numbers["events"] = np.array(
        [(e.start_ns, e.end_ns, e.peak_ns) for e in detector.events_of(scores)]
    ).reshape(-1, 3)
    x, parts = inputs(series, onnx), []
    state = np.zeros((2, detector.state_size), "float32")
    chunk = min(detector.max_steps, 50)
    for start in range(0, x.shape[1], chunk):
        out = step(x[:, start : start + chunk], state)
        parts.append({k: keras.ops.convert_to_numpy(v) for k, v in out.items()})
        state = parts[-1]["next_state"]
    for name in parts[0]:
        joined = np.concatenate([part[name] for part in parts], axis=1)
        numbers[f"step.{name}"] = state if name == "next_state" else joined
    return numbers


def onnx_numbers(onnx, series):
    """What the exported detector gives: a stream's scores, and one call of `step`."""
    from runtime import EventDetector, Stream

    stream, events = Stream(onnx, reorder=16), EventDetector.of(onnx.metadata)
    parts = [stream.push_many(series["test_times"], series["test_values"]), stream.flush()]
    numbers = {
        f"scores.{f.name}": np.concatenate([getattr(part, f.name) for part in parts])
        for f in fields(parts[0])
    }
    found = [event for part in parts for event in events.update(part)] + events.finish()
    numbers["events"] = np.array([(e.start_ns, e.end_ns, e.peak_ns) for e in found]).reshape(-1, 3)
    x = inputs(series, onnx)
    out = onnx.step(x, onnx.initial_state(2))
    return numbers | {f"step.{name}": array for name, array in out._asdict().items()}


def numbers_of(folder, name, series, *, quick=False):
    """The numbers of a stored detector: those of Keras and of ONNX."""
    import kad
    from runtime import Detector

    onnx = Detector(folder / f"{name}.onnx")
    detector = kad.load(folder / f"{name}.keras")
    return {
        **{f"keras.{k}": v for k, v in keras_numbers(detector, series, onnx, quick=quick).items()},
        **{f"onnx.{k}": v for k, v in onnx_numbers(onnx, series).items()},
    }


def stored_numbers(name, folder=FOLDER):
    """The numbers that were written beside the detectors."""
    with np.load(folder / f"{name}.npz") as arrays:
        return dict(arrays)


def write(folder):
    """Trains, exports and scores what the folder does not hold yet; the rest stays as it is."""
    from export import export
    from kad.detectors import detector_names

    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / SERIES).exists():
        np.savez_compressed(folder / SERIES, **make_series())
    series = read_series(folder)
    new = [name for name in detector_names() if not (folder / f"{name}.npz").exists()]
    for name in new:
        with tempfile.TemporaryDirectory() as runs:
            run = train(name, series, Path(runs) / "run")
            run.detector.save(folder / f"{name}.keras")
            export(run.folder, folder / f"{name}.onnx")
        np.savez_compressed(folder / f"{name}.npz", **numbers_of(folder, name, series))
        sys.stdout.write(f"{name}\n")
    path = folder / WEIGHTS
    hashes = json.loads(path.read_text()) if path.exists() else {name: {} for name in BACKENDS}
    for backend, known in hashes.items() if new else ():
        now = _elsewhere("weights", folder, backend)
        known.update({name: now[name] for name in new})
    path.write_text(json.dumps(hashes, indent=1) + "\n")


def check(folder):
    """Compares bit for bit what the stored detectors score and what training gives now."""
    from kad.detectors import detector_names

    series, names, wrong = read_series(folder), detector_names(), []
    for name in names:
        stored, now = stored_numbers(name, folder), numbers_of(folder, name, series)
        wrong += [f"{name}: {k}" for k in sorted(stored.keys() ^ now.keys())]
        wrong += [
            f"{name}: {k}"
            for k in sorted(stored.keys() & now.keys())
            if not np.array_equal(stored[k], now[k], equal_nan=stored[k].dtype.kind == "f")
        ]
    hashes = json.loads((folder / WEIGHTS).read_text())
    for backend, expected in hashes.items():
        now = _elsewhere("weights", folder, backend)
        wrong += [f"{backend}: weights of {k}" for k in expected if now.get(k) != expected[k]]
    for line in wrong:
        sys.stdout.write(f"differs: {line}\n")
    sys.stdout.write(f"{len(names)} detectors, {len(hashes)} backends: {len(wrong)} differ\n")
    return int(bool(wrong))


def weights(folder):
    """Prints the fingerprints of the weights that training gives on this process's backend."""
    from kad.detectors import detector_names

    series, hashes = read_series(folder), {}
    for name in detector_names():
        with tempfile.TemporaryDirectory() as runs:
            hashes[name] = weights_sha256(train(name, series, Path(runs) / "run").detector)
    sys.stdout.write(json.dumps(hashes))


def _elsewhere(command, folder, backend):
    done = subprocess.run(
        [sys.executable, __file__, command, str(folder)],
        env={**os.environ, "KERAS_BACKEND": backend},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return json.loads(done.stdout)


def main():
    """Runs `write`, `check` or `weights`; see the functions of these names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=("write", "check", "weights"))
    parser.add_argument("folder", type=Path, nargs="?", default=FOLDER)
    arguments = parser.parse_args()
    if any(os.environ.get(name) != value for name, value in ONE_THREAD.items()):
        os.environ.update(ONE_THREAD)
        os.environ.setdefault("KERAS_BACKEND", "tensorflow")
        os.execv(sys.executable, [sys.executable, *sys.argv])  # noqa: S606
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    from kad import select_backend

    select_backend()
    command = {"write": write, "check": check, "weights": weights}[arguments.command]
    sys.exit(command(arguments.folder) or 0)


if __name__ == "__main__":
    main()
