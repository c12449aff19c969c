"""Who speaks: streams that fall silent, are put aside, and speak again."""

import threading
from collections.abc import Iterable, Mapping

from runtime.gateway.config.options import GatewayOptions
from runtime.gateway.records import NewStream

__all__ = ["Speakers"]

_PERIODS = 3


class Speakers:
    """Knows when each stream was last heard, by the monotonic clock.

    Args:
        options: After what time a stream is silent, and put aside.
        slowest_s: Period of each model, by key.
        known: Streams from before a restart; they count as heard now.
        put_aside: Those of them that are put aside.
        now_s: The monotonic clock.
    """

    def __init__(
        self,
        options: GatewayOptions,
        *,
        slowest_s: Mapping[str, float],
        known: Iterable[NewStream],
        put_aside: Iterable[str],
        now_s: float,
    ) -> None:
        self._evict_s = options.evict_after_s
        longest = max((_PERIODS * period for period in slowest_s.values()), default=0.0)
        self._silent_s = max(options.silent_after_s, longest)
        self._lock = threading.Lock()
        self._aside = set(put_aside)
        self._heard = {one.name: now_s for one in known if one.name not in self._aside}
        self._silent: set[str] = set()

    def heard(self, streams: set[str], now_s: float) -> list[str]:
        """Takes note of streams; returns those that were put aside."""
        with self._lock:
            self._heard.update(dict.fromkeys(streams, now_s))
            if self._silent:
                self._silent -= streams
            back = self._aside & streams if self._aside else ()
            self._aside.difference_update(back)
        return sorted(back)

    def check(self, now_s: float) -> tuple[list[str], list[str]]:
        """Returns the streams that are newly silent, and those to be put aside."""
        with self._lock:
            quiet = [
                (name, now_s - at)
                for name, at in self._heard.items()
                if now_s - at >= self._silent_s
            ]
            silent = [name for name, _ in quiet if name not in self._silent]
            self._silent.update(silent)
            evicted = [name for name, since in quiet if self._evict_s and since >= self._evict_s]
            for name in evicted:
                del self._heard[name]
                self._silent.discard(name)
            self._aside.update(evicted)
        return silent, evicted
