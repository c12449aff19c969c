"""When a snapshot is taken, and how much of it in a turn: scoring goes on meanwhile."""

import time
from collections.abc import Sequence

from runtime.gateway.engine.cut import Cut
from runtime.gateway.engine.engine import Engine
from runtime.gateway.operate.families import Families
from runtime.gateway.pipeline.keeper import Keeper
from runtime.gateway.pipeline.kept import pending_parts
from runtime.gateway.protocols import Sink

__all__ = ["Snapshotter"]

_TURN_S = 0.01
"""So long parts are cut in a turn: the longest that rows wait for a snapshot, about."""
_AGAIN_S = 15.0
"""Behind a snapshot that failed, the next."""
_MOST_TRIES = 5
"""A cut that is upset so often in a row is made at once: then nothing can."""


class Snapshotter:
    """Cuts snapshots of the engine, some parts a turn. In the thread of the scorer.

    Args:
        keeper: Writes them.
        sinks: What they have not delivered is in it.
        every_s: From one to the next.
        header: Plain data that says what it is.
        families: The metrics.
    """

    def __init__(
        self,
        keeper: Keeper,
        sinks: Sequence[Sink],
        *,
        every_s: float,
        header: dict[str, str],
        families: Families,
    ) -> None:
        self._keeper, self._sinks = keeper, sinks
        self._every_s, self._header, self._families = every_s, header, families
        self._next_s = time.monotonic() + every_s
        self._cut: Cut | None = None
        self._tries = 0
        self.sequence = 0
        """Of the last record that is in the newest one."""

    def soon(self) -> None:
        """Lets the next one be due at once."""
        self._next_s = time.monotonic()

    def turn(self, engine: Engine) -> None:
        """Does a part of the work, where there is any."""
        now = time.monotonic()
        if self._cut is not None and not (self._keeper.busy and self._cut.is_sound):
            # The disk refused, or streams were changed: then the next one begins at once.
            if not self._cut.is_sound:
                self._next_s = now
            self._give_up()
        if self._cut is None:
            due_s = self._next_s
            if self._keeper.trouble:
                due_s += min(0.0, _AGAIN_S - self._every_s)
            if now < due_s or self._keeper.busy:
                return
            self._next_s = now + self._every_s
        cut = self._cut or self._begin(engine)
        self._go_on(engine, cut, time.perf_counter() + _TURN_S)

    def whole(self, engine: Engine, timeout_s: float) -> None:
        """Takes one at once, and waits for it; one that is being cut is given up."""
        self.end(timeout_s)
        if not self._keeper.busy:
            self._go_on(engine, self._begin(engine), None)
            self._keeper.finish(timeout_s)

    def end(self, timeout_s: float) -> None:
        """Gives up one that is being cut, and waits for one that is whole."""
        self._give_up()
        self._keeper.finish(timeout_s)

    def _begin(self, engine: Engine) -> Cut:
        self._tries += 1
        self._cut = engine.cut()
        self._keeper.begin(self._cut.begun)
        return self._cut

    def _give_up(self) -> None:
        if self._cut is not None:
            self._cut.upset()
            self._cut = None
            self._keeper.abandon()

    def _go_on(self, engine: Engine, cut: Cut, until_s: float | None) -> None:
        started = time.perf_counter()
        is_urgent = until_s is None or self._tries > _MOST_TRIES
        while not cut.is_whole:
            self._keeper.add(cut.next())
            if not is_urgent and (self._keeper.is_full or time.perf_counter() >= (until_s or 0.0)):
                break
        if cut.is_whole:
            pending = pending_parts(self._sinks)
            self._keeper.add([(name, engine.sequence, blob) for name, blob in pending])
            self._keeper.commit(self._header, engine.put_aside)
            self.sequence, self._cut, self._tries = engine.sequence, None, 0
        self._families.snapshot_part.observe(time.perf_counter() - started)
