"""How a source is read, from the table that a configuration file has of it."""

import typing
from collections.abc import Mapping
from typing import Any, get_origin

from runtime.errors import ConfigError, shown
from runtime.gateway.config.build import build
from runtime.gateway.payloads.options import ON_OFF, ChannelOptions, PayloadOptions
from runtime.gateway.payloads.presets import PRESETS

__all__ = ["payload_options"]


def payload_options(table: Mapping[str, Any], where: str) -> PayloadOptions:
    """Returns the options of a table with fields of `PayloadOptions`, and `preset`.

    `topics`, `time` and other lists may be one text. In `channels` each channel is its path, or a
    table of `ChannelOptions`, of which `words = true` means `ON_OFF`.

    Args:
        table: As `tomllib` read it.
        where: Its place in the file.

    Raises:
        ConfigError: An unknown key or preset, a value of another type, or one that cannot be used.
    """
    said = dict(table)
    name = said.pop("preset", None)
    if name is not None:
        if name not in PRESETS:
            raise ConfigError(
                f"`preset` in {where} of the configuration must be one of {', '.join(PRESETS)}. "
                f"Received: {shown(name)}."
            )
        said = {**PRESETS[name], **said}
    hints = typing.get_type_hints(PayloadOptions)
    for key, value in said.items():
        if isinstance(value, str) and get_origin(hints.get(key)) is tuple:
            said[key] = [value]
    if "channels" in said:
        said["channels"] = _channels(said["channels"], where)
    return build(PayloadOptions, said, where)


def _channels(raw: object, where: str) -> Mapping[str, Any]:
    if not isinstance(raw, Mapping):
        raise ConfigError(
            f"`channels` in {where} of the configuration must be a table. Received: {shown(raw)}."
        )
    return {str(name): _channel(str(name), one, where) for name, one in raw.items()}


def _channel(name: str, said: Any, where: str) -> ChannelOptions:
    place = f"{where}.channels.{name}"
    if isinstance(said, ChannelOptions):
        return said
    if isinstance(said, str):
        return ChannelOptions(path=said)
    if not isinstance(said, Mapping):
        raise ConfigError(
            f"{place} of the configuration must be a path or a table. Received: {shown(said)}."
        )
    table = {**said, "words": dict(ON_OFF)} if said.get("words") is True else said
    return build(ChannelOptions, table, place)
