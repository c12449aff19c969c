"""Names to series."""

from __future__ import annotations

import csv
import difflib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from datasets import csv_file, discords, nab, skab, synthetic, ucr, vae_lstm
from runtime.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from datasets.series import Series

__all__ = ["CATALOGUE", "catalogue", "describe", "load", "make_catalogue", "names"]

CATALOGUE = Path(__file__).with_name("catalogue.csv")
"""Size, period, labels and licence of every series, so that listing them loads none."""

_LOADERS = {
    "synthetic": synthetic,
    "vae_lstm": vae_lstm,
    "nab": nab,
    "discords": discords,
    "skab": skab,
    "ucr": ucr,
}


def names(prefix: str = "") -> list[str]:
    """The names of all series that start with `prefix`; no file is touched but the registry."""
    everything = (name for loader in _LOADERS.values() for name in loader.names())
    return [name for name in everything if name.startswith(prefix)]


def load(name: str | Path, **options: Any) -> Series:
    """Loads a series by name, or your own CSV by path.

    Args:
        name: One of `names()`; short forms such as `nab/nyc_taxi` or `discords/chfdbchf15`; or the
            path of a `.csv` file.
        **options: For a CSV `labels`, `time`, `train`, `test` (`csv_file.load`); for
            `synthetic/pump` what `kad.pump.pump` takes.

    Returns:
        The series.

    Raises:
        InputError: The name is unknown (the message has the nearest ones), an option does not
            exist, or the data cannot be used.
    """
    text = str(name)
    full = _aliases().get(text, text)
    if full in _known():
        return _call(_LOADERS[full.partition("/")[0]].load, full, options)
    if isinstance(name, Path) or text.lower().endswith(".csv") or Path(text).is_file():
        return _call(csv_file.load, text, options)
    near = difflib.get_close_matches(text, [*_known(), *_aliases()], n=3, cutoff=0.5)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    raise InputError(
        f"There is no data set {text!r}.{hint} `python -m datasets list` shows all; a path of your "
        "own must end in .csv."
    )


@cache
def catalogue() -> dict[str, dict[str, str]]:
    """The rows of `catalogue.csv` by name."""
    with CATALOGUE.open(encoding="utf-8", newline="") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


def make_catalogue() -> list[dict[str, str]]:
    """Loads every series and describes it."""
    return [_describe(load(name)) for name in names()]


def describe(series: Series) -> dict[str, Any]:
    """What a program needs to know about a series, for JSON; rows are 0-based and half-open."""
    return {
        "name": series.name,
        "rows": len(series.frame),
        "channels": series.channels,
        "units": series.units,
        "timed": not isinstance(series.frame.index, pd.RangeIndex),
        "period_s": series.period_s,
        "train": series.train,
        "test": series.test,
        "anomalies": len(series.windows),
        "licence": series.licence,
        "notes": series.notes,
    }


def _describe(series: Series) -> dict[str, str]:
    return {
        "name": series.name,
        "rows": str(len(series.frame)),
        "channels": str(len(series.channels)),
        "period_s": "" if series.period_s is None else f"{series.period_s:g}",
        "anomalies": str(len(series.windows)),
        "licence": series.licence,
    }


def _call(loader: Callable[..., Series], name: str, options: Mapping[str, Any]) -> Series:
    try:
        return loader(name, **options)
    except TypeError as error:
        if "unexpected keyword" not in str(error):
            raise
        raise InputError(f"{name}: {str(error).partition(') ')[2] or error}.") from error


@cache
def _known() -> frozenset[str]:
    return frozenset(names())


@cache
def _aliases() -> dict[str, str]:
    return {**nab.aliases(), **discords.aliases()}
