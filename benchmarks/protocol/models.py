"""Detectors with real shapes and little training, for timing and parity."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from kad.backend import select_backend

if TYPE_CHECKING:
    from kad.detector import Detector


def fitted(
    *, hidden_units: int, channels: int = 1, l_win: int = 48, score_windows: int = 1
) -> "Detector":
    """Returns a VAE-LSTM after three short epochs on a noisy sine."""
    select_backend("tensorflow")
    import keras

    from kad.detectors.vae_lstm import VAELSTM, VAELSTMTraining

    keras.utils.set_random_seed(0)
    names = [f"c{i}" for i in range(channels)]
    detector = VAELSTM(
        names, l_win=l_win, hidden_units=hidden_units, score_windows=score_windows, period_s=60.0
    )
    detector.fit(
        noisy_sine(max(1000, 3 * detector.warmup_steps), names),
        training=VAELSTMTraining(epochs=3, epochs_lstm=3, examples_per_epoch=1000),
    )
    return detector


def fitted_rnn(*, channels: int = 1, **options: Any) -> "Detector":
    """Returns an RNN predictor after three short epochs on a noisy sine."""
    select_backend("tensorflow")
    import keras

    from kad.detectors.rnn import RNNPredictor, RNNTraining

    keras.utils.set_random_seed(0)
    names = [f"c{i}" for i in range(channels)]
    detector = RNNPredictor(names, period_s=60.0, **options)
    detector.fit(noisy_sine(2000, names), training=RNNTraining(epochs=3, examples_per_epoch=10_000))
    return detector


def noisy_sine(rows: int, names: list[str], *, period_s: float = 60.0) -> pd.DataFrame:
    """Returns a sine with noise in every column, a row every `period_s`."""
    rng = np.random.default_rng(0)
    wave = np.sin(np.arange(rows) / 20)[:, None]
    index = pd.date_range("2025-01-01", periods=rows, freq=pd.Timedelta(seconds=period_s))
    values = 20 + wave + 0.1 * rng.normal(size=(rows, len(names)))
    return pd.DataFrame(values, index=index, columns=names)


def export_fitted(detector: "Detector", folder: Path, *, step: bool = False) -> Path:
    """Exports a detector, and its file of single steps if asked to, and returns the file."""
    from export import export

    detector.save(folder / "model.keras")
    return export(folder / "model.keras", folder / "detector.onnx", step=step).path
