"""The UCR anomaly archive, 98 series of 11 families, `ucr/<series>`; one channel, one anomaly each.

DISTORTED and NOISE series are copies of a recording with the same anomaly: 42 different ones. They
belong to their recording's family. Choose on some families, report on the others.

    from datasets import ucr

    for name in ucr.names():
        values, train_rows, first, last, family, period, name = ucr.read(name)

Reference:
    R. Wu, E. Keogh, 2021, "Current time series anomaly detection benchmarks are flawed and are
    creating the illusion of progress". Its training and test parts are one series here. The period
    is an estimate from the training rows alone, not part of the archive.
"""

from __future__ import annotations

import csv
from functools import cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from datasets.files import fetch, registry, url
from datasets.series import Series
from runtime.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["INDEX", "Labelled", "families", "family", "load", "names", "read"]

INDEX = "ucr/index.csv"
LICENCE = "unstated (cite the paper)"
_ENDING = ".npz"


class Labelled(NamedTuple):
    """A series as plain arrays and numbers."""

    values: np.ndarray
    """(rows,) float64, nothing missing; first the training rows, then the test rows."""
    train_rows: int
    """The first rows train."""
    first_anomaly: int
    """Row, counted from the first training row."""
    last_anomaly: int
    """Row, itself anomalous."""
    family: str
    period: int
    """Rows; 0: none found."""
    name: str
    """As `load` takes it."""


def names() -> list[str]:
    """All 98; no file is touched but the registry."""
    paths = (PurePosixPath(path) for path in registry() if path.startswith("ucr/"))
    return [f"ucr/{path.stem}" for path in paths if path.suffix == _ENDING]


def families() -> dict[str, list[str]]:
    """Returns the names of the series by family, both in alphabetical order.

    Raises:
        InputError: `KAD_DATA_DIR` has no index.
    """
    members: dict[str, list[str]] = {}
    for name in sorted(names(), key=lambda name: (family(name), name)):
        members.setdefault(family(name), []).append(name)
    return members


def family(name: str) -> str:
    """Returns the family of a series.

    Raises:
        InputError: `KAD_DATA_DIR` has no index.
    """
    return _index(fetch(INDEX))[name]["family"]


def read(name: str) -> Labelled:
    """Reads a series as plain arrays and numbers.

    Args:
        name: One of `names()`.

    Raises:
        InputError: There is no such series, `KAD_DATA_DIR` lacks its file, or the file and the
            index say different things.
    """
    if name not in names():
        raise InputError(f"There is no series {name!r}; `python -m datasets list ucr/` shows all.")
    row = _index(fetch(INDEX))[name]
    with np.load(fetch(_path(name))) as file:
        values = file["values"].astype("float64")
        rows = [int(file[key]) for key in ("train", "anomaly_begin", "anomaly_end")]
    stated = [int(row[key]) for key in ("train", "anomaly_begin", "anomaly_end")]
    if [len(values), *rows] != [int(row["rows"]), *stated]:
        raise InputError(
            f"{name}: its file has {len(values)} rows, training and anomaly {rows}; {INDEX} says "
            f"{row['rows']} and {stated}. Both must be of one version."
        )
    train, begin, end = rows
    return Labelled(values, train, begin, end - 1, row["family"], int(row["period"]), name)


def load(name: str) -> Series:
    """One series; no clock. The rows after the training part are the test part."""
    found = read(name)
    rows = len(found.values)
    repeats = f"a period of {found.period} rows" if found.period else "no period found"
    return Series(
        name=name,
        frame=pd.DataFrame({"value": found.values}, index=pd.RangeIndex(rows, name="row")),
        windows=((found.first_anomaly, found.last_anomaly),),
        train=(0, found.train_rows),
        test=((found.train_rows, rows),),
        source=url(_path(name)),
        licence=LICENCE,
        notes=f"family {found.family}; {repeats} in the training rows",
    )


def _path(name: str) -> str:
    return f"{name}{_ENDING}"


@cache
def _index(file: Path) -> dict[str, dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as lines:
        return {f"ucr/{row['series']}": row for row in csv.DictReader(lines)}
