"""`python -m runtime info`, `verify` and `vectors`: what a file says, and what it must compute."""

import argparse

from runtime.alarms.budget import event_threshold
from runtime.cli.say import say, write
from runtime.counted import counted
from runtime.files import check_outputs, open_output
from runtime.model.detector import Detector
from runtime.model.verify import TOLERANCE, verify
from runtime.tables.detector_json import metadata_json, vectors_json


def run_info(args: argparse.Namespace) -> int:
    """Prints what a file says about itself."""
    detector = Detector(args.model)
    meta = detector.metadata
    if args.json:
        with open_output("-") as file:  # UTF-8, whatever the terminal's encoding
            file.write(metadata_json(detector).encode())
        return 0
    # A name may have line breaks; here it is one line.
    inputs = [" ".join(c.name.split()) + (f" [{c.unit}]" if c.unit else "") for c in meta.inputs]
    channels = len(meta.channels)
    lines = {
        "detector": f"{meta.detector}, schema {meta.schema}",
        "channels": ", ".join(inputs[:channels]),
        "context": ", ".join(inputs[channels:]) or "none",
        "period": f"{meta.period_s:g} s" + (", rows as they come" if meta.grid == "rows" else ""),
        "warm-up": f"{counted(meta.warmup_steps, 'step')}, again after a gap of more than "
        f"{counted(meta.max_gap_steps, 'step')}",
        "threshold": f"severity {meta.threshold:g} ({meta.false_alarms})",
        "events": meta.alarm.text(meta.period_s),
        "chunks": f"up to {counted(meta.max_steps, 'step')} in a call",
        "state": f"{counted(meta.state_size, 'number')} per stream, "
        f"{meta.state_size * 4 / 1e6:.2g} MB",
        "streams": str(detector.fixed_streams or "any"),
        "steps": str(detector.fixed_steps or "any"),
        "step file": "beside it, for single steps" if detector.has_step_file else "none",
        "identity": meta.identity,
    }
    budget = event_threshold(
        meta.false_alarms,
        period_s=meta.period_s,
        calibration=meta.calibration,
        policy=meta.alarm,
    )
    if budget.promise:
        lines["expected"] = budget.promise
    if budget.note:
        lines["note"] = budget.note
    lines |= {f"training {key}": str(value) for key, value in meta.training.items()}
    write("\n".join(f"{key:<12} {value}" for key, value in lines.items()))
    return 0


def run_verify(args: argparse.Namespace) -> int:
    """Replays the golden vectors of a file."""
    report = verify(args.model)
    for name, gap in report.gaps.items():
        write(f"{name:<15} {gap:.2e}")
    if report.passed:
        write(
            f"passed: {counted(report.steps, 'step')} within {TOLERANCE:g} of the exported numbers"
        )
        return 0
    say(
        f"error: {args.model} must reproduce its golden vectors within {TOLERANCE:g}. Received: "
        f"a gap of {max(report.gaps.values()):.2e}. Copy the file again, or update onnxruntime."
    )
    return 1


def run_vectors(args: argparse.Namespace) -> int:
    """Writes the golden vectors of a file as JSON."""
    check_outputs({"-o": args.output}, inputs={"the detector": args.model})
    pieces = vectors_json(Detector(args.model))
    first = next(pieces)  # what can be wrong with the file is found before anything is written
    with open_output(args.output) as file:
        for piece in (first, *pieces):
            file.write(piece.encode())
    return 0
