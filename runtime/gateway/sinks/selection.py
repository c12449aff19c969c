"""Which scores are worth a message."""

import numpy as np
import numpy.typing as npt

from runtime.gateway.outputs import ScoredRows
from runtime.gateway.sinks.options import Publishing

__all__ = ["Selection"]


class Selection:
    """Chooses steps by a publishing policy; it remembers what of each stream went out last.

    Args:
        options: The policy.
    """

    def __init__(self, options: Publishing) -> None:
        self._options = options
        self._heartbeat_ns = int(options.heartbeat_s * 1e9)
        self._since: dict[str, int] = {}
        self._last: dict[str, tuple[bool, int, bool, float, int]] = {}

    def chosen(self, scored: ScoredRows) -> npt.NDArray[np.intp]:
        """Returns the numbers of the steps to publish, in order: intp (chosen,)."""
        if self._options.scores == "change":
            return self._changed(scored)
        if self._options.scores == "nth":
            return self._every_nth(scored)
        return np.arange(len(scored.names))

    def forget(self, stream: str) -> None:
        """Forgets a stream that is gone."""
        self._since.pop(stream, None)
        self._last.pop(stream, None)

    def _every_nth(self, scored: ScoredRows) -> npt.NDArray[np.intp]:
        chosen, since, n = [], self._since, self._options.n
        for step, name in enumerate(scored.names):
            count = since.get(name, 0)
            if count == 0:
                chosen.append(step)
            since[name] = (count + 1) % n
        return np.array(chosen, np.intp)

    def _changed(self, scored: ScoredRows) -> npt.NDArray[np.intp]:
        chosen, lasts, least = [], self._last, self._options.step
        scores = scored.scores
        columns = zip(
            scored.names,
            scores.alarm.tolist(),
            scored.quality.tolist(),
            scored.warm.tolist(),
            scores.severity.tolist(),
            scores.times_ns.tolist(),
            strict=True,
        )
        for step, (name, *now) in enumerate(columns):
            last = lasts.get(name)
            if last is not None and now[:3] == [*last[:3]]:
                severity, before = now[3], last[3]
                same = abs(severity - before) <= least or severity == before
                same = same or (severity != severity and before != before)  # noqa: PLR0124 - NaN
                if same and 0 <= now[4] - last[4] < self._heartbeat_ns:
                    continue
            lasts[name] = (now[0], now[1], now[2], now[3], now[4])
            chosen.append(step)
        return np.array(chosen, np.intp)
