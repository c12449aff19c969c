"""Devices of the home and the cabinet: Zigbee2MQTT, Tasmota, Shelly."""

from typing import Any

from runtime.gateway.payloads.shapes.flat import flat
from runtime.gateway.payloads.shapes.part import Context, Part, Parts, wrong_shape
from runtime.gateway.samples import BadInputError

__all__ = ["shelly", "tasmota", "zigbee2mqtt"]

_NO_DATA = frozenset(["set", "get", "availability"])
_STATUS = ("NotifyStatus", "NotifyFullStatus")


def zigbee2mqtt(tree: Any, context: Context) -> Parts:
    """Reads a flat object; commands and availability are no data."""
    if _NO_DATA.intersection(context.topic.split("/")[2:]):
        return [_ignored("Zigbee2MQTT's data", context.topic)]
    return flat(tree, context)


def tasmota(tree: Any, context: Context) -> Parts:
    """Reads `{"Time": …, "DHT22": {"Temperature": 21.4}}`: local time, channels by path."""
    if context.topic.endswith("/LWT"):
        return [_ignored("Tasmota's SENSOR or STATE", context.topic)]
    if type(tree) is dict and type(tree.get("StatusSNS")) is dict:
        tree = tree["StatusSNS"]
    return flat(tree, context)


def shelly(tree: Any, context: Context) -> Parts:
    """Reads a NotifyStatus: only what changed, by path (`em:0.a_act_power`)."""
    if type(tree) is not dict or type(tree.get("method", "")) is not str:
        return [wrong_shape("A notification of a Shelly", tree)]
    if tree.get("method", _STATUS[0]) not in _STATUS:
        return [_ignored("Shelly's NotifyStatus", tree["method"])]
    params = tree.get("params")
    if type(params) is not dict:
        return [wrong_shape("A notification of a Shelly, with params", tree)]
    source = tree.get("src")
    names = {"device": source} if type(source) is str else {}
    return [Part(params, context.keys.find(params), names=names)]


def _ignored(wanted: str, received: str) -> BadInputError:
    return BadInputError("ignored", f"{wanted} is read. Received: {received[:100]!r}.")
