"""Objects with a key per channel, nested ones, and numbers alone."""

from typing import Any

from runtime.gateway.payloads.json_text import parse, text_of
from runtime.gateway.payloads.shapes.part import BARE, Context, Part, Parts, wrong_shape
from runtime.gateway.samples import BadInputError

__all__ = ["bare", "flat"]


def flat(tree: Any, context: Context) -> Parts:
    """Reads an object, or an array of such; paths into it are looked up by the decoder.

    On a topic that names its channel an object is the reading of that channel: its number is under
    one of the keys of values.
    """
    if type(tree) is list:
        for item in context.bounded(tree):
            yield from flat(item, context) if type(item) is dict else [_not_object(item)]
        return
    if type(tree) is not dict:
        yield from _number(tree, context)
        return
    if context.channel:
        for key in context.options.value_keys:
            if key in tree:
                fields = {context.channel: tree[key]}
                yield Part(fields, context.keys.find(tree))
                return
    yield Part(tree, context.keys.find(tree))


def bare(payload: bytes, context: Context) -> Parts:
    """Reads a number, text or a word alone: `12.5`, `"12.5"`, `ON`, `true`."""
    text = text_of(payload).strip()
    quoted = text[:1] == '"'
    return _number(parse(payload, 1) if quoted else text, context)


def _number(value: Any, context: Context) -> Parts:
    return [Part({context.channel or BARE: value})]


def _not_object(item: object) -> BadInputError:
    return wrong_shape("An array of objects", item)
