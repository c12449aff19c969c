"""What a run folder gives back."""

import pandas as pd
import pytest

from kad.runs.folder import load
from runtime.errors import InputError, ModelFileError
from toys.series import wave


def test_loaded_detector_scores_the_same(run):
    """save → load keeps every number, the card included."""
    again = load(run.folder)
    assert again.card == run.detector.card
    assert again.get_config() == run.detector.get_config()
    pd.testing.assert_frame_equal(again.score(wave(seed=5)), run.detector.score(wave(seed=5)))


def test_damaged_models_are_refused(tmp_path, run):
    """A truncated or foreign .keras file is one line."""
    path = tmp_path / "model.keras"
    path.write_bytes((run.folder / "model.keras").read_bytes()[:2000])
    with pytest.raises(ModelFileError, match="damaged"):
        load(path)
    with pytest.raises(InputError, match="no model.keras"):
        load(tmp_path / "..")
