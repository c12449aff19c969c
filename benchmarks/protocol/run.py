"""Runs any benchmark: trains what has no scores, measures what has no rows, prints the tables."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

from benchmarks.protocol.benchmark import Benchmark, Options, Planned, Session, Tables
from benchmarks.protocol.jobs import finish
from benchmarks.protocol.results_file import ResultsFile, WholeTable
from kad.backend import select_backend
from runtime.errors import KadError

Kept = Mapping[str, ResultsFile]


def run(benchmark: Benchmark, options: Options, console: Console) -> None:
    """Measures what has not been measured and prints the tables.

    A case that fails is said and counted; it has no rows and is tried again by the next run, or
    says in its row why it failed.

    Args:
        benchmark: The benchmark.
        options: What to measure, and what to do again.
        console: For progress and tables.

    Raises:
        KeyboardInterrupt: Ctrl+C. Finished cases are kept.
    """
    if benchmark.trains_here:
        select_backend()
    kept = kept_tables(benchmark)
    with Session(options, console) as session:
        todo = [one for one in benchmark.plan(session) if not is_finished(one, kept, options)]
        trained = [case for one in todo for case in one.trained]
        if lost := finish(trained, options, console):
            console.print(f"{lost} of {len(trained)} trainings failed; each says why above.")
        failed = sum(not _measured(one, benchmark, session, kept) for one in todo)
    for table in kept.values():
        table.close()
    if failed:
        console.print(f"{failed} of {len(todo)} cases failed; each says why above.")
    show(benchmark, console)


def kept_tables(benchmark: Benchmark) -> dict[str, ResultsFile]:
    """Returns the tables of a benchmark, details too."""
    tables: dict[str, ResultsFile] = {
        name: ResultsFile(name, keys) if keys else WholeTable(name)
        for name, keys in benchmark.tables.items()
    }
    details = benchmark.details.items()
    return tables | {name: ResultsFile(name, keys, detail=True) for name, keys in details}


def is_finished(one: Planned, kept: Kept, options: Options) -> bool:
    """Says whether a case has rows; with `retry` a failure is none."""
    if options.fresh or one.again:
        return False
    found = [table.rows(**one.keys) for table in kept.values()]
    if options.retry:
        found = [rows[rows["failed"].isna()] if "failed" in rows else rows for rows in found]
    return not all(rows.empty for rows in found)


def _measured(one: Planned, benchmark: Benchmark, session: Session, kept: Kept) -> bool:
    """Measures a case and keeps its rows; says whether it did."""
    if not one.trained:
        session.console.print(f"{one.name} …", highlight=False)
    try:
        rows = benchmark.measure(one, session)
    except (RuntimeError, KadError) as error:
        session.console.print(f"[red]failed[/] {one.name}: {error}", highlight=False)
        return False
    for name, part in rows.items():
        kept[name].replace([dict(row) for row in part])
    return True


def show(benchmark: Benchmark, console: Console) -> None:
    """Prints the tables that are kept."""
    tables = {name: table.table for name, table in kept_tables(benchmark).items()}
    if all(tables[name].empty for name in benchmark.tables):
        console.print("Nothing has been measured yet.")
        return
    benchmark.show(tables, console)


def show_whole(tables: Tables, console: Console) -> None:
    """Prints all rows of all tables."""
    for name, table in tables.items():
        out = Table(title=f"{name}.csv", title_justify="left")
        for column in table.columns:
            out.add_column(str(column))
        for row in table.itertuples(index=False):
            out.add_row(*("" if pd.isna(cell) else _text(cell) for cell in row))
        console.print(out)


def _text(cell: Any) -> str:
    return f"{cell:.3g}" if isinstance(cell, float) else str(cell)
