"""The command line of the runtime: `python -m runtime info|verify|score`."""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from runtime.alarms.budget import event_threshold
from runtime.alarms.events import EventDetector
from runtime.clock.durations import parse_duration
from runtime.clock.grid import GridCounts
from runtime.clock.timestamps import TimeStyle
from runtime.errors import InputError, KadError
from runtime.files import open_output
from runtime.interrupt import Interruptible
from runtime.model.detector import Detector
from runtime.model.policy import AlarmPolicy
from runtime.model.schema import Metadata
from runtime.model.verify import TOLERANCE, verify
from runtime.streams.stream import Scores, Stream
from runtime.tables.reader import TableReader
from runtime.tables.writers import EventWriter, Format, ScoreWriter

__all__ = ["main"]

_FILE_REORDER = 16
_POLICY = {
    "release": "an event ends below this share of the threshold",
    "merge_gap": "an event goes on where the threshold is met again within this time",
    "min_duration": "shorter events are dropped",
    "max_duration": "longer events end, and what lasts is reported as another; 0: no limit",
    "refractory": "least time from the start of an event to the next one's",
    "cool_down": "least time from the end of an event to the next one's start",
    "habituation": "half-life of the memory of events, which raises the threshold; 0: none",
    "habituation_rise": "share of the threshold that each remembered event adds",
}
_SHARES = ("release", "habituation_rise")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        argv: Arguments. Default: those of the process.

    Returns:
        The exit code: 0 done, 1 the work failed, 2 usage or bad input, 130 interrupted.
    """
    args = _parser().parse_args(argv)
    command: Callable[[argparse.Namespace], int] = args.command
    try:
        return command(args)
    except KadError as error:
        _say(f"error: {' '.join(str(error).split())}")
        return error.exit_code
    except BrokenPipeError:
        # The reader of our output has gone, as `head` does; the interpreter must not complain
        # when it flushes stdout at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        _say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        return 130


def _info(args: argparse.Namespace) -> int:
    detector = Detector(args.model)
    meta = detector.metadata
    if args.json:
        fixed = {"fixed_streams": detector.fixed_streams, "fixed_steps": detector.fixed_steps}
        _print(json.dumps(asdict(meta) | fixed, indent=2, allow_nan=False, ensure_ascii=False))
        return 0
    inputs = [c.name + (f" [{c.unit}]" if c.unit else "") for c in meta.inputs]
    channels = len(meta.channels)
    lines = {
        "detector": f"{meta.detector}, schema {meta.schema}",
        "channels": ", ".join(inputs[:channels]),
        "context": ", ".join(inputs[channels:]) or "none",
        "period": f"{meta.period_s:g} s" + (", rows as they come" if meta.grid == "rows" else ""),
        "warm-up": f"{meta.warmup_steps} steps, again after a gap of more than "
        f"{meta.max_gap_steps} steps",
        "threshold": f"severity {meta.threshold:g} ({meta.false_alarms})",
        "events": meta.alarm.text(meta.period_s),
        "chunks": f"up to {meta.max_steps} steps, {meta.state_size} numbers of state per stream",
        "streams": str(detector.fixed_streams or "any"),
        "steps": str(detector.fixed_steps or "any"),
        "weights": meta.weights_sha256,
    }
    budget = event_threshold(
        meta.false_alarms,
        period_s=meta.period_s,
        calibration=meta.calibration,
        policy=meta.alarm,
    )
    if budget.note:
        lines["note"] = budget.note
    lines |= {f"training {key}": str(value) for key, value in meta.training.items()}
    _print("\n".join(f"{key:<12} {value}" for key, value in lines.items()))
    return 0


def _verify(args: argparse.Namespace) -> int:
    report = verify(args.model)
    for name, gap in report.gaps.items():
        _print(f"{name:<15} {gap:.2e}")
    if report.passed:
        _print(f"passed: {report.steps} steps within {TOLERANCE:g} of the exported numbers")
        return 0
    _say(
        f"error: {args.model} must reproduce its golden vectors within {TOLERANCE:g}. Received: "
        f"a gap of {max(report.gaps.values()):.2e}. Copy the file again, or update onnxruntime."
    )
    return 1


def _score(args: argparse.Namespace) -> int:
    detector = Detector(args.model, threads=args.threads)
    live = args.data == "-"
    policy, threshold = _alarm(args, detector.metadata)
    reorder = args.reorder
    if reorder is None:
        reorder = 0 if live else _FILE_REORDER
    if args.output == "-" and args.events == "-":
        raise InputError("Only one of the outputs can be stdout. Received: - for both.")
    stream = Stream(detector, reorder=reorder, threshold=threshold)
    with ExitStack() as stack:
        source = sys.stdin.buffer if live else stack.enter_context(_open(args.data))
        # Ctrl+C lets go only after the files below have been put in place.
        breaker = stack.enter_context(Interruptible())
        reader = TableReader(
            source,
            detector.channels,
            period_s=detector.metadata.period_s,
            time=args.time,
            name="stdin" if live else args.data,
        )
        job = _Job(
            stream=stream,
            detect=EventDetector.of(detector.metadata, threshold=stream.threshold, policy=policy),
            output=stack.enter_context(open_output(args.output)),
            events_output=stack.enter_context(open_output(args.events)) if args.events else None,
            form=args.format,
        )
        for block in breaker.iterate(reader):
            if not job.steps and job.score_writer is None:
                job.start(detector.channels, reader.style)
            job.take(stream.push_many(*block))
        if job.score_writer is None:
            # Interrupted before the first row: no output.
            raise KeyboardInterrupt
        job.take(stream.flush())
        job.finish()
        if not breaker.interrupted:
            _judge(stream.counts, job.longest, detector, live=live, name=reader.name)
    _say(job.summary())
    return 130 if breaker.interrupted else 0


def _alarm(args: argparse.Namespace, meta: Metadata) -> tuple[AlarmPolicy, float]:
    """Returns the file's policy and threshold, with what the command line replaces.

    Another budget or policy is another threshold, by the rule that the file's own came from.
    """
    policy = meta.alarm.changed(meta.period_s, **{name: getattr(args, name) for name in _POLICY})
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
        _say(f"note: {budget.note}")
    return policy, budget.threshold


@dataclass(kw_only=True)
class _Job:
    """One run of `score`: its writers and what it has counted."""

    stream: Stream
    detect: EventDetector
    output: BinaryIO
    events_output: BinaryIO | None
    form: Format
    score_writer: ScoreWriter | None = None
    event_writer: EventWriter | None = None
    steps: int = 0
    longest: int = 0
    piece: int = 0
    alarms: int = 0
    events: int = 0
    started: float = 0.0

    def start(self, channels: Sequence[str], style: TimeStyle) -> None:
        self.started = time.perf_counter()
        self.score_writer = ScoreWriter(self.output, channels, style, self.form)
        self.score_writer.header()
        if self.events_output is not None:
            self.event_writer = EventWriter(self.events_output, style, self.form)
            self.event_writer.header()

    def take(self, scores: Scores) -> None:
        if self.score_writer is not None:
            self.score_writer.write(scores)
        self.steps += len(scores)
        edges = [*np.flatnonzero(scores.restart).tolist(), len(scores)]
        self.longest = max(self.longest, self.piece + edges[0], *np.diff(edges).tolist())
        self.piece = len(scores) - edges[-2] if len(edges) > 1 else self.piece + len(scores)
        self.alarms += int(scores.alarm.sum())
        closed = self.detect.update(scores)
        self.events += len(closed)
        if self.event_writer is not None:
            self.event_writer.write(closed)

    def finish(self) -> None:
        closed = self.detect.finish()
        self.events += len(closed)
        if self.event_writer is not None:
            self.event_writer.write(closed)

    def summary(self) -> str:
        counts = self.stream.counts
        seconds = max(time.perf_counter() - self.started, 1e-9)
        return (
            f"{counts.received} rows, {self.steps} steps scored: {counts.missing} missing, "
            f"{counts.duplicates} duplicates, {counts.late} late, {counts.restarts} restarts; "
            f"{self.alarms} alarms in {self.events} events, from severity "
            f"{self.detect.threshold:.2f}; "
            f"{counts.received / seconds:.0f} rows/s"
        )


def _judge(counts: GridCounts, longest: int, detector: Detector, *, live: bool, name: str) -> None:
    """Refuses a file whose scores would mean nothing; warns where they are out already."""
    problem = None
    meta = detector.metadata
    needed = meta.warmup_steps + 1
    if counts.is_unsorted:
        problem = (
            f"timestamps are not sorted: {name} must be in order of time. "
            f"Received: {counts.unsorted} of {counts.received} rows too late. "
            "Sort it by time, or raise --reorder."
        )
    elif longest < needed:
        problem = (
            f"{name} must have at least {needed} rows in one piece: this detector warms up for "
            f"{needed - 1} steps of {meta.period_s:g} s, again after a gap of more than "
            f"{meta.max_gap_steps}. Received: {counts.received} rows, {longest} steps in the "
            "longest piece. Give a longer series, or train for its sampling period."
        )
    if problem and not live:
        raise InputError(problem)
    if problem:
        _say(f"warning: {problem}")


def _open(path: str) -> BinaryIO:
    try:
        return Path(path).open("rb")
    except OSError as error:
        raise InputError(
            f"The data must be a CSV or JSON-lines file that can be read. "
            f"Received: {path}, {error.strerror}."
        ) from error


def _say(text: str) -> None:
    sys.stderr.write(f"kad: {text}\n")


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _count(text: str) -> int:
    if (number := int(text)) < 0:
        raise argparse.ArgumentTypeError(f"must be at least 0, not {number}")
    return number


def _duration(text: str) -> float:
    try:
        return parse_duration(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _positive(text: str) -> float:
    if not (number := float(text)) > 0:
        raise argparse.ArgumentTypeError(f"must be above 0, not {number:g}")
    return number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m runtime",
        description="Score sensor streams with a detector exported by kad.",
    )
    commands = parser.add_subparsers(required=True, metavar="info|verify|score")

    info = commands.add_parser("info", help="what a detector file says about itself")
    info.add_argument("model", metavar="FILE.onnx")
    info.add_argument("--json", action="store_true", help="all of it, as JSON")
    info.set_defaults(command=_info)

    check = commands.add_parser("verify", help="replay the file's golden vectors here")
    check.add_argument("model", metavar="FILE.onnx")
    check.set_defaults(command=_verify)

    score = commands.add_parser("score", help="score a CSV or JSON-lines file, or stdin")
    score.add_argument("model", metavar="FILE.onnx")
    score.add_argument("data", metavar="DATA.csv", help="CSV or JSON lines; - is stdin")
    score.add_argument("-o", "--output", default="-", metavar="FILE", help="scores; default stdout")
    score.add_argument("--events", metavar="FILE", help="also write events")
    alarm = score.add_mutually_exclusive_group()
    alarm.add_argument("--false-alarms", metavar="N/UNIT", help="budget of events, such as 1/week")
    alarm.add_argument("--threshold", type=_positive, metavar="SEVERITY", help="instead of it")
    events = score.add_argument_group(
        "what makes an event", "Default: as the file says. TIME is in seconds, or such as 2h."
    )
    for name, text in _POLICY.items():
        is_share = name in _SHARES
        events.add_argument(
            f"--{name.replace('_', '-')}",
            type=float if is_share else _duration,
            metavar="SHARE" if is_share else "TIME",
            help=text,
        )
    score.add_argument("--time", metavar="COLUMN", help="the time column")
    score.add_argument("--format", choices=("csv", "jsonl"), default="csv", help="of the outputs")
    score.add_argument(
        "--reorder",
        type=_count,
        metavar="STEPS",
        help=f"wait this long for late rows; default {_FILE_REORDER} for files, 0 for stdin",
    )
    score.add_argument("--threads", type=int, default=1, metavar="N", help="of onnxruntime")
    score.set_defaults(command=_score)
    return parser
