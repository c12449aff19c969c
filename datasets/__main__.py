"""`python -m datasets list | fetch`."""

from __future__ import annotations

import csv
import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from datasets import files, registry
from runtime.errors import InputError, KadError
from runtime.files import check_outputs

__all__ = ["app", "main"]

app = typer.Typer(add_completion=False, no_args_is_help=True)


@app.callback()
def _root() -> None:
    """Lists and fetches the series that kad's tests and benchmarks use."""


@app.command("list")
def list_(
    prefix: Annotated[str, typer.Argument(help="Only names that start so, such as nab/.")] = "",
    *,
    plain: Annotated[bool, typer.Option("--plain", help="CSV instead of a table.")] = False,
) -> None:
    """Lists every series with its size, period in seconds, labelled anomalies and licence."""
    found = registry.names(prefix)
    if not found:
        raise InputError(f"No data set starts with {prefix!r}; list without it shows all.")
    rows = [registry.catalogue()[name] for name in found]
    if plain:
        writer = csv.DictWriter(sys.stdout, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return
    table = Table(box=None, header_style="bold")
    for column in rows[0]:
        text = column in {"name", "licence"}
        table.add_column(column, justify="left" if text else "right", no_wrap=column == "name")
    for row in rows:
        table.add_row(*row.values())
    Console().print(table)


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="A name of the list, its short form, or a CSV.")],
    *,
    output: Annotated[Path | None, typer.Option("-o", "--out", help="Default: <name>.csv")] = None,
    labels: Annotated[Path | None, typer.Option(help="Also write the labels: start,end.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Describe it as JSON on stdout.")] = False,
) -> None:
    """Writes a series as CSV: time (where it has one) and its channels."""
    series = registry.load(name)
    output = output or Path(f"{Path(series.name).name}.csv")
    raw = os.environ.get(files.ENVIRONMENT)
    sources = {f"the source {path}": Path(raw, path) for path in files.registry()} if raw else {}
    check_outputs({"--out": output, "--labels": labels}, inputs={"NAME": name, **sources})
    series.to_csv(output, labels=labels)
    train = "none" if series.train is None else "{}:{}".format(*series.train)
    written = f"{output}: {len(series.frame)} rows of {', '.join(series.channels)}"
    Console(stderr=True, highlight=False).print(
        f"{written}; training rows {train}; licence {series.licence}", soft_wrap=True, markup=False
    )
    if as_json:
        sys.stdout.write(json.dumps(registry.describe(series)) + "\n")


@app.command("registry", hidden=True)
def registry_(folder: Path) -> None:
    """Writes registry.txt (sha256) and catalogue.csv for a folder laid out as KAD_DATA_DIR."""
    files.REGISTRY.write_text(files.make_registry(folder), encoding="utf-8")
    rows = registry.make_catalogue()
    with registry.CATALOGUE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def main() -> None:
    """Runs the command line; an expected error is one line and its exit code."""
    try:
        app()
    except KadError as error:
        Console(stderr=True, highlight=False).print(str(error), soft_wrap=True, markup=False)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
