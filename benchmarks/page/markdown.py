"""Sections, tables and figures of the page."""

from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any, TypeAlias

import pandas as pd

from benchmarks.protocol.results_file import ResultsFile

Column: TypeAlias = "pd.Series[float]"
Writer = Callable[..., Iterable[str]]


def section(title: str, **tables: str) -> Callable[[Writer], Callable[[], str]]:
    """Makes a section of the paragraphs that a function writes about tables of results.

    Args:
        title: Its heading.
        **tables: By name, the command that measures each; a section needs them all.
    """

    def decorate(paragraphs: Writer) -> Callable[[], str]:
        @wraps(paragraphs)
        def written() -> str:
            found = {name: ResultsFile(name).table for name in tables}
            missing = [tables[name] for name, table in found.items() if table.empty]
            lines = [f"Not measured yet: `{command}` does." for command in dict.fromkeys(missing)]
            return "\n\n".join([f"## {title}", *(lines or paragraphs(*found.values()))])

        return written

    return decorate


def table(header: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    """Returns a table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def spread(values: Column, digits: int) -> str:
    """Returns the mean over seeds and, where they differ, the lowest and the highest."""
    known = values.dropna()
    if known.empty:
        return ""
    mean = f"{known.mean():.{digits}f}"
    if len(known) == 1 or known.min() == known.max():
        return mean
    return f"{mean} ({known.min():.{digits}f} to {known.max():.{digits}f})"


def figure(value: Any) -> str:
    """Returns a figure of a table to four digits, nothing where there is none."""
    if pd.isna(value):
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def with_std(values: Column) -> str:
    """Returns the mean over seeds and their standard deviation."""
    mean, std = values.mean(), values.std()
    if pd.isna(mean):
        return ""
    digits = 0 if mean > 100 else 3
    return f"{mean:.{digits}f}" if pd.isna(std) else f"{mean:.{digits}f} ± {std:.{digits}f}"
