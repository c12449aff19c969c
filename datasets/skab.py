"""The Skoltech Anomaly Benchmark v0.9, `skab/<folder>/<number>` and `skab/anomaly-free`.

Eight sensors of a water circulation rig at 1 Hz. 34 experiments with labelled anomalies and change
points, one without. Seconds are missing here and there; the rows stay as they are.

Reference:
    I. Katser, V. Kozitsin, 2020, "Skoltech Anomaly Benchmark (SKAB)". As there, the first 400 rows
    train; in `skab/other/2` most of these are labelled as anomalous.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

import numpy as np
import pandas as pd

from datasets.files import fetch, registry, url
from datasets.series import Series, median_period_s, runs

__all__ = ["load", "names"]

_DATA = "skab/data/"
_FREE = "anomaly-free/anomaly-free"
_TRAIN_ROWS = 400
_UNITS = {
    "Accelerometer1RMS": "g",
    "Accelerometer2RMS": "g",
    "Current": "A",
    "Pressure": "bar",
    "Temperature": "°C",
    "Thermocouple": "°C",
    "Voltage": "V",
    "Volume Flow RateRMS": "L/min",
}


def names() -> list[str]:
    """All 35, numbers in order."""
    paths = (PurePosixPath(path) for path in registry() if path.startswith(_DATA))
    shorts = (f"{path.parent.name}/{path.stem}" for path in paths)
    full = (f"skab/{short if short != _FREE else 'anomaly-free'}" for short in shorts)
    return sorted(full, key=lambda name: [p.zfill(2) for p in re.split(r"(\d+)", name)])


def load(name: str) -> Series:
    """One experiment. The anomaly-free one is all training part."""
    short = name.removeprefix("skab/")
    path = f"{_DATA}{_FREE if short == 'anomaly-free' else short}.csv"
    table = pd.read_csv(fetch(path), sep=";", index_col="datetime", parse_dates=True)
    index = pd.DatetimeIndex(table.index, name="time")
    frame = table[list(_UNITS)].astype(float).set_axis(index)
    rows = len(frame)
    windows: tuple[tuple[pd.Timestamp, pd.Timestamp], ...] = ()
    points: tuple[int, ...] = ()
    notes = ""
    if "anomaly" in table:
        anomalous = table["anomaly"].to_numpy() > 0
        windows = tuple((index[first], index[last - 1]) for first, last in runs(anomalous))
        points = tuple(int(row) for row in np.flatnonzero(table["changepoint"].to_numpy() > 0))
        bad = int(anomalous[:_TRAIN_ROWS].sum())
        notes = f"{bad} of the {_TRAIN_ROWS} training rows are labelled anomalous" if bad else ""
    train = _TRAIN_ROWS if windows else rows
    return Series(
        name=name,
        frame=frame,
        windows=windows,
        points=points,
        train=(0, train),
        test=((train, rows),) if train < rows else (),
        period_s=median_period_s(frame),
        units=dict(_UNITS),
        source=url(path),
        licence="GPL-3.0",
        notes=notes,
    )
