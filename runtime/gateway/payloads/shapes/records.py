"""A record per reading, with its name and its value: historians, OPC gateways, Kepware."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from runtime.gateway.payloads.shapes.part import ABSENT, Context, Part, Parts, wrong_shape
from runtime.gateway.samples import BadInputError

__all__ = ["kepware", "records"]

_GOOD = 192  # of OPC's quality


class _Keys(NamedTuple):
    name: Sequence[str]
    value: Sequence[str]
    quality: Sequence[str]


def records(tree: Any, context: Context) -> Parts:
    """Reads `[{"tagname": "P7.Flow", "timestamp": …, "value": 12.5}]`, or one such object.

    An object with a time and an array of records gives them its time where they have none.
    """
    options = context.options
    keys = _Keys(options.name_keys, options.value_keys, ("quality", "q"))
    return _records(tree, context, keys)


def kepware(tree: Any, context: Context) -> Parts:
    """Reads `{"timestamp": …, "values": [{"id": "Ch1.P7.Flow", "v": 12.5, "q": true, "t": …}]}`."""
    return _records(tree, context, _Keys(("id",), ("v",), ("q",)))


def _records(tree: Any, context: Context, keys: _Keys) -> Parts:
    time: Any = ABSENT
    if type(tree) is dict:
        time = context.keys.find(tree)
        if _first(tree, keys.name) is None:
            lists = [v for v in tree.values() if type(v) is list]
            tree = lists[0] if lists else [tree]
        else:
            tree = [tree]
    if type(tree) is not list:
        yield wrong_shape("An array of records", tree)
        return
    groups: dict[tuple[Any, ...], Part] = {}
    for item in context.bounded(tree):
        try:
            names, channel, value = _record(item, context, keys)
        except BadInputError as error:
            yield error
            continue
        own = context.keys.find(item)
        own = time if own is ABSENT else own
        stamp = own if own is not ABSENT and type(own) in (int, float, str) else repr(own)
        key = (type(own), stamp, *sorted(names.items()))
        if key not in groups:
            groups[key] = Part({}, own, names=names)
        groups[key].fields[channel] = value  # type: ignore[index]
    yield from groups.values()


def _record(item: Any, context: Context, keys: _Keys) -> tuple[dict[str, str], str, Any]:
    name = _first(item, keys.name) if type(item) is dict else None
    if type(name) is not str or not name:
        raise wrong_shape(f"A record with one of {', '.join(keys.name)}", item)
    for key in keys.value:
        if key in item:
            break
    else:
        raise wrong_shape(f"A record with one of {', '.join(keys.value)}", item)
    names, channel = context.splitter.split(name)
    return names, channel, None if _is_bad(item, keys) else item[key]


def _first(item: dict[str, Any], keys: Sequence[str]) -> Any:
    for key in keys:
        if key in item:
            return item[key]
    return None


def _is_bad(item: dict[str, Any], keys: _Keys) -> bool:
    quality = _first(item, keys.quality)
    if type(quality) is str:
        return quality.strip().lower().startswith(("bad", "false", "uncertain"))
    if type(quality) is int:
        return quality != 1 and quality < _GOOD
    return quality is False
