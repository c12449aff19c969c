"""Sources that many people have, by name."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from runtime.errors import ConfigError, shown
from runtime.gateway.payloads.options import PayloadOptions

__all__ = ["PRESETS", "preset"]

PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "zigbee2mqtt": {
            "topics": ("zigbee2mqtt/{device#}",),
            "shape": "zigbee2mqtt",
            "time": ("last_seen",),
            "ignore": ("zigbee2mqtt/bridge/#",),
        },
        "tasmota": {
            "topics": ("tele/{device}/SENSOR",),
            "shape": "tasmota",
            "time": ("Time",),
        },
        "shelly": {
            "topics": ("{device}/events/rpc",),
            "shape": "shelly",
            "time": ("ts",),
            "time_unit": "s",
            "hold": True,
        },
        "kepware": {"shape": "kepware", "time": ("t", "timestamp")},
        "thingsboard": {"shape": "thingsboard"},
        "thingsboard_gateway": {
            "topics": ("v1/gateway/telemetry",),
            "shape": "thingsboard_gateway",
        },
        "telegraf": {"shape": "telegraf"},
        "line_protocol": {"shape": "line_protocol"},
        "senml": {"shape": "senml"},
        "records": {"shape": "records"},
        "ignition": {"shape": "nested"},
        "node_red": {"shape": "flat"},
        "aws_shadow": {
            "topics": ("$aws/things/{device}/shadow/update",),
            "shape": "nested",
        },
        "azure_iot_hub": {
            "topics": ("devices/{device}/messages/events/#",),
            "shape": "flat",
        },
    }
)
"""What each name stands for: fields of `PayloadOptions`."""


def preset(name: str, **said: Any) -> PayloadOptions:
    """Returns the options of a kind of source, with what is said in place of its own.

    Args:
        name: One of `PRESETS`.
        **said: Fields of `PayloadOptions`.

    Raises:
        ConfigError: An unknown preset, field or value.
    """
    if name not in PRESETS:
        raise ConfigError(f"preset must be one of {', '.join(PRESETS)}. Received: {shown(name)}.")
    try:
        return PayloadOptions(**{**PRESETS[name], **said})
    except TypeError as error:
        raise ConfigError(
            f"A source is described by {', '.join(PayloadOptions.__dataclass_fields__)}. "
            f"Received: {', '.join(sorted(said))}."
        ) from error
