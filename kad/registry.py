"""The detectors by name: a new one needs its file and one line here."""

import difflib
import importlib
from typing import TYPE_CHECKING

from runtime.errors import ConfigError

if TYPE_CHECKING:
    from kad.detector import Detector

DETECTORS = {
    "vae-lstm": "kad.vae_lstm:VAELSTM",
}
"""Module and class per `--detector` name; imported when asked for."""


def detector_class(name: str) -> "type[Detector]":
    """Returns the class of a detector.

    Raises:
        ConfigError: No detector has this name.
    """
    if not isinstance(name, str) or name not in DETECTORS:
        near = difflib.get_close_matches(str(name), DETECTORS, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ConfigError(
            f"detector.name must be one of {', '.join(DETECTORS)}. Received: {name!r}.{hint}"
        )
    module, attribute = DETECTORS[name].split(":")
    cls: type[Detector] = getattr(importlib.import_module(module), attribute)
    return cls
