"""The gateway: its workers, their start, their supervision and their end."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from runtime.counted import counted
from runtime.gateway.engine.engine import Engine
from runtime.gateway.operate.clocks import Clocks
from runtime.gateway.operate.families import Families
from runtime.gateway.operate.logs import Log
from runtime.gateway.operate.status import Overview, StreamHistory
from runtime.gateway.operate.systemd import Notifier
from runtime.gateway.operate.watchdog import Watchdog
from runtime.gateway.outputs import Outputs
from runtime.gateway.pipeline.board import Board
from runtime.gateway.pipeline.committer import Committer
from runtime.gateway.pipeline.controls import Controls
from runtime.gateway.pipeline.figures import Figures
from runtime.gateway.pipeline.intake import Intake
from runtime.gateway.pipeline.keeper import Keeper
from runtime.gateway.pipeline.kept import Kept
from runtime.gateway.pipeline.library import Models
from runtime.gateway.pipeline.models import Roster
from runtime.gateway.pipeline.pasts import Pasts
from runtime.gateway.pipeline.queues import Batches
from runtime.gateway.pipeline.reader import Input, Reader
from runtime.gateway.pipeline.scorer import Scorer
from runtime.gateway.pipeline.setup import Setup, units_of
from runtime.gateway.pipeline.silence import Speakers
from runtime.gateway.pipeline.snapshotter import Snapshotter
from runtime.gateway.pipeline.swapper import Swapper
from runtime.gateway.pipeline.tick import Tick
from runtime.gateway.protocols import Resuming
from runtime.gateway.records import Record
from runtime.gateway.sources.replay import ReplaySource
from runtime.version import __version__

__all__ = ["Gateway"]

_TICK_ROWS, _RECORD_ROWS = 20_000, 20_000
_LOOK_S = 0.2
_END_S = 4.5
_DRAIN_S, _SNAPSHOT_S = 1.0, 1.0
_EXTEND_S = 60.0


class Gateway:
    """Reads, scores and publishes until it is stopped or its sources end.

    Args:
        setup: What it is made of.
        kept: Its state folder.
        say: The log.
        families: The metrics.
        clocks: The wall clock.
        notifier: Systemd.
    """

    def __init__(
        self,
        setup: Setup,
        kept: Kept,
        *,
        say: Log,
        families: Families,
        clocks: Clocks,
        notifier: Notifier,
    ) -> None:
        self._setup, self._kept = setup, kept
        self._say, self._families = say, families
        self._clocks, self._notifier = clocks, notifier
        self._stopping = threading.Event()
        self._failures: list[tuple[str, BaseException]] = []
        self.watchdog = Watchdog()
        self.controls = Controls()
        self.board = Board(
            setup.options.name,
            __version__,
            channels={one.key: one.channels for one in setup.choices},
            periods_ns={one.key: round(one.period_s * 1e9) for one in setup.choices},
            units=units_of(setup.detectors),
            families=families,
        )
        self.models = Models(kept.folder / "models", threads=setup.options.threads, say=say)
        for key, detector in setup.detectors.items():
            self.models.keep(detector, setup.files[key])
        self.engine = Engine(
            self.models,
            setup.settings,
            aside=kept.aside,
            trouble=say.warning,
            history=kept.history,
        )
        self.swapper = Swapper(
            self.engine,
            models=self.models,
            journal=kept.journal,
            history=kept.history,
            controls=self.controls,
            families=families,
            say=say,
        )
        self.every_second: Callable[[], None] = lambda: None
        """What else is done once a second, in the main thread."""
        self.on_answers: Callable[[Sequence[tuple[str, str]]], None] = lambda _: None
        """Takes answers to commands, in the scorer's thread."""
        self._keeper = Keeper(
            kept.snapshots, journal=kept.journal, aside=kept.aside, families=families, say=say
        )
        self._snapshotter = Snapshotter(
            self._keeper,
            setup.sinks,
            every_s=setup.journal.snapshot_s,
            header={"gateway": setup.options.name, "version": __version__},
            families=families,
        )
        self._figures = Figures(
            sinks=setup.sinks,
            detectors=setup.detectors,
            budgets=setup.budgets,
            settings=setup.settings,
            board=self.board,
            watchdog=self.watchdog,
            clocks=clocks,
            families=families,
        )
        self._is_whole = False
        self.started = False
        """The journal was replayed, and samples are taken."""

    def stop(self) -> None:
        """Lets it end, calmly; from any thread or a signal handler."""
        self._stopping.set()

    def run(self) -> int:
        """Works until it is stopped or its sources end.

        Returns:
            The exit code: 0 ended as asked, 1 a worker failed.
        """
        self._build()
        self._replay()
        threads = [self._thread(one) for one in (self._reader, self._committer, self._scorer)]
        self.started = True
        self._notifier.ready(counted(len(self.engine.streams), "stream"))
        self._say.info("start", "The gateway runs.", streams=len(self.engine.streams))
        next_beat_s = 0.0
        while not self._stopping.wait(_LOOK_S) and any(t.is_alive() for t in threads):
            now = time.monotonic()
            if now >= next_beat_s:
                next_beat_s = now + 1.0
                self._look_after()
            if self._failures:
                break
        self._end(threads)
        self._say.info("end", "The gateway has ended.", sequence=self.engine.sequence)
        for name, error in self._failures:
            self._say.error("worker", f"The {name} failed: {type(error).__name__}: {error}")
        return 1 if self._failures else 0

    @property
    def is_kept(self) -> bool:
        """Whether all that was scored is on the disk, now that it has ended."""
        return self._is_whole and not self._failures and not self._committer.trouble

    def healthy(self) -> Sequence[str]:
        """Returns why the process should be started again."""
        failed = [f"The {name} failed: {error}" for name, error in self._failures]
        return [*failed, *self.watchdog.standing()]

    def ready(self) -> Sequence[str]:
        """Returns why no sample can be scored and published now."""
        if not self.started:
            return ["The journal is being replayed."]
        parts: list[tuple[str, str]] = [
            (f"source {source.name}", source.trouble) for source, _ in self._setup.sources
        ]
        parts += [(f"sink {sink.name}", sink.trouble) for sink in self._setup.sinks]
        parts += [("journal", self._committer.trouble), ("snapshots", self._keeper.trouble)]
        return [
            *(f"{name}: {trouble}" for name, trouble in parts if trouble),
            *self.watchdog.waiting(),
        ]

    @property
    def columns(self) -> Mapping[str, tuple[str, ...]]:
        """Channels and extras of each model, as the reader brings them."""
        return {one.key: one.columns for one in self._setup.choices}

    def overview(self) -> Overview:
        """Returns how all streams are; of files that are replayed there is no lag."""
        found = self.board.overview()
        if all(isinstance(source, ReplaySource) for source, _ in self._setup.sources):
            return replace(found, lag_s=float("nan"))
        return found

    def history(self, stream: str) -> StreamHistory | None:
        """Returns the last hours of a stream."""
        return self.board.stream(stream)

    def _build(self) -> None:
        setup, families = self._setup, self._families
        self._kept.restore(self.engine, self._say)
        pending = self._kept.pending()
        for sink in setup.sinks:
            if isinstance(sink, Resuming) and sink.name in pending:
                sink.resume(pending[sink.name])
        journal = self._kept.journal
        self._repeat_to = journal.last if journal is not None else 0
        self._ticks = Batches[Tick](_TICK_ROWS)
        self._records = Batches[tuple[int, Record]](_RECORD_ROWS)
        self._scorer = Scorer(
            self._records,
            self.engine,
            setup.sinks,
            controls=self.controls,
            repeat_to=self._repeat_to,
            acknowledged={
                **self.engine.acknowledged,
                **self._kept.acknowledged(self.engine.sequence),
            },
            watch=self._see,
            look=self.board.look_at,
            snapshot=self._snapshotter.turn,
            worker=self.watchdog.worker("scorer"),
            families=families,
        )

    def _replay(self) -> None:
        """Brings the engine from the snapshot to the end of the journal; makes the reader."""
        journal, replayed = self._kept.journal, 0
        for some in self._kept.behind(self.engine.sequence, self._say):
            self._notifier.extend(_EXTEND_S)
            self._scorer.take(some)
            replayed += sum(record.samples for _, record in some)
        if journal is not None:
            self._families.replayed.inc(replayed)
            for note in journal.notes:
                self._say.warning("journal", note)
            if journal.lost or journal.lost_samples:
                self._families.dropped.of("journal").inc(journal.lost_samples)
                self._say.error(
                    "journal",
                    f"{counted(journal.lost, 'record')} with "
                    f"{counted(journal.lost_samples, 'row')} of the journal "
                    "could not be read: those rows are lost, unless a broker brings them again.",
                )
        if replayed:
            self._say.info("replay", "Rows were scored again from the journal.", rows=replayed)
            # Who falls again before the next one is due has no more to score than now.
            self._snapshotter.soon()
        self._make_reader()
        wanted = self._setup.settings
        if self.engine.settings.as_configured().to_json() != wanted.to_json():
            # The configuration has changed while the process was away: it holds before any row.
            self._notifier.extend(_EXTEND_S)
            self.swapper.prepare(lambda _: wanted)

    def _make_reader(self) -> None:
        setup, families, say = self._setup, self._families, self._say
        roster = Roster(
            setup.choices,
            known=self.engine.registry.values(),
            most=setup.options.max_streams,
            put_aside=self.engine.put_aside,
        )
        now_s = time.monotonic()
        self._speakers = Speakers(
            setup.options,
            slowest_s={one.key: one.period_s for one in setup.choices},
            known=self.engine.streams.values(),
            put_aside=self.engine.put_aside,
            now_s=now_s,
        )
        pasts = Pasts(
            setup.pasts,
            metadata={key: detector.metadata for key, detector in setup.detectors.items()},
            extras={one.key: len(one.extras) for one in setup.choices},
            say=say,
        )
        inputs = []
        for source, payload in setup.sources:
            intake = Intake(
                source.name,
                payload,
                roster,
                families,
                say,
                clock_is_set=lambda: not self._clocks.trouble,
            )
            intake.restore(list(self.engine.parts.values()), now_s)
            inputs.append(Input(source, intake))
        self._reader = Reader(
            inputs,
            self._ticks,
            roster=roster,
            controls=self.controls,
            tick_s=setup.options.tick_s,
            durable=setup.is_durable,
            heard=self._speakers.heard,
            wall_ns=self._clocks.arrival_ns,
            ahead_ns=lambda: self._clocks.ahead_ns,
            clock_is_set=lambda: not self._clocks.trouble,
            may_repeat=setup.may_repeat,
            past_of=pasts.of,
            worker=self.watchdog.worker("reader"),
            families=families,
        )
        self._committer = Committer(
            self._ticks,
            self._records,
            journal=self._kept.journal,
            start=self.engine.sequence,
            drops=setup.journal.when_full == "drop-oldest",
            worker=self.watchdog.worker("committer"),
            families=families,
            say=say,
        )

    def _thread(self, worker: Any) -> threading.Thread:
        name = type(worker).__name__.lower()
        thread = threading.Thread(target=self._guarded(name, worker.run), name=name, daemon=True)
        thread.start()
        return thread

    def _guarded(self, name: str, run: Callable[[], None]) -> Callable[[], None]:
        def guarded() -> None:
            try:
                run()
            except BaseException as error:  # noqa: BLE001 - said, and the process ends
                self._failures.append((name, error))
                self._stopping.set()

        return guarded

    def _see(self, outputs: Outputs) -> None:
        self.board.see(outputs)
        if outputs.answers:
            self.on_answers(outputs.answers)

    def _look_after(self) -> None:
        """What is done once a second, in the main thread."""
        self._clocks.check()
        self.every_second()
        silent, evicted = self._speakers.check(
            time.monotonic(), is_deaf=any(source.trouble for source, _ in self._setup.sources)
        )
        if silent:
            self.controls.silent(silent)
            self._say.warning(
                "silent", f"{counted(len(silent), 'stream')} fell silent, as {silent[0]}."
            )
        if evicted:
            self.controls.evict(evicted)
        self._figures.look(records=self._records.weight)
        self._notifier.watchdog(progressed=not self.healthy())
        self._say.flush()

    def _end(self, threads: Sequence[threading.Thread]) -> None:
        """Ends calmly: what was read is scored, the state kept, the sinks told."""
        until = time.monotonic() + _END_S
        self._notifier.stopping()
        self.swapper.stop()
        self._scorer.hurry()
        self._reader.stop()
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))
        is_over = self._reader.ended and not self._failures
        alive = [thread.name for thread in threads if thread.is_alive()]
        self._is_whole = not alive
        if alive:
            self._say.error(
                "end",
                f"The {', '.join(alive)} did not end in time: what they had is in the journal, or "
                "with the broker.",
            )
            self._snapshotter.end(0.0)
        else:
            self._stopping.set()
            self._snapshotter.end(max(0.0, until - time.monotonic()))
            if is_over:
                self._scorer.flush()
            is_new = is_over or self.engine.sequence != self._snapshotter.sequence
            if not self._failures and is_new:
                self._drain(min(until - _SNAPSHOT_S, time.monotonic() + _DRAIN_S))
                self._snapshotter.whole(self.engine, max(1.0, until - time.monotonic()))
        for sink in self._setup.sinks:
            sink.close(max(0.5, (until - time.monotonic()) / max(1, len(self._setup.sinks))))
        for source, _ in self._setup.sources:
            source.close(0.5)
        self._say.flush(everything=True)

    def _drain(self, until: float) -> None:
        """Lets sinks deliver, so that the snapshot has little to keep for them."""
        for sink in self._setup.sinks:
            sink.tick()
            while sink.waiting and not sink.trouble and time.monotonic() < until:
                time.sleep(0.02)
                sink.tick()
