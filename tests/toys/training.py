"""Trainings of a tiny VAE-LSTM, stopped on the way or not."""

from contextlib import contextmanager
from unittest.mock import patch

import numpy as np
import pandas as pd

from kad.config import build_config
from kad.runs.folder import MODEL
from toys.series import TINY


def interrupted_in(phase, epoch, monkeypatch):
    """Makes Ctrl+C come in an epoch of a phase."""
    from kad.training import session as training

    original = training.TrainingSession._epoch

    def stop(self, name, state, *arguments, **options):
        if name == phase and state["epoch"] == epoch:
            raise KeyboardInterrupt
        original(self, name, state, *arguments, **options)

    monkeypatch.setattr(training.TrainingSession, "_epoch", stop)


@contextmanager
def networks_as_they_are():
    """Trainings whose networks keep the weights that they begin with; all else is fitted."""
    from kad.training.session import TrainingSession

    with patch.object(TrainingSession, "run_phase", lambda *_, **__: None):
        yield


@contextmanager
def as_constructed():
    """Trainings that fit nothing: a run of the detector as it was constructed, with its weights."""
    from kad.runs import train

    def save(detector, _, folder, **__):
        detector.save(folder / MODEL)
        return pd.DataFrame()

    with patch.object(train, "_fit", save):
        yield


def tiny(**overrides):
    """A configuration of the tiny detector."""
    tree = {section: dict(values) for section, values in TINY.items()}
    for section, values in overrides.items():
        tree[section] = {**tree.get(section, {}), **values}
    return build_config(overrides=tree)


def weights(detector):
    """All weights in one vector."""
    return np.concatenate([w.ravel() for w in detector.get_weights()])
