"""ThingsBoard's telemetry: single, array, and of a gateway."""

from typing import Any

from runtime.gateway.payloads.shapes.part import Context, Part, Parts, wrong_shape

__all__ = ["thingsboard", "thingsboard_gateway"]


def thingsboard(tree: Any, context: Context) -> Parts:
    """Reads `{"ts": …, "values": {…}}`, a flat object, or an array of these."""
    for item in context.bounded(tree) if type(tree) is list else [tree]:
        if type(item) is not dict:
            yield wrong_shape("ThingsBoard telemetry (an object)", item)
        else:
            yield _entry(item, context, {})


def thingsboard_gateway(tree: Any, context: Context) -> Parts:
    """Reads `{"Pump 7": [entries], …}`: the key is the device."""
    if type(tree) is not dict:
        yield wrong_shape("An object of devices", tree)
        return
    for device, entries in tree.items():
        for item in entries if type(entries) is list else [entries]:
            if type(item) is not dict:
                yield wrong_shape(f"Telemetry of {device[:60]!r} (objects)", item)
            else:
                yield _entry(item, context, {"device": device})


def _entry(item: dict[str, Any], context: Context, names: dict[str, str]) -> Part:
    values = item.get("values")
    time = context.keys.find(item)
    return Part(values if type(values) is dict else item, time, names=names)
