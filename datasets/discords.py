"""The HOT SAX discords with the RNN predictor's splits, `discords/<family>/<stem>`.

ECG (16 labelled series with the other families, and 2 ECG without labels), gesture, power demand,
respiration, space shuttle; and one year of New York taxi rides, `discords/nyc_taxi`. The two that
have a clock give the period; the ECG's own time column, rounded to 1 ms, is not kept.

Reference:
    E. Keogh, J. Lin, A. Fu, 2005, "HOT SAX: efficiently finding the most unusual time series
    subsequence". Splits and labelled rows: J. Park, 2018, RNN-Time-series-Anomaly-Detection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from datasets.files import fetch, url
from datasets.series import Series, median_period_s

if TYPE_CHECKING:
    Rows = tuple[int, int]

__all__ = ["aliases", "load", "names"]

LICENCE = "unstated (repository: Apache-2.0)"


class _Split(NamedTuple):
    anomalies: tuple[Rows, ...] = ()
    train: Rows | None = None
    test: Rows | None = None


_SPLITS = {
    "ecg/chfdb_chf01_275": _Split(((2331, 2600),), (0, 1833), (1833, 3674)),
    "ecg/chfdb_chf13_45590": _Split(((2801, 2960),), (0, 2439), (2439, 3726)),
    "ecg/chfdbchf15": _Split(((2251, 2400),), (3381, 14244), (33, 3381)),
    "ecg/ltstdb_20221_43": _Split(((651, 780),), (1121, 3731), (0, 1121)),
    "ecg/ltstdb_20321_240": _Split(((711, 850),), (1520, 3531), (73, 1520)),
    "ecg/mitdb__100_180": _Split(((1801, 1990),), (2328, 5271), (73, 2328)),
    "ecg/mitdbx_mitdbx_108": _Split(),
    "ecg/qtdbsel102": _Split(((4231, 4430),), (10093, 44828), (211, 10093)),
    "ecg/qtdbsele0606": _Split(),
    "ecg/stdb_308_0": _Split(((2291, 2550),), (2986, 5359), (265, 2986)),
    "ecg/xmitdb_x108_0": _Split(((4021, 4400),), (424, 3576), (3576, 5332)),
    "gesture/ann_gun_CentroidA": _Split(((2071, 2810),), (3000, 11251), (0, 3000)),
    "power_demand/power_data": _Split(
        ((8255, 8998), (11349, 12143), (33884, 34601)), (15287, 33432), (501, 15287)
    ),
    "respiration/nprs43": _Split(
        ((12930, 13432), (14878, 15086), (15730, 15924)), (4285, 10498), (10498, 17909)
    ),
    "respiration/nprs44": _Split(((16193, 16638), (20458, 20911)), (363, 12955), (12955, 24082)),
    "space_shuttle/TEK14": _Split(((1101, 1200), (1456, 1955)), (2089, 4098), (97, 2089)),
    "space_shuttle/TEK16": _Split(((4271, 4370),), (521, 3588), (3588, 4539)),
    "space_shuttle/TEK17": _Split(((2101, 2145),), (2469, 4588), (1543, 2469)),
    "nyc_taxi": _Split(
        (
            (151, 250),
            (5971, 6050),
            (8501, 8650),
            (8751, 8890),
            (10001, 10200),
            (14701, 14800),
        ),
        (0, 13104),
        (13104, 17520),
    ),
}
"""0-based half-open rows."""

_COLUMNS = {
    "ecg": ["lead_1", "lead_2"],
    "gesture": ["x", "y"],
    "power_demand": ["power"],
    "respiration": ["chest"],
    "space_shuttle": ["current"],
    "nyc_taxi": ["value", "minute_of_day", "weekday"],
}


def names() -> list[str]:
    """All 19."""
    return [f"discords/{name}" for name in _SPLITS]


def aliases() -> dict[str, str]:
    """`discords/<stem>` to full name."""
    return {f"discords/{name.rsplit('/', 1)[-1]}": f"discords/{name}" for name in _SPLITS}


def load(name: str) -> Series:
    """One series. In the gesture, 0.0 stands for a missing sample and becomes NaN."""
    short = name.removeprefix("discords/")
    family = short.partition("/")[0]
    split = _SPLITS[short]
    if short == "nyc_taxi":
        path = "discords/nyc_taxi/nyc_taxi.csv"
        table = pd.read_csv(fetch(path), header=None, index_col=0, parse_dates=[0])
        frame = table.set_axis(_COLUMNS[family], axis=1).astype(float)
        frame.index = pd.DatetimeIndex(frame.index, name="time")
        period_s = median_period_s(frame)
    else:
        path = f"discords/{short}.txt"
        # Some files end their lines with CR CR LF, which a CSV reader takes for empty rows.
        values = np.loadtxt(fetch(path).read_text(encoding="ascii").split("\n"), ndmin=2)
        values, period_s = _without_clock(values, family)
        frame = pd.DataFrame(values, columns=_COLUMNS[family])
        frame.index.name = "row"
    index = frame.index
    inside = sum(
        split.test is not None and split.test[0] <= first and last <= split.test[1]
        for first, last in split.anomalies
    )
    notes = "no labels and no split" if not split.anomalies else ""
    if inside < len(split.anomalies):
        notes = f"{inside} of {len(split.anomalies)} labelled windows lie in the test part"
    return Series(
        name=name,
        frame=frame,
        windows=tuple((index[first], index[last - 1]) for first, last in split.anomalies),
        train=split.train,
        test=(split.test,) if split.test else (),
        period_s=period_s,
        source=url(path),
        licence=LICENCE,
        notes=notes,
    )


def _without_clock(values: np.ndarray, family: str) -> tuple[np.ndarray, float | None]:
    if family == "ecg":
        clock = values[:, 0]
        return values[:, 1:], round(float(clock[-1] - clock[0]) / (len(clock) - 1), 6)
    if family == "gesture":
        return np.where(values == 0.0, np.nan, values), None
    return values, 900.0 if family == "power_demand" else None  # a year of quarter hours
