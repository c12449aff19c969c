"""When a client tries again, and in which version of MQTT."""

import random
from collections.abc import Callable

from runtime.gateway.mqtt.options import BrokerOptions
from runtime.gateway.mqtt.reasons import TAKEN_OVER, UNSUPPORTED_VERSION

__all__ = ["Retry"]

_SHORT_ONES = 3
"""So many short connections in a row are no accident: many brokers do not say `TAKEN_OVER`."""

_AT_LEAST_S = 1.0
"""No connection that lived shorter is a good one, however short the pauses."""


class Retry:
    """Pauses between attempts, longer each time, and the version of the next attempt.

    Args:
        options: The broker's.
        chance: Returns a number from 0 to 1.
    """

    def __init__(self, options: BrokerOptions, chance: Callable[[], float] = random.random) -> None:
        self._first, self._longest = options.reconnect_s
        self._chance = chance
        self._delay = self._last = self._first
        self._free = options.version == "auto"
        self._silent = 0
        self._short = 0
        self.version = 4 if options.version == "3.1.1" else 5
        """Of the next attempt: 5, or 4 for 3.1.1."""

    def pause(self) -> float:
        """Returns how long to wait now, seconds: half of it is chance, so that clients disperse."""
        delay = self._last = self._delay
        self._delay = min(2 * delay, self._longest)
        return delay * (0.5 + 0.5 * self._chance())

    def refused(self, code: int) -> bool:
        """Takes a refusal in CONNACK; returns whether to try again at once, in 3.1.1.

        Args:
            code: Reason code of MQTT 5.
        """
        if code == UNSUPPORTED_VERSION and self._free and self.version == 5:
            self.version, self._free = 4, False
            return True
        return False

    def unanswered(self) -> None:
        """Says that the connection ended before CONNACK, as old brokers end it for MQTT 5.

        So does a gate in front of a broker that is down: one attempt in four is in 3.1.1, and
        none where this broker has spoken MQTT 5 before.
        """
        if self._free and self._silent >= 0:
            self._silent += 1
            self.version = 4 if self._silent % 4 == 3 else 5

    def connected(self) -> None:
        """Says that the broker took the connection."""
        if self.version == 5:
            self._silent = -1

    def lost(self, lived_s: float, code: int = 0) -> bool:
        """Takes the end of a connection; returns whether another client may have the same id.

        Args:
            lived_s: How long it was there, seconds.
            code: Reason code of the broker's DISCONNECT; 0: none.
        """
        if self._free:
            self.version = 5
        if code == TAKEN_OVER:
            self._delay = self._longest
            return True
        # Two clients with one id end each other's connection after their pauses.
        steady = lived_s >= 2 * self._last + _AT_LEAST_S
        if steady:
            self._delay = self._first
        self._short = 0 if steady else self._short + 1
        return self._short >= _SHORT_ONES
