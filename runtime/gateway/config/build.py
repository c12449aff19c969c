"""Tables of TOML to frozen dataclasses: names, types and choices are checked, none is guessed."""

import dataclasses
import difflib
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from runtime.clock.durations import parse_duration
from runtime.errors import ConfigError, InputError, shown

__all__ = ["build"]

T = TypeVar("T")


def build(cls: type[T], table: Mapping[str, Any], where: str, **given: Any) -> T:
    """Builds a dataclass from a table.

    Fields that end in `_s` take durations, such as `15min`, or seconds; others take what their
    annotation says. A dataclass that checks itself raises, and the key's place is added.

    Args:
        cls: A dataclass.
        table: As `tomllib` read it.
        where: Place of the table in the file, such as `[[source]] 2`.
        **given: Fields that do not come from the table.

    Raises:
        ConfigError: An unknown key, a missing one, a value of another type.
    """
    hints = typing.get_type_hints(cls)
    every = {f.name: f for f in dataclasses.fields(cls) if f.init}  # type: ignore[arg-type]
    known = [name for name in every if name not in given]
    for key in table:
        if key not in known:
            raise ConfigError(_unknown(key, known, where))
    values = dict(given)
    for name in known:
        if name in table:
            values[name] = _value(hints[name], table[name], name, where)
        elif _is_required(every[name]):
            raise ConfigError(
                f"{where} of the configuration must have `{name}`. Received: no such key. Add it."
            )
    try:
        return cls(**values)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error
    except InputError as error:
        raise ConfigError(f"{where} of the configuration: {error}") from error


def _is_required(field: dataclasses.Field[Any]) -> bool:
    missing = dataclasses.MISSING
    return field.default is missing and field.default_factory is missing


def _unknown(key: str, known: Sequence[str], where: str) -> str:
    near = difflib.get_close_matches(key, known, n=1)
    advice = f"Did you mean `{near[0]}`?" if near else f"It has {', '.join(known)}."
    return f"{where} of the configuration has no key `{key}`. {advice}"


def _value(hint: Any, value: Any, name: str, where: str) -> Any:
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType, Literal):
        return _chosen(origin, args, value, name, where)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        if isinstance(value, hint):
            return value
        if not isinstance(value, Mapping):
            raise _wrong("a table", value, name, where)
        return build(hint, value, f"{where}.{name}")
    if origin in (tuple, list, Sequence):
        if not isinstance(value, list | tuple):
            raise _wrong("a list", value, name, where)
        return tuple(_value(args[0], one, name, where) for one in value)
    if origin in (dict, Mapping):
        if not isinstance(value, Mapping):
            raise _wrong("a table", value, name, where)
        return {
            str(key): _value(args[1], one, f"{name}.{key}", where) for key, one in value.items()
        }
    return _plain(hint, value, name, where)


def _chosen(origin: Any, args: Sequence[Any], value: Any, name: str, where: str) -> Any:
    """Reads a value that may be one of several things."""
    if origin is not Literal:
        some = [one for one in args if one is not type(None)]
        return _first_that_fits(some, value, name, where)
    if value in args and type(value) in {type(one) for one in args}:
        return value
    raise _wrong(f"one of {', '.join(map(str, args))}", value, name, where)


def _first_that_fits(some: Sequence[Any], value: Any, name: str, where: str) -> Any:
    problem: ConfigError | None = None
    for hint in some:
        try:
            return _value(hint, value, name, where)
        except ConfigError as error:
            problem = problem or error
    raise problem or _wrong("something else", value, name, where)


def _plain(hint: Any, value: Any, name: str, where: str) -> Any:
    if name.rpartition(".")[2].endswith("_s") and hint in (float, int):
        if isinstance(value, str) or _is_number(value):
            try:
                return parse_duration(value)
            except InputError as error:
                raise ConfigError(f"`{name}` in {where}: {error}") from error
        raise _wrong("a duration such as 15min, or seconds", value, name, where)
    if hint is float and _is_number(value):
        return float(value)
    if hint is Path and isinstance(value, str):
        return Path(value)
    if hint is Any or (isinstance(hint, type) and type(value) is hint):
        return value
    words = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
    raise _wrong(words.get(hint, "text"), value, name, where)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _wrong(expected: str, value: object, name: str, where: str) -> ConfigError:
    return ConfigError(
        f"`{name}` in {where} of the configuration must be {expected}. Received: {shown(value)}."
    )
