"""Seconds per epoch on nyc_taxi, beside the same networks in plain Keras."""

import json
import sys
from typing import Any

import numpy as np

from benchmarks.protocol.benchmark import Benchmark, Planned, Rows, Session
from benchmarks.protocol.cases import training_rows
from benchmarks.protocol.processes import installed, measured_apart
from benchmarks.protocol.run import show_whole

EPOCHS = 6
BATCH = 32
L_WIN, L_SEQ, CODE, UNITS, LSTM = 48, 12, 6, 512, 64


def plan(session: Session) -> list[Planned]:
    """Returns every installed backend."""
    backends = installed("jax", "tensorflow", "torch")
    return [Planned(keys={"backend": backend}, again=True) for backend in backends]


def measure(one: Planned, session: Session) -> Rows:
    """Measures a backend in a process of its own."""
    return {"training": measured_apart("benchmarks.cost.training", one.keys["backend"])}


def _measure(backend: str) -> list[dict[str, Any]]:
    from kad.backend import select_backend

    select_backend(backend)
    import keras

    from datasets import load
    from kad.config import build_config

    series = load("vae_lstm/nyc_taxi")
    frame = series.frame.iloc[slice(*training_rows(series))]
    config = build_config(
        preset="paper",
        overrides={
            "detector": {"l_win": L_WIN, "head": "dense"},
            "training": {"epochs": EPOCHS, "epochs_lstm": EPOCHS},
        },
    )
    keras.utils.set_random_seed(0)
    detector = config.detector(
        series.channels, period_s=series.period_s or 1.0, grid="rows", **config.arguments
    )
    history = detector.fit(frame, training=config.training)
    z = (frame.to_numpy() - frame.to_numpy().mean()) / frame.to_numpy().std()
    rows = []
    for phase, plain in (("vae", _plain_vae), ("lstm", _plain_lstm)):
        ours = history[history["phase"] == phase]
        seconds, loss = plain(z.astype("float32"), detector)
        epoch_s = float(ours["seconds"].iloc[1:].median())
        rows.append(
            {
                "backend": backend,
                "part": phase,
                "epoch_s": round(epoch_s, 3),
                "first_epoch_s": round(float(ours["seconds"].iloc[0]), 1),
                "val_loss": round(float(ours["val_loss"].iloc[-1]), 3),
                "plain_keras_epoch_s": round(seconds, 3),
                "plain_keras_val_loss": round(loss, 3),
                "times_faster": round(seconds / epoch_s, 1),
            }
        )
    return rows


def _timed_fit(model: Any, x: np.ndarray, y: np.ndarray | None) -> tuple[float, float]:
    import time

    import keras

    class Clock(keras.callbacks.Callback):  # type: ignore[misc]
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self.start = time.perf_counter()

        def on_test_begin(self, logs: Any = None) -> None:
            seconds.append(time.perf_counter() - self.start)

    seconds: list[float] = []
    order = np.random.default_rng(0).permutation(len(x))
    cut = len(x) // 10
    held, train = order[:cut], order[cut:]
    split = (x[train], None if y is None else y[train])
    validation = (x[held], x[held] if y is None else y[held])
    losses = model.fit(
        *split,
        batch_size=BATCH,
        epochs=EPOCHS,
        verbose=0,
        callbacks=[Clock()],
        validation_data=validation,
    )
    return float(np.median(seconds[1:])), float(losses.history["val_loss"][-1])


def _plain_vae(z: np.ndarray, detector: Any) -> tuple[float, float]:
    """The paper's VAE as one would first write it: Conv1D layers and `Model.fit`."""
    import keras
    from keras import layers, ops

    leaky = "leaky_relu"
    windows = keras.Input((L_WIN, 1))
    x = windows
    for filters in (32, 64, 128):
        x = layers.Conv1D(filters, 3, strides=2, padding="same", activation=leaky)(x)
    x = layers.Flatten()(layers.Conv1D(UNITS, 6, activation=leaky)(x))
    x = layers.Dense(4 * CODE, activation=leaky)(x)
    encoder = keras.Model(
        windows, [layers.Dense(CODE)(x), layers.Dense(CODE, activation="relu")(x)]
    )
    codes = keras.Input((CODE,))
    x = layers.Dense(768, activation=leaky)(layers.Dense(UNITS, activation=leaky)(codes))
    for shape in ((3, 256), (6, 128), (24, 32)):
        x = layers.Conv1D(shape[1], 3, padding="same", activation=leaky)(layers.Reshape(shape)(x))
    x = layers.Conv1D(1, 5, padding="same")(layers.Reshape((48, 16))(x))
    decoder = keras.Model(codes, x)

    class Plain(keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.encoder, self.decoder = encoder, decoder
            self.noise = keras.random.SeedGenerator(0)

        def call(self, windows: Any) -> Any:
            mean, deviation = self.encoder(windows)
            deviation = deviation + 0.01
            code = mean + deviation * keras.random.normal(ops.shape(mean), seed=self.noise)
            error = ops.sum(ops.square(windows - self.decoder(code)), axis=(1, 2))
            kl = 0.5 * ops.sum(mean**2 + deviation**2 - 1 - 2 * ops.log(deviation), axis=1)
            constant = 0.5 * L_WIN * np.log(2 * np.pi * 0.01)
            self.add_loss(ops.mean(constant + 0.5 * error / 0.02 + kl))
            return mean

    model = Plain()
    model.compile(optimizer=keras.optimizers.Adam(4e-4, beta_2=0.95, clipvalue=1.0))
    rolled = np.lib.stride_tricks.sliding_window_view(z, L_WIN, axis=0).transpose(0, 2, 1)
    return _timed_fit(model, np.ascontiguousarray(rolled), None)


def _plain_lstm(z: np.ndarray, detector: Any) -> tuple[float, float]:
    """The paper's LSTM with `Model.fit`, on our embeddings."""
    import keras
    from keras import layers

    codes = detector.embed_rolling(z)
    rows = np.arange(len(z) - L_SEQ * L_WIN + 1)[:, None] + np.arange(0, L_SEQ * L_WIN, L_WIN)
    sequences = codes[rows]
    model = keras.Sequential(
        [
            keras.Input((L_SEQ - 1, CODE)),
            layers.LSTM(LSTM, return_sequences=True),
            layers.LSTM(LSTM, return_sequences=True),
            layers.Dense(CODE),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(2e-4), loss="mse")
    return _timed_fit(model, sequences[:, :-1], sequences[:, 1:])


BENCHMARK = Benchmark(plan=plan, measure=measure, show=show_whole, tables={"training": ()})


if __name__ == "__main__":
    print(json.dumps(_measure(sys.argv[1])))
