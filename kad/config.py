"""Configuration files: defaults, presets, the user's file and flags, validated in one place.

A file is TOML or JSON with the sections `[data]`, `[detector]`, `[training]`, `[scoring]` and
`[alarm]`. The keys of `[detector]` are the constructor arguments of the detector that
`detector.name` chooses.
"""

import difflib
import os
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pydantic
import tomli_w

from kad.data.settings import read_settings
from kad.detector import Detector
from kad.detectors import detector_class
from kad.options import (
    AlarmOptions,
    DataOptions,
    FitOptions,
    Options,
    ScoringOptions,
    arguments_model,
    merged,
)
from runtime.errors import ConfigError

DEFAULT_DETECTOR = "vae-lstm"
DEFAULT_PRESET = "default"
_SECTIONS = ("data", "detector", "training", "scoring", "alarm")

Tree = Mapping[str, Mapping[str, Any]]
_T = TypeVar("_T", bound=Options)


@dataclass(frozen=True)
class Config:
    """A whole, valid configuration."""

    data: DataOptions
    detector: type[Detector]
    arguments: dict[str, Any]
    """Constructor arguments of the detector, without those that come from the data."""
    training: FitOptions
    scoring: ScoringOptions
    alarm: AlarmOptions
    sources: "Sources | None" = field(default=None, compare=False, repr=False)
    """What it was made of, where no preset was chosen."""

    def for_channels(self, number: int) -> "Config":
        """Returns it with the preset for a number of channels, where none was chosen.

        Sections that were replaced since `build_config` stay as they are.
        """
        preset = self.detector.preset_for(number)
        if self.sources is None or preset == DEFAULT_PRESET:
            return self
        usual, chosen = (_assembled(self.sources, name) for name in (DEFAULT_PRESET, preset))
        names = ("data", "arguments", "training", "scoring", "alarm")
        replaced = {n: getattr(self, n) for n in names if getattr(self, n) != getattr(usual, n)}
        return replace(chosen, **replaced)

    def to_toml(self) -> str:
        """Returns the configuration as a TOML file: what it says wins over every preset."""
        tree = {
            "data": self.data.model_dump(mode="json", exclude_none=True),
            "detector": {"name": self.detector.detector_name, **self.arguments},
            "training": self.training.model_dump(mode="json", exclude_none=True),
            "scoring": self.scoring.model_dump(mode="json", exclude_none=True),
            "alarm": self.alarm.model_dump(mode="json", exclude_none=True),
        }
        return tomli_w.dumps(tree)


class Sources(NamedTuple):
    """Of a configuration, beside the preset."""

    detector: str
    from_file: Tree
    overrides: Tree


def build_config(
    *,
    file: str | os.PathLike[str] | None = None,
    preset: str | None = None,
    detector: str | None = None,
    overrides: Tree | None = None,
) -> Config:
    """Puts a configuration together: defaults, then preset, then file, then overrides.

    Args:
        file: A `.toml` or `.json` file.
        preset: One of the detector's presets; where not given, the one for the number of channels,
            which training settles.
        detector: Detector name; the file's, else `vae-lstm`.
        overrides: Values per section that win over the file, as command-line flags do.

    Raises:
        InputError: The file cannot be read.
        ConfigError: An unknown key, section, preset or detector, or a wrong value; the message
            names the key and, for a misspelt one, the nearest.
    """
    from_file = read_settings(Path(file)) if file else {}
    _check_sections(from_file)
    name = detector or from_file.get("detector", {}).get("name", DEFAULT_DETECTOR)
    sources = Sources(name, from_file, deepcopy(dict(overrides or {})))
    if preset is None:
        return replace(_assembled(sources, DEFAULT_PRESET), sources=sources)
    return _assembled(sources, preset)


def _assembled(sources: Sources, preset: str) -> Config:
    name, from_file, overrides = sources
    cls = detector_class(name)
    if preset not in cls.presets:
        raise ConfigError(
            f"The presets of {name} are {', '.join(cls.presets)}. Received: {preset!r}."
        )
    sections = {}
    for section in _SECTIONS:
        usual = cls.presets[DEFAULT_PRESET] if section == "scoring" else {}
        trees = (usual, cls.presets[preset], from_file, overrides)
        sections[section] = merged(*(tree.get(section, {}) for tree in trees))
    sections["detector"].pop("name", None)
    return Config(
        data=_validate("data", DataOptions, sections["data"]),
        detector=cls,
        arguments=_validate("detector", arguments_model(cls), sections["detector"]).model_dump(
            mode="json", exclude_none=True
        ),
        training=_validate("training", cls.Training, sections["training"]),
        scoring=_validate("scoring", ScoringOptions, sections["scoring"]),
        alarm=_validate("alarm", AlarmOptions, sections["alarm"]),
    )


def _validate(section: str, model: type[_T], values: Mapping[str, Any]) -> _T:
    try:
        return model.model_validate(values)
    except pydantic.ValidationError as error:
        raise ConfigError(_explain(section, model, error)) from error


def _explain(section: str, model: type[Options], error: pydantic.ValidationError) -> str:
    first = error.errors()[0]
    key = ".".join([section, *map(str, first["loc"])])
    if first["type"] == "extra_forbidden":
        *path, _ = map(str, first["loc"])
        for name in path:
            inner = model.model_fields[name].annotation
            if isinstance(inner, type) and issubclass(inner, Options):
                model = inner
        return _unknown(key, [".".join([section, *path, name]) for name in model.model_fields])
    if first["type"] == "value_error":
        return f"{key}: {first['ctx']['error']}"
    return f"{key}: {first['msg']}. Received: {first['input']!r}."


def _unknown(key: str, known: list[str]) -> str:
    if near := difflib.get_close_matches(key, known, n=1, cutoff=0.8):
        return f"Unknown configuration key {key!r}. Did you mean {near[0]!r}?"
    return f"Unknown configuration key {key!r}. There are {', '.join(known)}."


def _check_sections(tree: Mapping[str, Any]) -> None:
    for section, values in tree.items():
        if section not in _SECTIONS:
            raise ConfigError(_unknown(section, list(_SECTIONS)))
        if not isinstance(values, Mapping):
            raise ConfigError(
                f"{section!r} must be a section of keys, [{section}]. Received: {values!r}."
            )
