"""What a run folder gives back."""

import pytest

from kad.runs.folder import load
from runtime.errors import InputError, ModelFileError


def test_damaged_models_are_refused(tmp_path, run):
    """A truncated or foreign .keras file is one line."""
    path = tmp_path / "model.keras"
    path.write_bytes((run.folder / "model.keras").read_bytes()[:2000])
    with pytest.raises(ModelFileError, match="damaged"):
        load(path)
    with pytest.raises(InputError, match="no model.keras"):
        load(tmp_path / "..")
