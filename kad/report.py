"""`kad report`: one HTML page about a run, and about a series that it scored."""

import math
import os
import tomllib
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, StrictUndefined
from plotly.io.json import to_json_plotly
from plotly.offline import get_plotlyjs

from kad import charts, report_series
from kad.detector import Detector
from kad.files import write_atomically
from kad.frames import times_ns
from kad.report_findings import Findings, Window, find, threshold_score
from kad.report_picture import take_picture
from kad.report_words import budget, count, duration, span
from kad.run import CALIBRATION, CONFIG, HISTORY, Run, load
from kad.tables import labels_in_time, read_labels, read_table
from runtime.errors import InputError
from runtime.timestamps import to_ns

REPORT = "report.html"
MOST_EVENTS = 500
"""Events in the table and in the charts of a page; the most severe where there are more."""

Data = str | os.PathLike[str] | pd.DataFrame
Labels = str | os.PathLike[str] | Sequence[tuple[Any, Any]]


def write_report(
    run: Run | str | os.PathLike[str],
    data: Data | None = None,
    *,
    labels: Labels | None = None,
    output: str | os.PathLike[str] | None = None,
    png: str | os.PathLike[str] | None = None,
) -> Path:
    """Writes a page that a maintenance engineer can read: what was found, when, and on what.

    The page is one file that needs no network. The same run and data give the same bytes. Long
    series are thinned for drawing; the lowest and highest sample of every pixel and everything
    around events stay.

    Args:
        run: Run folder of `kad train`, or what `kad.train` returned.
        data: Series to score and show: a CSV or JSON-lines file, or a frame indexed by time.
            Without it the page is about the training alone.
        labels: Labelled windows, for comparison: a CSV with the columns start and end, in the
            data's time or as row numbers where the data have none, or pairs of times; both ends
            inside.
        output: The page; `report.html` in the run where not given.
        png: A picture of the page as well: a `.png` file, or a folder that gets `report.png`.
            Needs Chromium or Chrome on PATH.

    Returns:
        Path of the page.

    Raises:
        InputError: No run, a run without training, data or labels that cannot be used, a place
            that cannot be written, no browser for the picture.
    """
    known = isinstance(run, Run)
    folder, detector = (run.folder, run.detector) if known else (Path(run), load(run))
    if "threshold" not in detector.card:
        raise InputError(f"The detector in {folder} is not trained. Train it with kad train.")
    settings = _settings(folder)
    if labels is not None and data is None:
        raise InputError("Labels are compared with events: give the data too.")
    findings = None
    if data is not None:
        frame = _frame(data, detector, time=settings.get("data", {}).get("time"))
        findings = find(
            detector,
            frame,
            labels=None if labels is None else _windows(labels, frame),
            training=_training_window(detector, frame),
        )
    page = _page(folder, detector, findings)
    output = Path(output) if output else folder / REPORT
    write_atomically(output, page)
    if png is not None:
        take_picture(output, Path(png))
    return output


# What goes in


def _settings(run: Path) -> dict[str, Any]:
    path = run / CONFIG
    try:
        return tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except (OSError, ValueError) as error:
        raise InputError(f"The run's {path} cannot be read: {error}.") from error


def _frame(data: Data, detector: Detector, *, time: str | None) -> pd.DataFrame:
    if isinstance(data, pd.DataFrame):
        return data
    return read_table(data, time=time, channels=detector.channels, period_s=detector.period_s).frame


def _windows(labels: Labels, frame: pd.DataFrame) -> list[tuple[int, int]]:
    if isinstance(labels, str | os.PathLike):
        return labels_in_time(read_labels(labels), frame)
    windows = [(to_ns(start), to_ns(end)) for start, end in labels]
    for start, end in windows:
        if end < start:
            raise InputError("A labelled window must not end before it starts.")
    return windows


def _training_window(detector: Detector, frame: pd.DataFrame) -> Window | None:
    """Returns where the training rows lie in a series, if it covers their time at all."""
    training = detector.card["training"]
    times = times_ns(frame)
    start, end = training["start_ns"], training["end_ns"]
    inside = times[(times >= start) & (times <= end)]
    return Window(int(inside.min()), int(inside.max())) if inside.size else None


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


# The page


def _page(run: Path, detector: Detector, findings: Findings | None) -> str:
    folder = files("kad") / "templates"
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True,
                              lstrip_blocks=True, keep_trailing_newline=True)  # fmt: skip
    template = environment.from_string((folder / "report.html").read_text(encoding="utf-8"))
    figures = {}
    if findings is not None:
        figures["series"] = report_series.series_figure(findings, most=MOST_EVENTS)
    history = _column(run, HISTORY, "val_loss")
    if history is not None:
        figures["training"] = charts.training_figure(history)
    held_out = _column(run, CALIBRATION, "score")
    if held_out is not None:
        figures["scores"] = charts.scores_figure(
            held_out["score"].to_numpy("float64"), threshold=threshold_score(detector)
        )
    config = run / CONFIG
    return template.render(
        title=run.resolve().name,
        headline=_headline(findings),
        summary=_summary(detector, findings),
        has_phases=bool(detector.card["training"]["epochs"]),
        found=None if findings is None else _found(findings),
        labels=None if findings is None else _label_rows(findings),
        notes=_notes(detector, findings),
        facts=_facts(detector),
        figures=list(figures),
        config=config.read_text(encoding="utf-8") if config.is_file() else "",
        style=(folder / "report.css").read_text(encoding="utf-8"),
        script=(folder / "report.js").read_text(encoding="utf-8"),
        plotly=get_plotlyjs(),
        charts=_json({name: figure.to_plotly_json() for name, figure in figures.items()}),
        windows=_json(_zooms(findings)),
    )


def _json(tree: Any) -> str:
    """Returns JSON that may stand inside a script element."""
    return str(to_json_plotly(tree, engine="json"))


def _headline(findings: Findings | None) -> str:
    if findings is None:
        return "Trained, not yet applied to data"
    events = findings.events
    head = f"{count(len(events), 'event').capitalize()} in {span(findings.seconds)}"
    end = findings.scores.times_ns.max()
    for length, name in ((86_400, "day"), (3600, "hour")):
        if findings.seconds >= 2 * length and events:
            recent = sum(e.end_ns > end - length * 10**9 for e in events)
            return f"{head}; {recent or 'none'} in the last {name}"
    return head


def _summary(detector: Detector, findings: Findings | None) -> list[str]:
    card = detector.card
    lines = [
        (
            f"The alarm threshold is severity {card['threshold']:.2f}: "
            f"about {budget(card['false_alarms'])} on normal data."
        )
    ]
    if findings is None:
        return lines
    inside = sum(findings.in_training(e) for e in findings.events)
    if inside:
        verb = "lies" if inside == 1 else "lie"
        lines.append(f"{count(inside, 'event').capitalize()} {verb} in the training rows.")
    if findings.labels is not None:
        hits = sum(findings.hit(label) for label in findings.labels)
        outside = sum(findings.label_of(e) is None for e in findings.events)
        lines.append(
            f"{hits} of {count(len(findings.labels), 'labelled window')} found; "
            f"{count(outside, 'event')} outside the labels."
        )
    if findings.warming.all():
        lines.append(
            f"The series is too short for a verdict: the detector needs "
            f"{findings.warmup_steps:,} steps to warm up and got {len(findings.scores):,}."
        )
    return lines


def _notes(detector: Detector, findings: Findings | None) -> list[str]:
    """Returns how to read the charts."""
    odds = _rounded(10 ** detector.card["threshold"])
    notes = [
        (
            "Severity says how rare a score is among normal samples: at severity 3 one normal "
            f"sample in 1,000 scores this high, at 4 one in 10,000. The threshold is one in "
            f"{odds:,}."
        )
    ]
    if findings is not None and len(findings.scores) > report_series.POINTS:
        notes.append(
            "The lines of this long series are thinned: the lowest and highest of every "
            f"{-(-len(findings.scores) // report_series.BINS)} samples are drawn, and every "
            "sample around the most severe events."
        )
    return notes


def _rounded(number: float) -> int:
    digits = max(0, math.floor(math.log10(number)) - 1)
    return round(number / 10**digits) * 10**digits


def _found(findings: Findings) -> dict[str, Any]:
    axis, scores = findings.axis, findings.scores
    shown = findings.most_severe(MOST_EVENTS)
    top = max((event.peak_severity for _, event in shown), default=1.0)
    rows = [
        {
            "number": number,
            "start": axis.text(event.start_ns),
            "end": axis.text(event.end_ns),
            "duration": duration(event.steps * findings.period_s),
            "severity": f"{event.peak_severity:.1f}",
            "share": round(100 * event.peak_severity / top),
            "channels": ", ".join(event.channels),
            "training": findings.in_training(event),
            "label": findings.label_of(event) is not None,
        }
        for number, event in shown
    ]
    missing = float(np.mean(~np.isfinite(scores.values)))
    first, last = (axis.text(int(f(scores.times_ns))) for f in (np.min, np.max))
    return {
        "rows": rows,
        "total": len(findings.events),
        "has_labels": findings.labels is not None,
        "has_training": findings.training is not None,
        "data": [
            ("Period", f"{first} to {last}{' UTC' if axis.title == 'UTC' else ''}"),
            ("Samples", f"{len(scores):,}, one every {duration(findings.period_s)}"),
            ("Missing", f"{missing:.2%} of the values" if missing else "nothing"),
            ("Rows", _counts(findings.counts)),
        ],
    }


def _label_rows(findings: Findings) -> list[dict[str, Any]]:
    return [
        {
            "start": findings.axis.text(label.start_ns),
            "end": findings.axis.text(label.end_ns),
            "events": [
                number
                for number, event in enumerate(findings.events, start=1)
                if label.meets(event)
            ],
        }
        for label in findings.labels or ()
    ]


def _zooms(findings: Findings | None) -> dict[str, list[float]]:
    """Returns the stretch of the horizontal axis that shows each event."""
    if findings is None:
        return {}
    times = findings.scores.times_ns
    zooms = {}
    for number, event in findings.most_severe(MOST_EVENTS):
        window = findings.window(event)
        ends = np.clip([window.start_ns, window.end_ns], times.min(), times.max())
        zooms[str(number)] = findings.axis.x(ends).tolist()
    return zooms


def _facts(detector: Detector) -> list[tuple[str, str]]:
    card = detector.card
    training, calibration = card["training"], card["calibration"]
    epochs = ", ".join(f"{name} {number}" for name, number in training["epochs"].items())
    versions = ", ".join(f"{name} {version}" for name, version in training["versions"].items())
    return [
        ("Detector", detector.detector_name),
        ("Channels", ", ".join(detector.channels)),
        ("Sampling period", duration(detector.period_s)),
        ("Training rows", f"{training['rows']:,}"),
        ("Of these", _counts(training["grid"])),
        ("Calibration", f"{calibration['rows']:,} held-out rows"),
        ("False alarms", budget(card["false_alarms"])),
        ("Threshold", f"severity {card['threshold']:.3f}, score {threshold_score(detector):.5g}"),
        ("Events", detector.alarm_policy.text(detector.period_s)),
        *([("Note", detector.budget.note)] if detector.budget.note else []),
        *([("Epochs", epochs)] if epochs else []),
        ("Backend", training["backend"]),
        ("Versions", versions),
        ("Seed", str(training["seed"])),
        (
            "Warm-up",
            f"{detector.warmup_steps:,} steps, again after {detector.max_gap_steps:,} missing",
        ),
        ("Training data", f"sha256 {training['data_sha256'][:16]}…"),
    ]


def _counts(counts: dict[str, int]) -> str:
    received = counts.get("received", 0)
    return f"{received:,} received, " + ", ".join(
        f"{counts.get(key, 0):,} {word}"
        for key, word in (("missing", "missing"), ("duplicates", "duplicate"), ("late", "late"))
    )
