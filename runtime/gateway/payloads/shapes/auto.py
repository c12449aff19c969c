"""Which shape a payload has: by its name, or by its looks."""

from collections.abc import Callable, Mapping
from typing import Any

from runtime.gateway.payloads.json_text import parse, text_of
from runtime.gateway.payloads.shapes.devices import shelly, tasmota, zigbee2mqtt
from runtime.gateway.payloads.shapes.flat import bare, flat
from runtime.gateway.payloads.shapes.part import Context, Parts, Shape
from runtime.gateway.payloads.shapes.records import kepware, records
from runtime.gateway.payloads.shapes.senml import senml
from runtime.gateway.payloads.shapes.telegraf import line_protocol, telegraf
from runtime.gateway.payloads.shapes.thingsboard import thingsboard, thingsboard_gateway
from runtime.gateway.samples import BadInputError

__all__ = ["is_special", "reader_of"]

_JSON: Mapping[str, Shape] = {
    "flat": flat,
    "nested": flat,
    "thingsboard": thingsboard,
    "thingsboard_gateway": thingsboard_gateway,
    "telegraf": telegraf,
    "records": records,
    "kepware": kepware,
    "senml": senml,
    "zigbee2mqtt": zigbee2mqtt,
    "tasmota": tasmota,
    "shelly": shelly,
}


def reader_of(shape: str) -> Callable[[bytes, Context], Parts]:
    """Returns what reads payloads of a shape, one of `options.SHAPES`."""
    if shape == "auto":
        return _auto
    if shape == "bare":
        return bare
    if shape == "line_protocol":
        return _lines
    read = _JSON[shape]
    return lambda payload, context: read(parse(payload, context.options.max_depth), context)


def is_special(tree: dict[str, Any]) -> bool:
    """Whether an object looks like another shape than a flat one."""
    if "values" in tree or "fields" in tree or "metrics" in tree:
        return True
    for value in tree.values():
        return type(value) is list
    return False


def _auto(payload: bytes, context: Context) -> Parts:
    start = payload.lstrip()[:1]
    if start in (b"{", b"["):
        return _json(parse(payload, context.options.max_depth), context)
    looks_like_lines = b"=" in payload and b" " in payload and start != b'"'
    if not context.channel and (looks_like_lines or start == b"#"):
        return _lines(payload, context)
    return bare(payload, context)


def _json(tree: Any, context: Context) -> Parts:
    if type(tree) is list:
        for item in context.bounded(tree):
            yield from _json(item, context) if type(item) is dict else flat([item], context)
    elif not is_special(tree):
        yield from flat(tree, context)
    elif type(tree.get("values")) is dict:
        yield from thingsboard(tree, context)
    elif _is_telegraf(tree):
        yield from telegraf(tree, context)
    elif all(map(_is_entries, tree.values())):
        yield from thingsboard_gateway(tree, context)
    else:
        yield from flat(tree, context)


def _is_telegraf(tree: dict[str, Any]) -> bool:
    if type(tree.get("fields")) is dict:
        return "name" in tree or "tags" in tree
    metrics = tree.get("metrics")
    return type(metrics) is list and any(type(m) is dict and "fields" in m for m in metrics)


def _is_entries(value: object) -> bool:
    return type(value) is list and bool(value) and all(type(item) is dict for item in value)


def _lines(payload: bytes, context: Context) -> Parts:
    errors: list[BadInputError] = []
    try:
        text = text_of(payload)
    except BadInputError:
        # A line in another encoding does not spoil the others.
        lines = []
        for line in context.bounded(payload.split(b"\n")):
            try:
                lines.append(text_of(line))
            except BadInputError as error:
                errors.append(error)
        text = "\n".join(lines)
    yield from errors
    yield from line_protocol(text, context)
