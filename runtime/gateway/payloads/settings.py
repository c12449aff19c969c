"""How a source is read, from the table that a configuration file has of it."""

import types
import typing
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Literal, get_args, get_origin

from runtime.errors import ConfigError, shown
from runtime.gateway.payloads.options import ON_OFF, ChannelOptions, PayloadOptions
from runtime.gateway.payloads.presets import preset

__all__ = ["payload_options"]


def payload_options(table: Mapping[str, Any]) -> PayloadOptions:
    """Returns the options of a table with fields of `PayloadOptions`, and `preset`.

    `topics`, `time` and other lists may be one text. In `channels` each channel is its path, or a
    table of `ChannelOptions`, of which `words = true` means `ON_OFF`.

    Raises:
        ConfigError: An unknown key or preset, a value of another type, or one that cannot be used.
    """
    said = dict(table)
    name = said.pop("preset", None)
    channels = said.pop("channels", {})
    if not isinstance(channels, Mapping):
        raise _wrong("channels", "a table", channels)
    known = _checked(PayloadOptions, said, "")
    if channels:
        known["channels"] = {str(key): _channel(key, value) for key, value in channels.items()}
    if name is None:
        return PayloadOptions(**known)
    if not isinstance(name, str):
        raise _wrong("preset", "text", name)
    return preset(name, **known)


def _channel(name: str, said: Any) -> ChannelOptions:
    if isinstance(said, str):
        return ChannelOptions(path=said)
    if not isinstance(said, Mapping):
        raise _wrong(f"channels.{name}", "a path or a table", said)
    rest = dict(said)
    words = rest.pop("words", {})
    if words is True:
        words = ON_OFF
    if not isinstance(words, Mapping) or not all(map(_is_number, words.values())):
        raise _wrong(f"channels.{name}.words", "true, or a table of words and numbers", words)
    known = _checked(ChannelOptions, rest, f"channels.{name}.")
    return ChannelOptions(**known, words={str(k): float(v) for k, v in words.items()})


def _checked(kind: type[Any], said: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Returns values of the types that the fields have."""
    hints = typing.get_type_hints(kind)
    names = [field.name for field in fields(kind)]
    for key in said:
        if key not in names:
            raise ConfigError(
                f"{where}{key} is no setting of a source's messages. Known are: "
                f"{', '.join([*names, *([] if where else ['preset'])])}."
            )
    return {key: _typed(f"{where}{key}", hints[key], value) for key, value in said.items()}


def _typed(name: str, hint: Any, value: Any) -> Any:
    if get_origin(hint) is tuple:
        texts = [value] if isinstance(value, str) else value
        if not isinstance(texts, list | tuple) or not all(isinstance(t, str) for t in texts):
            raise _wrong(name, "text, or a list of texts", value)
        return tuple(texts)
    if get_origin(hint) is Literal or hint is str:
        if isinstance(value, str):
            return value
        raise _wrong(
            name, f"one of {', '.join(get_args(hint))}" if get_args(hint) else "text", value
        )
    if hint is bool:
        if isinstance(value, bool):
            return value
        raise _wrong(name, "true or false", value)
    if hint is int:
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        raise _wrong(name, "a whole number", value)
    optional = get_origin(hint) in (types.UnionType, typing.Union)
    if _is_number(value) or (optional and value is None):
        return value
    raise _wrong(name, "a number", value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _wrong(name: str, wanted: str, value: object) -> ConfigError:
    return ConfigError(f"{name} must be {wanted}. Received: {shown(value)}.")
