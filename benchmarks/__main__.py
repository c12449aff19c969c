"""`python -m benchmarks`: measure, write to `benchmarks/results/`, print."""

from typing import Annotated

import pandas as pd
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.results_file import RESULTS

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)
console = Console(width=120)

Fresh = Annotated[bool, typer.Option("--fresh", help="Measure finished cases again.")]


@app.callback()
def benchmarks() -> None:
    """Measure, write to benchmarks/results/, print."""


@app.command()
def paper(
    seeds: Annotated[int, typer.Option(help="Seeds per series.")] = 3,
    fresh: Fresh = False,
) -> None:
    """The VAE-LSTM paper's five series by its protocol."""
    from benchmarks import paper as benchmark

    benchmark.show(benchmark.run(seeds=seeds, fresh=fresh, console=console), console)


@app.command()
def discords(
    variants: Annotated[
        str | None, typer.Option(help="Such as rnn,gaussian.", show_default="all")
    ] = None,
    seeds: Annotated[int, typer.Option(help="Seeds per series.")] = 1,
    fresh: Fresh = False,
) -> None:
    """The sixteen discords and the year of taxi rides, by every detector."""
    from benchmarks import discords as benchmark

    chosen = variants.split(",") if variants else list(benchmark.VARIANTS)
    table = benchmark.run(variants=chosen, seeds=seeds, fresh=fresh, console=console)
    benchmark.show(table[table["variant"].isin(chosen)], console)


@app.command()
def compensation(fresh: Fresh = False) -> None:
    """The RNN predictor's compensation on the discords: a network or support vectors."""
    from benchmarks import compensation as benchmark

    benchmark.show(benchmark.run(fresh=fresh, console=console), console)


@app.command()
def budget(
    detector: Annotated[
        str, typer.Option(help="Such as gaussian,vae-lstm,rnn; networks are tiny.")
    ] = "gaussian",
    seeds: Annotated[int, typer.Option(help="Pumps.")] = 3,
    fresh: Fresh = False,
) -> None:
    """Events on a year of normal data that was never seen, against the false-alarm budget."""
    from benchmarks import budget as benchmark

    table = benchmark.run(detectors=detector.split(","), seeds=seeds, fresh=fresh, console=console)
    benchmark.show(table, console)


def _text(cell: object) -> str:
    return f"{cell:.3g}" if isinstance(cell, float) else str(cell)


def _record(name: str, table: pd.DataFrame) -> None:
    RESULTS.mkdir(exist_ok=True)
    table.to_csv(RESULTS / f"{name}.csv", index=False, float_format="%.4g")
    out = Table(title=f"python -m benchmarks {name}")
    for column in table.columns:
        out.add_column(str(column))
    for row in table.itertuples(index=False):
        out.add_row(*("" if pd.isna(cell) else _text(cell) for cell in row))
    console.print(out)


@app.command()
def training() -> None:
    """Seconds per epoch on nyc_taxi for every backend, beside plain Keras."""
    from benchmarks import training as benchmark

    _record("training", benchmark.run())


@app.command()
def scoring() -> None:
    """Microseconds per sample of the exported file, one thread."""
    from benchmarks import scoring as benchmark

    _record("scoring", benchmark.run())


@app.command()
def predictor() -> None:
    """The RNN predictor: seconds per epoch, µs per sample, beside the original's loops."""
    from benchmarks import predictor as benchmark

    _record("predictor_training", benchmark.training())
    _record("predictor_scoring", benchmark.scoring())


@app.command()
def parity() -> None:
    """The largest gap between the backends and ONNX."""
    from benchmarks import parity as benchmark

    _record("parity", benchmark.run())


@app.command()
def footprint() -> None:
    """Size, import time and memory of a gateway's installation."""
    from benchmarks import footprint as benchmark

    _record("footprint", benchmark.run())


@app.command()
def memory() -> None:
    """Peak memory for long series and large files."""
    from benchmarks import memory as benchmark

    _record("memory", benchmark.run())


@app.command()
def report() -> None:
    """Long series in a report: seconds to write it, its size, how fast a browser is with it."""
    from benchmarks import report as benchmark

    _record("report", benchmark.run())


if __name__ == "__main__":
    app()
