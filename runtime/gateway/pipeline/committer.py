"""The committer: records onto the disk, then messages acknowledged, then on to the scorer."""

import time
from collections.abc import Sequence
from dataclasses import replace

from runtime.errors import JournalError
from runtime.gateway.journal.journal import Journal
from runtime.gateway.operate.families import Families
from runtime.gateway.operate.logs import Log
from runtime.gateway.operate.watchdog import Worker
from runtime.gateway.pipeline.queues import Batches
from runtime.gateway.pipeline.tick import Tick
from runtime.gateway.records import Record

__all__ = ["Committer"]

_WAIT_S = 0.5
_RETRY_S = 1.0
_MOST_ROWS = 20_000
"""Rows of one commit."""
_MOST_UNWRITTEN = 200_000
"""Rows and records that are scored although the disk refuses them; then it waits, or drops."""


class Committer:
    """Takes ticks, makes them durable, acknowledges, and hands records on with their sequence.

    Where the disk refuses, records are scored all the same, and their messages stay
    unacknowledged: a broker keeps them. It tries again until the disk is back.

    Args:
        ticks: From the reader.
        records: To the scorer: sequence and record.
        journal: None: nothing is made durable, and messages are acknowledged at once.
        start: The sequence before the next record, where there is no journal.
        drops: What happens beyond the bound of unwritten rows: True: acknowledged and counted as
            dropped from the journal; False: it waits.
        worker: Where progress is said.
        families: The metrics.
        say: The log.
    """

    def __init__(
        self,
        ticks: Batches[Tick],
        records: Batches[tuple[int, Record]],
        *,
        journal: Journal | None,
        start: int,
        drops: bool,
        worker: Worker,
        families: Families,
        say: Log,
    ) -> None:
        self._ticks, self._records = ticks, records
        self._journal, self._drops = journal, drops
        self._last = journal.last if journal is not None else start
        self._worker, self._families, self._say = worker, families, say
        self._unwritten: list[Tick] = []
        self._retry_at = 0.0
        self.trouble = ""
        """Why nothing can be made durable now; empty: all is well."""

    def run(self) -> None:
        """Works until the reader has closed the ticks and all of them are through."""
        while not self._ticks.ended:
            self._worker.beat()
            ticks = self._ticks.take(_MOST_ROWS, timeout_s=_WAIT_S)
            if self._unwritten:
                self._try_again()
            if not ticks:
                continue
            first = self._last + len(self._unwritten) + 1
            self._unwritten += ticks
            if not self.trouble:
                self._write()
            for sequence, tick in enumerate(ticks, first):
                self._hand_on(sequence, tick)
            self._bound()
        self._try_again()
        self._records.close()
        self._worker.end()

    def _hand_on(self, sequence: int, tick: Tick) -> None:
        while not self._records.put((sequence, tick.record), tick.weight, timeout_s=_WAIT_S):
            self._worker.beat()

    def _write(self) -> None:
        """Makes what is unwritten durable and acknowledges it; `trouble` where the disk refuses."""
        ticks = self._unwritten
        if self._journal is not None:
            started = time.perf_counter()
            try:
                with self._worker.outside("the disk"):
                    last = self._journal.append_many(
                        [tick.payload for tick in ticks], [tick.record.samples for tick in ticks]
                    )
            except JournalError as error:
                self._refused(str(error))
                return
            if last != self._last + len(ticks):
                raise JournalError(
                    f"The journal must go on with sequence {self._last + 1}: so it was scored. "
                    f"Received: {last - len(ticks) + 1}. A start from the journal mends it."
                )
            self._last = last
            self._families.fsync.observe(time.perf_counter() - started)
            self._families.journal_bytes.set(self._journal.bytes)
        else:
            self._last += len(ticks)
        if self.trouble:
            self.trouble = ""
            self._say.info("journal", "The journal is written again.", last=self._last)
        self._acknowledge(ticks)
        self._unwritten = []

    def _refused(self, why: str) -> None:
        self._say.error("journal", f"{why} Scoring goes on, nothing is acknowledged.")
        self.trouble = why
        self._retry_at = time.monotonic() + _RETRY_S

    def _try_again(self) -> None:
        if self._unwritten and (self._ticks.ended or time.monotonic() >= self._retry_at):
            self._write()

    def _bound(self) -> None:
        """Waits for the disk, or drops, where too much is unwritten."""
        if self._drops:
            self._drop(sum(tick.weight for tick in self._unwritten) - _MOST_UNWRITTEN)
            return
        while sum(tick.weight for tick in self._unwritten) > _MOST_UNWRITTEN:
            self._worker.beat()
            time.sleep(_RETRY_S)
            self._try_again()

    def _drop(self, most: int) -> None:
        """Gives up the oldest unwritten rows, at least so many; the rest of their records stays.

        All messages up to theirs are acknowledged: those of the front.
        """
        for at, tick in enumerate(self._unwritten):
            if most <= 0:
                return
            samples = tick.record.samples
            self._acknowledge([tick])
            record = replace(tick.record, rows=()) if samples else tick.record
            payload = record.encode() if samples else tick.payload
            self._unwritten[at] = Tick(record=record, payload=payload, messages=())
            if samples:
                self._families.dropped.of("journal").inc(samples)
                most -= samples

    @staticmethod
    def _acknowledge(ticks: Sequence[Tick]) -> None:
        for tick in ticks:
            for source, messages in tick.messages:
                source.acknowledge(messages)
