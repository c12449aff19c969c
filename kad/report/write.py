"""`kad report`: one HTML page about a run, and about a series that it scored."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kad.data.frames import pandas_frame, times_ns
from kad.data.labels import labels_in_time, read_labels
from kad.detector import Detector
from kad.detector.diagnostics import AROUND, Diagnostic
from kad.report.findings import Findings, Window, find
from kad.report.page import page_of
from kad.report.picture import picture_of, take_picture
from kad.runs.folder import REPORT, Run, files_of, load
from kad.runs.reading import read_for
from runtime.clock.moments import to_ns
from runtime.errors import InputError
from runtime.files import check_outputs, write_atomically
from runtime.model.schema import Metadata
from runtime.tables.reading import Reading

Data = str | os.PathLike[str] | pd.DataFrame
Labels = str | os.PathLike[str] | Sequence[tuple[Any, Any]]


def write_report(
    run: Run | str | os.PathLike[str],
    data: Data | None = None,
    *,
    labels: Labels | None = None,
    output: str | os.PathLike[str] | None = None,
    png: str | os.PathLike[str] | None = None,
    reading: Reading | None = None,
) -> Path:
    """Writes a page that a maintenance engineer can read: what was found, when, and on what.

    The page is one file that needs no network. The same run and data give the same bytes. Its
    threshold can be moved: events and figures follow, by the alarm policy of the runtime. Long
    series are thinned for drawing, the lowest and highest sample of every pixel stay; zooming in
    draws the samples in full.

    Args:
        run: Run folder of `kad train`, or what `kad.train` returned.
        data: Series to score and show: a CSV or JSON-lines file, or a frame indexed by time.
            Without it the page is about the training alone.
        labels: Labelled windows, for comparison: a CSV with the columns start and end, in the
            data's time or as row numbers where the data have none, or pairs of times; both ends
            inside.
        output: The page; `report.html` in the run where not given.
        png: A picture of the page as well: a `.png` file, or a folder that gets one with the name
            of the page. Needs Chromium or Chrome on PATH.
        reading: How the data are read, as far as the user says; else as in training.

    Returns:
        Path of the page.

    Raises:
        InputError: No run, a run without training, data or labels that cannot be used, a place
            that cannot be written or holds what is read, no browser for the picture.
    """
    folder = run.folder if isinstance(run, Run) else Path(run)
    page_path = Path(output) if output else folder / REPORT
    check_outputs(
        {"--output": page_path, "--png": None if png is None else picture_of(page_path, Path(png))},
        inputs={
            "the data": _path_of(data),
            "--labels": _path_of(labels),
            **files_of(folder, but=REPORT),
        },
    )
    detector = run.detector if isinstance(run, Run) else load(run)
    meta = detector.metadata
    if labels is not None and data is None:
        raise InputError("Labels are compared with events: give the data too.")
    findings, diagnostics = None, []
    if data is not None:
        frame = _frame(data, detector, reading)
        findings = find(
            detector,
            frame,
            labels=None if labels is None else _windows(labels, frame),
            training=_training_window(meta, frame),
        )
        diagnostics = _diagnostics(detector, frame, findings)
    write_atomically(page_path, page_of(folder, detector, findings, diagnostics))
    if png is not None:
        take_picture(page_path, Path(png))
    return page_path


# What goes in


def _path_of(data: object) -> str | os.PathLike[str] | None:
    return data if isinstance(data, str | os.PathLike) else None


def _frame(data: Data, detector: Detector, reading: Reading | None) -> pd.DataFrame:
    if not isinstance(data, str | os.PathLike):
        return pandas_frame(data)
    return read_for(detector, data, reading=reading).frame


def _windows(labels: Labels, frame: pd.DataFrame) -> list[tuple[int, int]]:
    if isinstance(labels, str | os.PathLike):
        return labels_in_time(read_labels(labels), frame)
    windows = [(to_ns(start), to_ns(end)) for start, end in labels]
    for start, end in windows:
        if end < start:
            raise InputError("A labelled window must not end before it starts.")
    return windows


def _training_window(meta: Metadata, frame: pd.DataFrame) -> Window | None:
    """Returns where the training rows lie in a series, if it covers their time at all."""
    training = meta.training
    times = times_ns(frame)
    start, end = training["start_ns"], training["end_ns"]
    inside = times[(times >= start) & (times <= end)]
    return Window(int(inside.min()), int(inside.max())) if inside.size else None


def _diagnostics(detector: Detector, frame: pd.DataFrame, findings: Findings) -> list[Diagnostic]:
    """Asks the detector for pictures of a stretch around the most severe step."""
    scores = findings.scores
    peak = int(np.argmax(scores.severity))
    first = max(0, peak - detector.lookback - AROUND)
    last = min(len(scores) - 1, peak + AROUND)
    start, end = sorted((int(scores.times_ns[first]), int(scores.times_ns[last])))
    half = findings.metadata.period_ns // 2  # rows may lie beside their place on the grid
    times = times_ns(frame)
    return detector.diagnostics(frame[(times >= start - half) & (times <= end + half)])
