"""Network weights of another run, where training starts."""

from pathlib import Path
from typing import Any

import keras

from kad.detector import Detector
from kad.runs.folder import load
from runtime.errors import ConfigError


def take_weights(detector: Detector, run: Path) -> None:
    """Gives a detector the network weights of a run with the same networks."""
    other = load(run)
    if type(other) is not type(detector):
        raise ConfigError(
            f"--pretrained must be a run of {detector.detector_name}. "
            f"Received: {run}, of {other.detector_name}."
        )
    if not detector.trainable_variables:
        raise ConfigError(f"{detector.detector_name} has no networks. Leave out --pretrained.")
    if difference := _difference(_networks(detector), _networks(other)):
        raise ConfigError(
            f"The networks of --pretrained {run} are others: {difference}. Train with "
            f"--config {run}/config.toml, or without --pretrained."
        )
    for ours, theirs in zip(detector.trainable_variables, other.trainable_variables, strict=True):
        ours.assign(keras.ops.convert_to_numpy(theirs.value))


def _networks(layer: keras.Layer) -> dict[str, Any]:
    """Returns the configuration of everything that is trained, layer by layer."""
    if not isinstance(layer, keras.Model):
        return dict(layer.get_config())
    parts = layer.layers
    if isinstance(layer, Detector):
        parts = [part for part in parts if part.trainable_variables]
    return {part.name: _networks(part) for part in parts}


def _difference(here: Any, there: Any, where: str = "") -> str:
    """Says where two trees of configurations differ first; nothing where they are the same."""
    if isinstance(here, list | tuple) and isinstance(there, list | tuple):
        here, there = dict(enumerate(here)), dict(enumerate(there))
    if not (isinstance(here, dict) and isinstance(there, dict)):
        same = here == there
        return "" if same else f"{where.strip('.')} is {there!r} there and {here!r} here"
    keys = dict.fromkeys([*here, *there])
    parts = (_difference(here.get(k), there.get(k), f"{where}.{k}") for k in keys)
    return next(filter(None, parts), "")
