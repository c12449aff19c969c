"""Configuration files as trees of sections and keys, which others check."""

import json
import tomllib
from pathlib import Path
from typing import Any

from runtime.errors import ConfigError, InputError


def read_settings(path: Path) -> dict[str, Any]:
    """Reads a configuration file.

    Args:
        path: A `.json` file, or TOML under any other name.

    Raises:
        InputError: The file cannot be read.
        ConfigError: It is no TOML or JSON, or no mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The configuration {path} cannot be read: {error}.") from error
    try:
        tree = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (json.JSONDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"The configuration {path} is not valid: {error}.") from error
    if not isinstance(tree, dict):
        raise ConfigError(f"The configuration {path} must hold sections of keys.")
    return tree
