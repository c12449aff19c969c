"""The reader: messages of all sources to one record a tick."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from runtime.gateway.operate.families import Families
from runtime.gateway.operate.watchdog import Worker
from runtime.gateway.pipeline.controls import Controls
from runtime.gateway.pipeline.intake import Gathered, Intake
from runtime.gateway.pipeline.models import Roster
from runtime.gateway.pipeline.queues import Batches
from runtime.gateway.pipeline.tick import Read, Tick
from runtime.gateway.protocols import Source
from runtime.gateway.records import NewStream, Record, Rows
from runtime.gateway.samples import Message

__all__ = ["Input", "Reader"]

_MOST_ROWS = 2_000
"""Rows of a record."""
_MOST_MESSAGES = 2_000
"""Messages of one look at a source."""
_WAIT_S = 0.02
"""So long one of several sources is waited for."""


@dataclass(frozen=True, slots=True)
class Input:
    """A source, and how its messages are read."""

    source: Source
    intake: Intake


class Reader:
    """Reads all sources until they end or `stop` is called.

    Args:
        inputs: The sources.
        ticks: To the committer.
        roster: Streams and models.
        controls: What others put into records.
        tick_s: So long messages gather for a record.
        durable: Whether records are made bytes, for a journal.
        heard: Takes the streams of a tick and the monotonic clock; returns those of them that
            were put aside.
        wall_ns: The wall clock for arrivals: it never goes back.
        ahead_ns: How far that one is before the wall clock that messages were stamped by.
        clock_is_set: Whether the wall clock can be believed.
        may_repeat: Whether rows may have been scored in an earlier life that no journal has: those
            of messages that brokers bring again at first.
        past_of: Returns the past of a new stream, see `Pasts`.
        worker: Where progress is said.
        families: The metrics.
    """

    def __init__(
        self,
        inputs: Sequence[Input],
        ticks: Batches[Tick],
        *,
        roster: Roster,
        controls: Controls,
        tick_s: float,
        durable: bool,
        heard: Callable[[set[str], float], Sequence[str]],
        wall_ns: Callable[[], int],
        ahead_ns: Callable[[], int] = lambda: 0,
        clock_is_set: Callable[[], bool],
        may_repeat: bool = False,
        past_of: Callable[[NewStream], Rows | None],
        worker: Worker,
        families: Families,
    ) -> None:
        self._inputs, self._ticks, self._roster = inputs, ticks, roster
        self._controls, self._tick_s, self._durable = controls, tick_s, durable
        self._past_of = past_of
        self._bring_again = {one.source.name for one in inputs} if may_repeat else set()
        """Sources that have brought nothing yet but what they may have brought before."""
        self._repeats = False
        self._heard, self._wall_ns, self._clock_is_set = heard, wall_ns, clock_is_set
        self._ahead_ns = ahead_ns
        self._worker, self._families = worker, families
        self._gathered = Gathered(roster)
        self._messages: list[Read] = []
        self._stopped = False
        self._last_s: float | None = None

    def stop(self) -> None:
        """Lets it end after what it has read; from any thread."""
        self._stopped = True

    @property
    def ended(self) -> bool:
        """Whether no source will bring any more."""
        return all(one.source.ended for one in self._inputs)

    def run(self) -> None:
        """Works until the sources have ended, or it was stopped."""
        while not self._stopped and not self.ended:
            self._worker.beat()
            self._gather(time.monotonic() + self._tick_s)
            self._hand_on()
        if self.ended:
            for one in self._inputs:
                one.intake.end(self._gathered)
        self._hand_on()
        self._ticks.close()
        self._worker.end()

    def _gather(self, until_s: float) -> None:
        """Reads until the tick is over, or full."""
        while not self._stopped and self._gathered.count < _MOST_ROWS:
            left = until_s - time.monotonic()
            if left <= 0 or self.ended:
                return
            wait = left if len(self._inputs) == 1 else min(left, _WAIT_S)
            for one in self._inputs:
                messages = one.source.receive(_MOST_MESSAGES, wait)
                if messages:
                    now_s = time.monotonic()
                    if self._bring_again:
                        self._note_repeats(one.source.name, messages)
                    now_ns = self._wall_ns()
                    one.intake.take(
                        messages,
                        self._gathered,
                        now_s=now_s,
                        now_ns=now_ns,
                        ahead_ns=self._ahead_ns(),
                    )
                    self._messages.append((one.source, messages))
        for one in self._inputs:
            one.intake.due(self._gathered, time.monotonic())

    def _note_repeats(self, name: str, messages: Sequence[Message]) -> None:
        """Takes note of messages that came before: they come first, then none does."""
        for message in messages:
            if name in self._bring_again and message.again:
                self._repeats = True
            elif not message.retained:
                self._bring_again.discard(name)

    def _hand_on(self) -> None:
        """Makes a record of what has gathered, and hands it on; waits where there is no room."""
        wanted, now_s = self._controls.take(), time.monotonic()
        streams = set(self._gathered.streams())
        restored = self._heard(streams, now_s) if streams else ()
        evicted = [name for name in wanted.evicted if name not in streams]
        self._roster.put_aside(evicted)
        if evicted:
            for one in self._inputs:
                one.intake.decoder.forget(evicted)
        self._roster.back(restored)
        rows = self._gathered.take()
        new = self._roster.take_new()
        record = Record(
            settings=None if wanted.settings is None else wanted.settings.to_json(),
            new=new,
            past=[past for stream in new if (past := self._past_of(stream)) is not None],
            restored=restored,
            commands=wanted.commands,
            rows=rows,
            parts=[part for one in self._inputs for part in one.intake.changed_parts()],
            silent=[name for name in wanted.silent if name not in streams],
            evicted=evicted,
            acknowledged=wanted.acknowledged,
            repeat=self._repeats,
            time_ns=time.time_ns(),
            elapsed_s=0.0 if self._last_s is None else round(now_s - self._last_s, 3),
            started=self._last_s is None,
            clock_is_set=self._clock_is_set(),
        )
        if record.is_empty and not self._messages:
            return
        self._last_s, self._repeats = now_s, False
        payload = record.encode() if self._durable else b""
        tick = Tick(record=record, payload=payload, messages=self._messages)
        self._messages = []
        self._families.queue.of("ticks").set(self._ticks.weight)
        while not self._ticks.put(tick, tick.weight, timeout_s=1.0):
            self._worker.beat()
