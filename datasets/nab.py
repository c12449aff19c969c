"""The Numenta Anomaly Benchmark: 58 series, `nab/<folder>/<stem>` or `nab/<stem>`.

Reference:
    S. Ahmad, A. Lavin, S. Purdy, Z. Agha, 2017, "Unsupervised real-time anomaly detection for
    streaming data". Windows are those that its scorer uses (`combined_windows.json`), points the
    labels from which they were grown (`combined_labels.json`).
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from datasets.files import fetch, registry, url
from datasets.series import Series, median_period_s

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["LICENCE", "aliases", "load", "names", "read"]

LICENCE = "MIT"
_DATA = "nab/data/"


def names() -> list[str]:
    """`nab/<folder>/<stem>` of all 58."""
    paths = (PurePosixPath(path) for path in registry() if path.startswith(_DATA))
    return [f"nab/{path.parent.name}/{path.stem}" for path in paths]


def aliases() -> dict[str, str]:
    """`nab/<stem>` to full name; the stems are unique."""
    return {f"nab/{name.rsplit('/', 1)[1]}": name for name in names()}


def load(name: str) -> Series:
    """One series. Train is NAB's probationary part: the first 15 % of rows, at most 750."""
    path = f"{_DATA}{name.removeprefix('nab/')}.csv"
    frame = read(path)
    key = path.removeprefix(_DATA)
    windows = _labels(fetch("nab/labels/combined_windows.json"))[key]
    labels = _labels(fetch("nab/labels/combined_labels.json"))[key]
    points = [pd.Timestamp(stamp) for stamp in labels]
    rows = len(frame)
    probation = int(min(0.15 * rows, 0.15 * 5000))
    series = Series(
        name=name,
        frame=frame,
        windows=tuple((pd.Timestamp(start), pd.Timestamp(end)) for start, end in windows),
        points=tuple(int(row) for row in np.flatnonzero(frame.index.isin(points))),
        train=(0, probation),
        test=((probation, rows),),
        period_s=median_period_s(frame),
        source=url(path),
        licence=LICENCE,
    )
    stray = int((series.point_labels() & ~series.labels()).sum())
    if not stray:
        return series
    notes = f"{stray} of {len(series.points)} labelled points lie outside the windows"
    return replace(series, notes=notes)


def read(path: str) -> pd.DataFrame:
    """The frame of one of NAB's files, by its path in the registry."""
    table = pd.read_csv(
        fetch(path),
        dtype={"value": float},
        parse_dates=["timestamp"],
    )
    return table.set_index(pd.DatetimeIndex(table["timestamp"], name="time"))[["value"]]


@cache
def _labels(file: Path) -> dict[str, list[Any]]:
    labels: dict[str, list[Any]] = json.loads(file.read_text(encoding="utf-8"))
    return labels
