"""`python -m runtime score`: a file or stdin to scores and events."""

import argparse
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from runtime.alarms.budget import event_threshold
from runtime.alarms.monitor import Monitor, Observed
from runtime.cli.say import say
from runtime.cli.source import Rows, open_rows
from runtime.clock.counts import GridCounts
from runtime.clock.grid import FILE_REMEMBER, LIVE_REMEMBER
from runtime.clock.said import describe, judge
from runtime.clock.timestamps import TimeStyle
from runtime.counted import counted
from runtime.errors import InputError, KadError
from runtime.files import check_outputs, open_output
from runtime.interrupt import Interruptible
from runtime.model.detector import Detector
from runtime.model.policy import OPTIONS, AlarmPolicy
from runtime.model.schema import Metadata
from runtime.standard import forget_stdout
from runtime.streams.scores import Scores
from runtime.tables.writers import EventWriter, Format, ScoreWriter


def run_score(args: argparse.Namespace) -> int:
    """Scores a file or stdin; a signal ends it with all rows so far written."""
    if args.output is None and args.events is None:
        args.output = "-"
    if args.output == "-" and args.events == "-":
        raise InputError("Only one of the outputs can be stdout. Received: - for both.")
    check_outputs(
        {"-o": args.output, "--events": args.events},
        inputs={"the detector": args.model, "the data": args.data},
    )
    detector = Detector(args.model, threads=args.threads)
    live = args.data == "-"
    policy, threshold = _alarm(args, detector.metadata)
    reorder = args.reorder
    if reorder is None:
        reorder = 0 if live else detector.metadata.reorder
    remember = LIVE_REMEMBER if live else FILE_REMEMBER
    monitor = Monitor(
        detector, reorder=reorder, threshold=threshold, policy=policy, remember=remember
    )
    with ExitStack() as stack:
        reader = stack.enter_context(open_rows(args, detector))
        # Signals strike again only after the files below have been put in place.
        breaker = stack.enter_context(Interruptible())
        job = _Job(
            monitor=monitor,
            output=stack.enter_context(open_output(args.output)) if args.output else None,
            events_output=stack.enter_context(open_output(args.events)) if args.events else None,
            form=args.format,
        )
        rows = Rows(reader, detector)
        for block in breaker.iterate(iter(rows)):
            if job.started is None:
                job.start(detector.channels, reader.style)
            job.take(monitor.push_many(*block))
            if job.reader_gone:
                break
        if job.started is None:
            # Interrupted before the first row: no output.
            raise _NothingReadError(breaker.exit_code)
        job.take(monitor.finish())
        if not (breaker.interrupted or job.reader_gone):
            _judge(monitor.counts, job.longest, detector, live=live, name=reader.name)
            rows.say_read()
    for sentence in describe(monitor.counts, monitor.incidents):
        say(f"note: {sentence}")
    say(job.summary())
    return breaker.exit_code


def _alarm(args: argparse.Namespace, meta: Metadata) -> tuple[AlarmPolicy, float]:
    """Returns the file's policy and threshold, with what the command line replaces.

    Another budget or policy is another threshold, by the rule that the file's own came from.
    """
    policy = meta.alarm.changed(meta.period_s, **{name: getattr(args, name) for name in OPTIONS})
    if args.threshold is not None:
        return policy, args.threshold
    is_as_filed = policy == meta.alarm or "severest" not in meta.calibration
    if args.false_alarms is None and is_as_filed:
        return policy, meta.threshold
    budget = event_threshold(
        args.false_alarms or meta.false_alarms,
        period_s=meta.period_s,
        calibration=meta.calibration,
        policy=policy,
    )
    if budget.note:
        say(f"note: {budget.note}")
    return policy, budget.threshold


class _NothingReadError(KadError):
    """A signal came before the first row."""

    def __init__(self, exit_code: int) -> None:
        super().__init__("Stopped before the first row. Nothing was written.")
        self.exit_code = exit_code


@dataclass(kw_only=True)
class _Job:
    """One run of `score`: its writers and what it has counted."""

    monitor: Monitor
    output: BinaryIO | None
    events_output: BinaryIO | None
    form: Format
    score_writer: ScoreWriter | None = None
    event_writer: EventWriter | None = None
    reader_gone: bool = False
    steps: int = 0
    longest: int = 0
    piece: int = 0
    alarms: int = 0
    events: int = 0
    started: float | None = None

    def start(self, channels: Sequence[str], style: TimeStyle) -> None:
        self.started = time.perf_counter()
        if self.output is not None:
            self.score_writer = ScoreWriter(self.output, channels, style, self.form)
            self.score_writer.header()
        if self.events_output is not None:
            self.event_writer = EventWriter(self.events_output, style, self.form)
            self.event_writer.header()

    def take(self, observed: Observed) -> None:
        scores, closed = observed
        if self.score_writer is not None:
            self._write(self.score_writer, scores)
        self.steps += len(scores)
        edges = [*np.flatnonzero(scores.restart).tolist(), len(scores)]
        self.longest = max(self.longest, self.piece + edges[0], *np.diff(edges).tolist())
        self.piece = len(scores) - edges[-2] if len(edges) > 1 else self.piece + len(scores)
        self.alarms += int(scores.alarm.sum())
        self.events += len(closed)
        if self.event_writer is not None:
            self.event_writer.write(closed)

    def _write(self, writer: ScoreWriter, scores: Scores) -> None:
        try:
            writer.write(scores)
        except BrokenPipeError:
            # Who reads the scores has gone, as `head` does; the events are kept whole.
            if self.event_writer is None or self.output is not sys.stdout.buffer:
                raise
            forget_stdout()
            self.score_writer, self.reader_gone = None, True

    def summary(self) -> str:
        counts = self.monitor.counts
        seconds = max(time.perf_counter() - (self.started or 0.0), 1e-9)
        return (
            f"{counted(counts.received, 'row')}, {counted(self.steps, 'step')} scored: "
            f"{counts.missing} missing, {counted(counts.duplicates, 'duplicate')}, "
            f"{counts.late} late, {counted(counts.restarts, 'restart')}; "
            f"{counted(self.alarms, 'alarm')} in {counted(self.events, 'event')}, from severity "
            f"{self.monitor.threshold:.2f}; "
            f"{counts.received / seconds:.0f} rows/s"
        )


def _judge(counts: GridCounts, longest: int, detector: Detector, *, live: bool, name: str) -> None:
    """Refuses a file whose scores would mean nothing; warns where they are out already."""
    problem = None
    meta = detector.metadata
    needed = meta.warmup_steps + 1
    if lost := judge(counts, period_s=meta.period_s, name=name):
        problem = lost
    elif longest < needed:
        problem = (
            f"{name} must have at least {counted(needed, 'row')} in one piece: this detector "
            "warms up for "
            f"{counted(needed - 1, 'step')} of {meta.period_s:g} s, again after a gap of more than "
            f"{meta.max_gap_steps}. Received: {counted(counts.received, 'row')}, "
            f"{counted(longest, 'step')} in the longest piece. Give a longer series, or train "
            "for its sampling period."
        )
    if problem and not live:
        raise InputError(problem)
    if problem:
        say(f"warning: {problem}")
