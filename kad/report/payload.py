"""What the scripts of a page work on: severities at full resolution, alarm policy, labels, lines.

The scripts find events and figures at any threshold, so nothing here depends on the default one
but where the slider stands first.
"""

from dataclasses import asdict
from typing import Any

import numpy as np

from kad.detector import Detector
from kad.report.arrays import pack_exactly, pack_line, pack_numbers
from kad.report.findings import Findings
from kad.report.levels import budget_rates, score_levels, slider_range
from kad.report.series import SeriesChart
from kad.report.words import span
from runtime.alarms.events import step_numbers

MOST_EVENTS = 500
"""Events in the table and in the charts of a page; the most severe where there are more."""
MOST_SAMPLES = 6_000_000
"""Samples of all lines together in a page, about a byte each; longer series are thinned."""


def payload(detector: Detector, findings: Findings, chart: SeriesChart) -> dict[str, Any]:
    """Returns everything that the scripts need, as a tree for JSON.

    Args:
        detector: A trained detector.
        findings: The series that it scored.
        chart: The chart of the series.
    """
    scores, axis = findings.scores, findings.axis
    low, high = slider_range(findings)
    first = axis.x(scores.times_ns[:1])
    steps = np.diff(axis.x(scores.times_ns), prepend=first)
    return {
        "axis": {"calendar": axis.is_calendar, "fine": axis.fine, "unit": axis.unit},
        "rows": len(scores),
        "period_s": findings.metadata.period_s,
        "period_x": axis.width(findings.metadata.period_s),
        "first_x": float(first[0]),
        "steps_x": pack_exactly(steps),
        "restarts": np.flatnonzero(scores.restart)[1:],
        "channels": list(findings.metadata.channels),
        "steps": _steps(detector, findings, low),
        "policy": asdict(detector.alarm_policy),
        "threshold": findings.metadata.threshold,
        "slider": {"low": low, "high": high},
        "scores": score_levels(detector, low, high),
        "rates": budget_rates(detector, low, high),
        "labels": _labels(findings),
        "training": findings.training_rows,
        "skipped": findings.skipped_rows,
        "panels": _panels(findings, chart),
        "lane": chart.events_lane,
        "lines": chart.threshold_lines,
        "most": MOST_EVENTS,
        "words": {"span": span(findings.seconds), "recent": findings.recent},
    }


def _steps(detector: Detector, findings: Findings, low: float) -> dict[str, Any]:
    """Packs the steps that any threshold of the slider can make part of an event."""
    scores = findings.scores
    release = np.float32(detector.alarm_policy.release * low)
    rows = np.flatnonzero((scores.severity >= release) | scores.restart)
    period_s = detector.period_s if detector.grid == "time" else None
    return {
        "row": pack_numbers(rows),
        "number": pack_numbers(step_numbers(scores, period_s=period_s)[rows]),
        "severity": pack_exactly(scores.severity[rows].astype("float32")),
        "restart": pack_numbers(scores.restart[rows]),
        "channelScores": pack_exactly(scores.channel_scores[rows].astype("float32").ravel()),
    }


def _labels(findings: Findings) -> dict[str, Any] | None:
    if findings.labels is None:
        return None
    ends = np.array(findings.labels, "int64").reshape(-1, 2)
    return {
        "ranges": findings.label_ranges,
        "windows": [
            {"start": start, "end": end, "rows": findings.rows_of(label)}
            for (start, end), label in zip(
                findings.axis.x(ends).tolist(), findings.labels, strict=True
            )
        ],
    }


def _panels(findings: Findings, chart: SeriesChart) -> list[dict[str, Any]]:
    """Packs the lines of every panel, all samples if they are not too many."""
    samples = sum(len(panel.lines) for panel in chart.panels) * len(findings.scores)
    share = min(1.0, MOST_SAMPLES / samples)
    packed = []
    for panel in chart.panels:
        rows = None
        if share < 1:
            rows = panel.thinned(points=int(share * len(findings.scores)))
        lines = [line if rows is None else line[rows] for line in panel.lines]
        packed.append(
            {
                "rows": None if rows is None else pack_numbers(rows),
                "lines": [pack_line(line) for line in lines],
                "traces": [trace._asdict() for trace in panel.traces],
            }
        )
    return packed
