"""The five series of the VAE-LSTM paper with its splits, `vae_lstm/<name>`.

They are NAB's files with other labels: single rows, found by the paper's authors or by NAB's, and a
training part without anomalies. `machine_temp` is tested before and after its training part.

Reference:
    S. Lin, R. Clark, R. Birke, S. Schönborn, N. Trigoni, S. Roberts, 2020, "Anomaly detection for
    time series using VAE-LSTM hybrid model". The authors' files count rows from 1, here from 0.
"""

from __future__ import annotations

from typing import NamedTuple

from datasets import nab
from datasets.files import url
from datasets.series import Series, median_period_s

__all__ = ["load", "names"]


class _Split(NamedTuple):
    stem: str
    train: tuple[int, int]
    points: tuple[int, ...]


_SPLITS = {
    "ambient_temp": _Split("ambient_temperature_system_failure", (0, 3300), (3721, 6180)),
    "cpu_utilization": _Split("cpu_utilization_asg_misconfiguration", (0, 15500), (17002, 17814)),
    "ec2_request": _Split("ec2_request_latency_system_failure", (0, 2000), (2081, 3395, 4023)),
    "machine_temp": _Split(
        "machine_temperature_system_failure", (5000, 15500), (2409, 3986, 16340, 19515)
    ),
    "nyc_taxi": _Split("nyc_taxi", (0, 5500), (5942, 7183, 8526, 8834, 10080)),
}


def names() -> list[str]:
    """The five."""
    return [f"vae_lstm/{name}" for name in _SPLITS]


def load(name: str) -> Series:
    """One series; each window is a labelled row's time stamp."""
    split = _SPLITS[name.removeprefix("vae_lstm/")]
    path = f"nab/data/realKnownCause/{split.stem}.csv"
    frame = nab.read(path)
    first, last = split.train
    stamps = [frame.index[row] for row in split.points]
    return Series(
        name=name,
        frame=frame,
        windows=tuple((stamp, stamp) for stamp in stamps),
        points=split.points,
        train=split.train,
        test=(((0, first),) if first else ()) + ((last, len(frame)),),
        period_s=median_period_s(frame),
        source=url(path),
        licence=nab.LICENCE,
    )
