"""What a table holds, in words: what `kad check` prints."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import tomli_w

from kad.data.frames import times_ns, to_grid
from kad.data.period import find_period
from kad.data.tables import ROWS, Table
from runtime.clock.durations import nanoseconds
from runtime.clock.grid import FILE_REMEMBER, FILE_REORDER
from runtime.clock.said import describe, judge
from runtime.clock.time_grid import TimeGrid
from runtime.errors import InputError

__all__ = ["check_table"]

_GAP = 12
"""Missing periods from which on a gap is told apart."""


def check_table(table: Table) -> Iterator[str]:
    """Yields what a table holds, a line each.

    Args:
        table: From `kad.data.tables.read_table`, with all its columns.
    """
    yield from table.report.lines()
    if table.report.dialect:
        yield f"Dialect: {table.report.dialect}."
    period = None
    if table.frame.index.name == ROWS:
        yield "Period: unknown, for there are no times. Say period = SECONDS in [data]."
    else:
        try:
            found = find_period(times_ns(table.frame))
            period = found.seconds
            yield f"Period: {found.text(table.style)}."
        except InputError as error:
            yield f"Period: {error}"
    if period is not None:
        yield from _on_grid(table, period)
    yield ""
    width = max(len(name) for name in table.frame.columns)
    titles = "".join(f"{title:>12}" for title in ("least", "median", "most"))
    yield f"{'channel':{width}} {titles} {'missing':>8} {'values':>7}"
    for name in table.frame.columns:
        column = table.frame[name].to_numpy()
        known = column[np.isfinite(column)]
        if len(known):
            least, middle, most = (f"{f(known):>11.5g}" for f in (np.min, np.median, np.max))
        else:
            least = middle = most = f"{'':>11}"
        share = 1 - len(known) / len(column)
        shown = name.replace("\n", " ")
        yield f"{shown:{width}}  {least} {middle} {most} {share:>8.1%} {len(np.unique(known)):>7}"
    yield ""
    yield "What was found, for a configuration file (kad train --config FILE.toml):"
    yield tomli_w.dumps({"data": _settings(table, period)}).rstrip()


def _on_grid(table: Table, period: float) -> Iterator[str]:
    frame = table.frame
    grid = TimeGrid(
        nanoseconds(period),
        frame.shape[1],
        reorder=FILE_REORDER,
        max_gap=_GAP,
        remember=FILE_REMEMBER,
    )
    _, counts = to_grid(frame, grid)
    yield from describe(counts, grid.incidents)
    if problem := judge(counts, period_s=period):
        yield f"As it is, this would be refused: {problem}"


def _settings(table: Table, period: float | None) -> dict[str, Any]:
    said = table.reading.to_dict()
    form = table.reading.form
    found: dict[str, Any] = {
        name: said[name] for name in ("time", "timezone", "decimal", "id", "value") if name in said
    }
    if form is not None and form.kind in ("day-first", "month-first", "year-first"):
        found["time_format"] = form.kind
    if "missing" in said:
        found["missing"] = said["missing"]
    if table.reading.id is not None:
        found["long"] = True
    found["channels"] = list(table.frame.columns)
    if period is not None:
        found["period"] = period
    return found
