"""Who speaks: streams that fall silent, are put aside, and speak again."""

import threading
from collections.abc import Iterable, Mapping

from runtime.gateway.config.options import GatewayOptions
from runtime.gateway.records import NewStream
from runtime.gateway.rules.silence import Listening, SilenceRules

__all__ = ["Speakers"]

_PERIODS = 3
_MOST = 10**7


class Speakers:
    """Knows when each stream was last heard, and who is put aside. Thread-safe.

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
        longest = max((_PERIODS * period for period in slowest_s.values()), default=0.0)
        silent_s = max(options.silent_after_s, longest)
        # A stream is said to be silent before it is put aside.
        evict_s = max(options.evict_after_s, 2 * silent_s) if options.evict_after_s else None
        self._listening = Listening(SilenceRules(silent_s=silent_s, evict_s=evict_s, most=_MOST))
        self._lock = threading.Lock()
        self._aside = set(put_aside)
        self._checked_s = now_s
        names = [one.name for one in known if one.name not in self._aside]
        self._listening.heard(names, now_s)

    def heard(self, streams: set[str], now_s: float) -> list[str]:
        """Takes note of streams; returns those that were put aside."""
        with self._lock:
            self._listening.heard(list(streams), now_s)
            back = self._aside & streams if self._aside else ()
            self._aside.difference_update(back)
        return sorted(back)

    def check(self, now_s: float, *, is_deaf: bool = False) -> tuple[list[str], list[str]]:
        """Returns the streams that are newly silent, and those to be put aside.

        Args:
            now_s: The monotonic clock.
            is_deaf: Nothing could be heard since the last call, as without the broker: that time
                is nobody's silence.
        """
        with self._lock:
            if is_deaf:
                self._listening.excuse(now_s - self._checked_s)
            self._checked_s = now_s
            silent, evicted = self._listening.check(now_s), self._listening.evict(now_s)
            self._aside.update(evicted)
        return silent, evicted
