"""Deep anomaly detection for sensor streams.

    import kad

    detector = kad.load("runs/pump")      # trained by `kad train`, under any Keras backend
    table = kad.score(detector, frame)    # one row per step: score, severity, expected, alarm

Importing kad does no work: Keras and its backend load with the first name that needs them.
"""

import importlib
from typing import Any

from kad.version import __version__

__all__ = [
    "VAELSTM",
    "Detector",
    "__version__",
    "build_config",
    "load",
    "save",
    "score",
    "select_backend",
    "train",
]

_HOME = {
    "Detector": "kad.detector",
    "VAELSTM": "kad.detectors.vae_lstm",
    "build_config": "kad.config",
    "load": "kad.run",
    "save": "kad.api",
    "score": "kad.api",
    "select_backend": "kad.backend",
    "train": "kad.run",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'kad' has no attribute {name!r}")
    if name != "select_backend":
        from kad.backend import select_backend

        select_backend()
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
