"""Deep anomaly detection for sensor streams.

    import kad

    detector = kad.load("runs/pump")      # trained by `kad train`, under any Keras backend
    table = kad.score(detector, frame)    # one row per step: score, severity, expected, alarm

The class of every detector in `kad/detectors/` is here too, such as `kad.VAELSTM`. Importing kad
does no work: Keras and its backend load with the first name that needs them.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kad.backend import select_backend
    from kad.config import build_config
    from kad.detector import Detector
    from kad.runs.api import save, score
    from kad.runs.folder import load
    from kad.runs.train import train
    from kad.version import __version__

__all__ = [
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
    "__version__": "kad.version",
    "build_config": "kad.config",
    "load": "kad.runs.folder",
    "save": "kad.runs.api",
    "score": "kad.runs.api",
    "select_backend": "kad.backend",
    "train": "kad.runs.train",
}


def __getattr__(name: str) -> Any:
    # Only a detector's class has a capital: other names need not load Keras to be unknown.
    if name not in _HOME and not name[0].isupper():
        raise AttributeError(f"module 'kad' has no attribute {name!r}")
    if name not in {"select_backend", "__version__"}:
        from kad.backend import select_backend

        select_backend()
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    from kad.detectors import detector_class, detector_names

    classes = {cls.__name__: cls for cls in map(detector_class, detector_names())}
    if name not in classes:
        raise AttributeError(
            f"module 'kad' has no attribute {name!r}. Its detectors: {', '.join(classes)}."
        )
    return classes[name]


def __dir__() -> list[str]:
    from kad.detectors import class_names

    return sorted([*__all__, *class_names()])
