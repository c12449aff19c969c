"""Devices in Home Assistant by MQTT discovery, one a stream, as it is since 2026.4."""

import hashlib
import math
import random
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from runtime.errors import ConfigError, shown
from runtime.gateway.outputs import EventNotice, Outputs
from runtime.gateway.protocols import Publication, Subscription
from runtime.gateway.samples import Message
from runtime.gateway.sinks.documents import OFFLINE, ONLINE, STATES, compact, number, rounded
from runtime.gateway.sinks.options import Topics
from runtime.gateway.sinks.sentences import sentence, utc
from runtime.version import __version__

__all__ = ["HomeAssistant", "HomeAssistantOptions"]

_AGAIN_S = (1.0, 10.0)
"""After Home Assistant's birth: not all devices of a house at once."""
_LONGEST_ID = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeAssistantOptions:
    """How streams appear in Home Assistant.

    Raises:
        ConfigError: A value that cannot be used.
    """

    topics: Topics
    """As the MQTT sink's."""
    prefix: str = "homeassistant"
    """Its discovery prefix."""
    severity_s: float = 30.0
    """A stream's severity goes out at most once in this time: each is a row of its database."""
    expire_s: int = 120
    """A severity that has not come for this long is unavailable: more than the period of the
    slowest stream, and than `severity_s`."""
    names: Mapping[str, str] = field(default_factory=dict)
    """What people call streams; their own names where not given."""
    units: Mapping[str, str] = field(default_factory=dict)
    """Of channels, for sentences."""

    def __post_init__(self) -> None:
        if not self.prefix or not re.fullmatch(r"[^+#\0]+", self.prefix):
            raise ConfigError(
                "`prefix` must be a topic such as homeassistant. "
                f"Received: {shown(self.prefix)}. Correct it."
            )
        if not 0 < self.severity_s < self.expire_s:
            raise ConfigError(
                "`severity_s` must be above 0 and below `expire_s`. "
                f"Received: {self.severity_s:g} and {self.expire_s:g}. Correct one of them."
            )


class HomeAssistant:
    """What Home Assistant needs beside events and states; see `Addition`.

    All but severity is retained. A stream that is gone for good takes its device with it.

    Args:
        options: How streams appear.
        monotonic: The clock.
        uniform: Returns a random number between two.
    """

    def __init__(
        self,
        options: HomeAssistantOptions,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._options = options
        self._topics = options.topics
        self._monotonic = monotonic
        self._uniform = uniform
        self._said_s: dict[str, float] = {}
        self._severity_topics: dict[str, str] = {}
        self._due_s = math.inf
        self._introduced = False

    def lasting(self, outputs: Outputs, *, began: Sequence[str]) -> list[Publication]:
        """Returns discovery of new streams, who is online, causes, and the removal of ghosts."""
        found = [] if self._introduced else [self._config(self._gateway_id, self._gateway())]
        self._introduced = True
        online = dict(outputs.online)
        for stream in began:
            found.append(self._config(device_id(stream), self._device(stream)))
            online.setdefault(stream, True)
        found.extend(
            self._retained("online", stream, ONLINE if here else OFFLINE)
            for stream, here in online.items()
        )
        found.extend(
            self._retained("cause", notice.stream, compact(self._cause(notice)))
            for notice in outputs.events
            if notice.stream and notice.phase != "update"
        )
        for stream in outputs.gone:
            found.append(self._config(device_id(stream), None))
            found.extend(self._retained(name, stream, b"") for name in ("online", "cause"))
            self._said_s.pop(stream, None)
            self._severity_topics.pop(stream, None)
        return found

    def passing(self, outputs: Outputs) -> list[Publication]:
        """Returns the newest severity of each stream that has waited long enough."""
        now, said, least = self._monotonic(), self._said_s, self._options.severity_s
        found = []
        for scored in outputs.scored:
            newest = {
                name: step
                for step, name in enumerate(scored.names)
                if now - said.get(name, -math.inf) >= least
            }
            severity = scored.scores.severity
            for name, step in newest.items():
                value = float(severity[step])
                if math.isfinite(value):
                    said[name] = now
                    payload = number(round(value, 2)).encode()
                    found.append(Publication(self._severity_topic(name), payload, 1))
        return found

    @property
    def subscriptions(self) -> list[Subscription]:
        """Home Assistant says there that it has started."""
        return [Subscription(self._birth_topic, 0)]

    def received(self, message: Message) -> None:
        """Takes the birth message, and no other."""
        if message.topic == self._birth_topic and message.payload == ONLINE:
            wait_s = self._uniform(*_AGAIN_S)
            self._due_s = min(self._due_s, self._monotonic() + wait_s)

    def due(self) -> bool:
        """Whether all must go out again after a birth; once True, then False."""
        if self._monotonic() < self._due_s:
            return False
        self._due_s = math.inf
        self._said_s.clear()
        return True

    @property
    def _birth_topic(self) -> str:
        return f"{self._options.prefix}/status"

    @property
    def _gateway_id(self) -> str:
        # A hyphen, where streams have `_`: no stream is called so.
        return f"kad-{_safe(self._topics.gateway)}"

    def _config(self, identity: str, document: object) -> Publication:
        topic = f"{self._options.prefix}/device/{identity}/config"
        payload = b"" if document is None else compact(document)
        return Publication(topic, payload, 1, retain=True)

    def _retained(self, name: str, stream: str, payload: bytes) -> Publication:
        return Publication(self._topics.of_stream(name, stream), payload, 1, retain=True)

    def _severity_topic(self, stream: str) -> str:
        topic = self._severity_topics.get(stream)
        if topic is None:
            topic = self._severity_topics[stream] = self._topics.of_stream("severity", stream)
        return topic

    def _gateway(self) -> dict[str, Any]:
        topics, identity = self._topics, self._gateway_id
        return {
            "dev": {"ids": [identity], "name": topics.gateway, "mf": "kad", "sw": __version__},
            "o": _origin(),
            "cmps": {
                "status": {
                    "p": "binary_sensor",
                    "dev_cla": "connectivity",
                    "ent_cat": "diagnostic",
                    "unique_id": f"{identity}_status",
                    "default_entity_id": _entity("binary_sensor", topics.gateway, "status"),
                    "name": "Status",
                    "stat_t": topics.of_gateway("status"),
                    "pl_on": ONLINE.decode(),
                    "pl_off": OFFLINE.decode(),
                }
            },
            "qos": 1,
        }

    def _device(self, stream: str) -> dict[str, Any]:
        topics, identity = self._topics, device_id(stream)
        name = self._options.names.get(stream, stream)
        return {
            "dev": {
                "ids": [identity],
                "name": name,
                "mf": "kad",
                "via_device": self._gateway_id,
            },
            "o": _origin(),
            "avty": [
                {"t": topics.of_gateway("status")},
                {"t": topics.of_stream("online", stream)},
            ],
            "avty_mode": "all",
            "cmps": {
                "anomaly": {
                    "p": "binary_sensor",
                    "dev_cla": "problem",
                    "unique_id": f"{identity}_anomaly",
                    "default_entity_id": _entity("binary_sensor", name, "anomaly"),
                    "name": "Anomaly",
                    "stat_t": topics.of_stream("state", stream),
                    "pl_on": STATES[True].decode(),
                    "pl_off": STATES[False].decode(),
                    "json_attr_t": topics.of_stream("cause", stream),
                },
                "severity": {
                    "p": "sensor",
                    "unique_id": f"{identity}_severity",
                    "default_entity_id": _entity("sensor", name, "severity"),
                    "name": "Severity",
                    "stat_t": topics.of_stream("severity", stream),
                    "stat_cla": "measurement",
                    "exp_aft": int(self._options.expire_s),
                    "en": False,
                },
            },
            "qos": 1,
        }

    def _cause(self, notice: EventNotice) -> dict[str, Any]:
        options = self._options
        words = notice.text or sentence(
            notice, units=options.units, name=options.names.get(notice.stream, "")
        )
        cause: dict[str, Any] = {
            "text": words,
            "kind": notice.kind,
            "event": notice.id,
            "severity": rounded(notice.severity),
            "channels": [one.name for one in notice.channels],
            "since": f"{utc(notice.start_ns)}Z".replace(" ", "T"),
        }
        if notice.phase == "end":
            cause["duration_s"] = rounded(notice.duration_s)
        return cause


def device_id(stream: str) -> str:
    """Returns the id of a stream's device: of letters, digits, `_` and `-`, one for each name."""
    return f"kad_{_safe(stream)}"


def _safe(name: str) -> str:
    """Returns a name as an id; where that changes it, a part of its hash keeps it apart."""
    safe = re.sub(r"[^a-zA-Z0-9_-]", "_", name)[:_LONGEST_ID]
    if safe == name:
        return safe
    return f"{safe}_{hashlib.sha256(name.encode(errors='surrogatepass')).hexdigest()[:8]}"


def _entity(platform: str, name: str, what: str) -> str:
    """Returns an entity's id; Home Assistant adds a number where two are the same."""
    words = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "kad"
    return f"{platform}.{words}_{what}"


def _origin() -> dict[str, str]:
    return {"name": "kad", "sw": __version__}
