"""The detectors, one module each: `vae_lstm.py` is `--detector vae-lstm`.

A new detector needs its module here and nothing else: see `docs/adding-a-detector.md`.
"""

import ast
import difflib
import importlib
import inspect
import pkgutil
from pathlib import Path
from typing import TYPE_CHECKING

from runtime.errors import ConfigError

if TYPE_CHECKING:
    from kad.detector import Detector

__all__ = ["class_names", "detector_class", "detector_names"]


def detector_names() -> list[str]:
    """Returns the names of all detectors without importing them."""
    return [module.name.replace("_", "-") for module in pkgutil.iter_modules(__path__)]


def detector_class(name: str) -> "type[Detector]":
    """Returns the class of a detector.

    Raises:
        ConfigError: No detector has this name, or its file has not exactly one class.
    """
    names = detector_names()
    if name not in names:
        near = difflib.get_close_matches(str(name), names, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ConfigError(
            f"detector.name must be one of {', '.join(names)}. Received: {name!r}.{hint}"
        )
    from kad.detector import Detector

    module = importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
    found = [
        value
        for _, value in inspect.getmembers(module, inspect.isclass)
        if issubclass(value, Detector) and value.__module__ == module.__name__
    ]
    if len(found) != 1:
        raise ConfigError(
            f"{module.__file__} must define one subclass of Detector. "
            f"Received: {', '.join(cls.__name__ for cls in found) or 'none'}."
        )
    return found[0]


def class_names() -> list[str]:
    """Returns the names of the detectors' classes without importing them, for completion."""
    return [
        node.name
        for folder in map(Path, __path__)
        for file in sorted(folder.glob("[!_]*.py"))
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef)
        and any(isinstance(base, ast.Name) and base.id == "Detector" for base in node.bases)
    ]
