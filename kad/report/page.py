"""The page of a report: what stands where, in which words."""

import math
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from jinja2 import Environment, StrictUndefined
from plotly.io.json import to_json_plotly
from plotly.offline import get_plotlyjs

from kad.detector import Detector
from kad.detector.diagnostics import Diagnostic
from kad.metrics.ranges import to_mask
from kad.report import charts
from kad.report.diagnostics import diagnostic_figure
from kad.report.findings import Findings
from kad.report.levels import scores_at, slider_range
from kad.report.payload import payload
from kad.report.series import BINS, POINTS, SeriesChart
from kad.report.thresholds import scores_figure, thresholds_figure
from kad.report.words import budget, count, duration, span
from kad.runs.folder import CALIBRATION, CONFIG, HISTORY
from runtime.counted import noun
from runtime.errors import InputError

_SCRIPTS = ("episodes", "figures", "arrays", "words", "series", "report")


def page_of(
    run: Path,
    detector: Detector,
    findings: Findings | None,
    diagnostics: Sequence[Diagnostic],
) -> str:
    """Returns the whole page.

    Args:
        run: Run folder, for history, calibration rows and configuration.
        detector: Its detector.
        findings: The series that it scored, if any.
        diagnostics: What the detector shows of its networks.

    Raises:
        InputError: A table of the run that cannot be read.
    """
    folder = files("kad.report") / "templates"
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True,
                              lstrip_blocks=True, keep_trailing_newline=True)  # fmt: skip
    template = environment.from_string((folder / "report.html").read_text(encoding="utf-8"))
    figures, data = _figures(run, detector, findings)
    for diagnostic in diagnostics:
        figures[diagnostic.name] = diagnostic_figure(diagnostic)
    config = run / CONFIG
    scripts = [(folder / f"{name}.js").read_text(encoding="utf-8") for name in _SCRIPTS]
    return template.render(
        title=run.resolve().name,
        headline=_headline(findings),
        summary=_summary(detector, findings),
        has_phases=bool(detector.metadata.training["epochs"]),
        found=None if findings is None else _found(findings),
        slider=None if data is None else data["slider"],
        notes=_notes(detector, findings),
        diagnostics=diagnostics,
        facts=_facts(detector),
        figures=list(figures),
        config=config.read_text(encoding="utf-8") if config.is_file() else "",
        style=(folder / "report.css").read_text(encoding="utf-8"),
        script="\n".join(scripts),
        plotly=get_plotlyjs(),
        charts=_json({name: figure.to_plotly_json() for name, figure in figures.items()}),
        data=_json(data),
    )


def _figures(
    run: Path, detector: Detector, findings: Findings | None
) -> tuple[dict[str, go.Figure], dict[str, Any] | None]:
    """Returns the charts by name, and what the scripts need to move the threshold."""
    figures: dict[str, go.Figure] = {}
    data = None
    threshold = detector.metadata.threshold
    score = float(scores_at(detector, np.array([threshold]))[0])
    if findings is not None:
        chart = SeriesChart(findings, score=score)
        data = payload(detector, findings, chart)
        low, high = slider_range(findings)
        figures["series"] = chart.figure()
        labels = to_mask(findings.label_ranges, len(findings.scores))[findings.counted]
        if labels.any():
            figures["thresholds"] = thresholds_figure(
                findings.scores.severity[findings.counted],
                labels,
                low=low,
                high=high,
                threshold=threshold,
            )
    calibrating = _column(run, CALIBRATION, "score")
    if calibrating is not None:
        judged = None if findings is None else findings.scores.score[~findings.warming]
        figures["scores"] = scores_figure(
            calibrating["score"].to_numpy("float64"),
            threshold=score,
            series=judged if judged is not None and judged.size else None,
            reach=0.0 if data is None else float(data["scores"]["score"][-1]),
        )
    history = _column(run, HISTORY, "val_loss")
    if history is not None:
        figures["training"] = charts.training_figure(history)
    return figures, data


def _json(tree: Any) -> str:
    """Returns JSON that may stand inside a script element."""
    return str(to_json_plotly(tree, engine="json"))


def _headline(findings: Findings | None) -> str:
    if findings is None:
        return "Trained, not yet applied to data"
    events = findings.events
    head = f"{count(len(events), 'event').capitalize()} in {span(findings.seconds)}"
    recent = findings.recent
    if recent is None or not events:
        return head
    since = findings.scores.times_ns[recent["row"]]
    number = sum(event.end_ns >= since for event in events)
    return f"{head}; {number or 'none'} in the last {recent['word']}"


def _summary(detector: Detector, findings: Findings | None) -> list[str]:
    meta = detector.metadata
    lines = [
        (
            f"Trained to alarm from severity {meta.threshold:.2f}: "
            f"about {budget(meta.false_alarms)} on normal data."
        )
    ]
    if findings is None:
        return lines
    inside = sum(findings.in_training(e) for e in findings.events)
    if inside:
        verb = noun(inside, "lies", "lie")
        lines.append(f"{count(inside, 'event').capitalize()} {verb} in the training rows.")
    if findings.warming.all():
        lines.append(
            f"The series is too short for a verdict: the detector needs "
            f"{count(findings.metadata.warmup_steps, 'step')} to warm up and got "
            f"{len(findings.scores):,}."
        )
    return lines


def _notes(detector: Detector, findings: Findings | None) -> list[str]:
    """Returns how to read the charts."""
    odds = _rounded(10**detector.metadata.threshold)
    notes = [
        (
            "Severity says how rare a score is among normal samples: at severity 3 one normal "
            f"sample in 1,000 scores this high, at 4 one in 10,000. The threshold is one in "
            f"{odds:,}; neighbouring samples make one event, so that events are rarer."
        )
    ]
    if findings is not None:
        notes.append(
            "The blue band is where 99 of 100 samples lie that belong to no event at the trained "
            "threshold."
        )
        if len(findings.scores) > POINTS:
            notes.append(
                "The lines of this long series are thinned: the lowest and highest of every "
                f"{-(-len(findings.scores) // BINS)} samples are drawn. Zoom in to see them all."
            )
    return notes


def _rounded(number: float) -> int:
    digits = max(0, math.floor(math.log10(number)) - 1)
    return int(round(number / 10**digits) * 10**digits)


def _found(findings: Findings) -> dict[str, Any]:
    axis, scores = findings.axis, findings.scores
    missing = float(np.mean(~np.isfinite(scores.values)))
    first, last = (axis.text(int(f(scores.times_ns))) for f in (np.min, np.max))
    return {
        "has_labels": findings.labels is not None,
        "has_training": findings.training is not None,
        "skipped": len(scores) - int(findings.counted.sum()),
        "data": [
            ("Period", f"{first} to {last}{' UTC' if axis.title == 'UTC' else ''}"),
            ("Samples", f"{len(scores):,}, one every {duration(findings.metadata.period_s)}"),
            ("Missing", f"{missing:.2%} of the values" if missing else "nothing"),
            ("Rows", _counts(findings.counts)),
        ],
    }


def _facts(detector: Detector) -> list[tuple[str, str]]:
    meta = detector.metadata
    training, calibration = meta.training, meta.calibration
    score = scores_at(detector, np.array([meta.threshold]))[0]
    epochs = ", ".join(f"{name} {number}" for name, number in training["epochs"].items())
    versions = ", ".join(f"{name} {version}" for name, version in training["versions"].items())
    return [
        ("Detector", meta.detector),
        ("Channels", ", ".join(meta.channels)),
        ("Sampling period", duration(meta.period_s)),
        ("Training rows", f"{training['rows']:,}"),
        ("Of these", _counts(training["grid"])),
        ("Calibration", f"{calibration['rows']:,} calibration rows"),
        ("False alarms", budget(meta.false_alarms)),
        ("Threshold", f"severity {meta.threshold:.3f}, score {score:.5g}"),
        ("Events", meta.alarm.text(meta.period_s)),
        *([("To be expected", promise)] if (promise := detector.budget.promise) else []),
        *([("Note", note)] if (note := detector.budget.note) else []),
        *([("Epochs", epochs)] if epochs else []),
        ("Backend", training["backend"]),
        ("Versions", versions),
        ("Seed", str(training["seed"])),
        (
            "Warm-up",
            f"{meta.warmup_steps:,} steps, again after {meta.max_gap_steps:,} missing",
        ),
        ("Training data", f"sha256 {training['data_sha256'][:16]}…"),
        *_read(training.get("read", {})),
    ]


def _read(read: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Says what was read of the table that it was trained on."""
    if not read:
        return []
    left = "; ".join(f"{name} ({why})" for name, why in read["left_out"].items())
    return [
        ("Read", f"{read['file']}, {count(read['rows'], 'row')}, {read['time']}"),
        *([("Left out", left)] if left else []),
        *([("Noticed", "; ".join(read["notes"]))] if read["notes"] else []),
    ]


def _counts(counts: dict[str, int]) -> str:
    received = counts.get("received", 0)
    always = {"missing": "missing", "duplicates": "duplicate", "late": "late"}
    seldom = {"conflicts": "conflicting", "stray": "with a stray time", "repeated": "repeated"}
    return f"{received:,} received, " + ", ".join(
        f"{counts.get(key, 0):,} {word}"
        for key, word in (always | seldom).items()
        if key in always or counts.get(key)
    )


def _column(run: Path, name: str, column: str | None = None) -> pd.DataFrame | None:
    """Reads a table of the run; `None` where it is not there or empty."""
    path = run / name
    if not path.is_file():
        return None
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise InputError(f"The run's {path} cannot be read: {error}.") from error
    if column is not None and column not in table:
        raise InputError(f"The run's {path} has no column {column}.")
    return None if table.empty else table
