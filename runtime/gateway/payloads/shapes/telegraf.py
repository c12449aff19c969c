"""Telegraf's metrics: JSON, single and in batches, and line protocol."""

from collections.abc import Mapping
from typing import Any

from runtime.gateway.payloads.line_protocol import Point, read_lines
from runtime.gateway.payloads.shapes.part import ABSENT, Context, Part, Parts, wrong_shape
from runtime.gateway.samples import BadInputError

__all__ = ["line_protocol", "telegraf"]

_UNITS_NS = {"auto": 1, "s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}


def telegraf(tree: Any, context: Context) -> Parts:
    """Reads `{"name": …, "tags": …, "fields": …, "timestamp": …}`, or `{"metrics": [such]}`."""
    if type(tree) is dict and type(tree.get("metrics")) is list:
        tree = tree["metrics"]
    for item in context.bounded(tree) if type(tree) is list else [tree]:
        fields = item.get("fields") if type(item) is dict else None
        if type(fields) is not dict:
            yield wrong_shape("A metric of Telegraf, with fields", item)
            continue
        tags = item.get("tags")
        texts = {k: str(v) for k, v in tags.items()} if type(tags) is dict else {}
        name = item.get("name")
        yield Part(
            fields,
            context.keys.find(item),
            names=_names(name if type(name) is str else "", texts),
        )


def line_protocol(text: str, context: Context) -> Parts:
    """Reads lines; those of one measurement, tags and time are one point, the later value wins.

    Times count nanoseconds unless the source says otherwise.
    """
    points: dict[tuple[Any, ...], Point] = {}
    for point in read_lines(context.bounded(text.split("\n"))):
        if isinstance(point, BadInputError):
            yield point
            continue
        key = (point.measurement, point.time, *sorted(point.tags.items()))
        if point.time is not None and key in points:
            points[key].fields.update(point.fields)
        else:
            points[(*key, len(points)) if point.time is None else key] = point
    unit = _UNITS_NS[context.options.time_unit]
    for point in points.values():
        time_ns = None if point.time is None else point.time * unit
        yield Part(
            point.fields,
            ABSENT if time_ns is None else point.time,
            time_ns,
            _names(point.measurement, point.tags),
        )


def _names(measurement: str, tags: Mapping[str, str]) -> dict[str, str]:
    """Returns the tags; the device is that of its tag, else the series: measurement and tags."""
    series = "/".join([measurement, *(tags[key] for key in sorted(tags))])
    return {"device": series, "name": measurement, **tags, "measurement": measurement}
