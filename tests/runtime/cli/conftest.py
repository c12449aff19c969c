"""Detector files for the command line."""

import numpy as np
import pytest

from runtime.alarms.calibration_rows import CalibrationRows
from runtime.model.policy import AlarmPolicy
from toys.onnx_files import toy


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "toy.onnx"
    path.write_bytes(toy())
    return str(path)


@pytest.fixture
def calibrated(tmp_path):
    """A file with an alarm policy and the calibration rows of twenty days."""
    severity = np.random.default_rng(1).exponential(1 / np.log(10), 28_800)
    rows = CalibrationRows.of([severity], rows=len(severity))
    path = tmp_path / "calibrated.onnx"
    policy = AlarmPolicy(refractory_steps=2, release=1.0)
    path.write_bytes(toy(alarm=policy, calibration={"severest": rows.to_dict()}))
    return str(path)
