"""`python -m benchmarks`: measure, write to `benchmarks/results/`, print."""

import importlib
from typing import Annotated, Literal

import pandas as pd
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.protocol.jobs import Effort
from benchmarks.protocol.results_file import RESULTS
from benchmarks.protocol.variants import chosen
from kad.backend import select_backend

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)
console = Console(width=120)

Fresh = Annotated[bool, typer.Option("--fresh", help="Measure finished cases again.")]
Variants = Annotated[
    str | None, typer.Option(help="Such as rnn,gaussian.", show_default="the main ones")
]
Seeds = Annotated[int, typer.Option(min=1, help="Seeds per series.")]
Jobs = Annotated[int, typer.Option(min=1, help="Worker processes, one thread each.")]
Retry = Annotated[bool, typer.Option("--retry", help="Try failed cases again.")]
Stale = Annotated[
    bool, typer.Option("--stale", help="Keep scores that older code made with these settings.")
]


@app.callback()
def benchmarks() -> None:
    """Measure, write to benchmarks/results/, print."""


@app.command()
def nab(
    variants: Variants = None,
    seeds: Seeds = 3,
    jobs: Jobs = 2,
    column: Annotated[
        Literal["score", "severity"], typer.Option(help="What the alarm policy thresholds.")
    ] = "score",
    recipes: Annotated[
        bool,
        typer.Option("--recipes", help="Let halves choose scoring options, too: takes minutes."),
    ] = False,
    fresh: Fresh = False,
    retry: Retry = False,
    stale: Stale = False,
) -> None:
    """The Numenta Anomaly Benchmark: all 58 series."""
    effort = Effort(jobs=jobs, fresh=fresh, retry=retry, stale=stale)
    _compare("detection.nab", variants, seeds, effort, column=column, recipes=recipes)


@app.command()
def skab(
    variants: Variants = None,
    seeds: Seeds = 3,
    jobs: Jobs = 2,
    fresh: Fresh = False,
    retry: Retry = False,
    stale: Stale = False,
) -> None:
    """The Skoltech Anomaly Benchmark: outliers among the rows of 34 experiments."""
    _compare(
        "detection.skab", variants, seeds, Effort(jobs=jobs, fresh=fresh, retry=retry, stale=stale)
    )


@app.command()
def discords(
    variants: Variants = None,
    seeds: Seeds = 3,
    jobs: Jobs = 2,
    fresh: Fresh = False,
    retry: Retry = False,
    stale: Stale = False,
) -> None:
    """The sixteen discords and the year of taxi rides, by every detector."""
    _compare(
        "detection.discords",
        variants,
        seeds,
        Effort(jobs=jobs, fresh=fresh, retry=retry, stale=stale),
    )


@app.command()
def paper(
    variants: Variants = None,
    seeds: Seeds = 3,
    jobs: Jobs = 2,
    fresh: Fresh = False,
    retry: Retry = False,
    stale: Stale = False,
) -> None:
    """The VAE-LSTM paper's five series by its protocol, by every detector."""
    _compare(
        "detection.paper", variants, seeds, Effort(jobs=jobs, fresh=fresh, retry=retry, stale=stale)
    )


@app.command()
def page() -> None:
    """The comparison with published figures: benchmarks/results/COMPARISON.md."""
    from benchmarks.page import write as benchmark

    benchmark.write()
    console.print(f"Written to {benchmark.PAGE}")


@app.command()
def compensation(fresh: Fresh = False) -> None:
    """The RNN predictor's compensation on the discords: a network or support vectors."""
    from benchmarks.detection import compensation as benchmark

    benchmark.show(benchmark.run(fresh=fresh, console=console), console)


@app.command()
def budget(
    detector: Annotated[
        str, typer.Option(help="Such as gaussian,vae-lstm,rnn; with --data nab, variants.")
    ] = "gaussian",
    data: Annotated[
        Literal["pump", "nab"], typer.Option(help="A year of a pump, or normal parts of NAB.")
    ] = "pump",
    seeds: Annotated[int, typer.Option(min=1, help="Pumps; with --data nab, trainings.")] = 3,
    jobs: Jobs = 2,
    fresh: Fresh = False,
) -> None:
    """Events on normal data that was never seen, against the false-alarm budget."""
    if data == "nab":
        _compare("budgets.nab", detector, seeds, Effort(jobs=jobs, fresh=fresh))
        return
    from benchmarks.budgets import pump as benchmark

    table = benchmark.run(detectors=detector.split(","), seeds=seeds, fresh=fresh, console=console)
    benchmark.show(table, console)


@app.command()
def faults(
    detector: Annotated[
        str, typer.Option(help="Names, comma-separated.")
    ] = "gaussian,memory,rnn,vae-lstm,ensemble",
    seeds: Annotated[int, typer.Option(min=1, help="Pumps.")] = 3,
    fresh: Fresh = False,
) -> None:
    """Faults of a synthetic pump that are found, and false alarms."""
    from benchmarks.detection import faults as benchmark

    table = benchmark.run(detectors=detector.split(","), seeds=seeds, fresh=fresh, console=console)
    benchmark.show(table, console)


def _compare(name: str, variants: str | None, seeds: int, effort: Effort, **options: str) -> None:
    select_backend()
    benchmark = importlib.import_module(f"benchmarks.{name}")
    try:
        names = chosen(variants, benchmark.DEFAULT)
    except KeyError as error:
        raise typer.BadParameter(error.args[0], param_hint="--variants") from error
    try:
        table = benchmark.run(
            variants=names, seeds=seeds, effort=effort, console=console, **options
        )
    except KeyboardInterrupt:
        console.print("Stopped. Finished cases are kept: the same command goes on from there.")
        raise typer.Exit(130) from None
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
    from benchmarks.cost import training as benchmark

    _record("training", benchmark.run())


@app.command()
def scoring() -> None:
    """Microseconds per sample of the exported file, one thread, for every detector."""
    from benchmarks.cost import detectors as cost
    from benchmarks.cost import scoring as benchmark

    _record("scoring_detectors", cost.run())
    _record("scoring", benchmark.run())


@app.command()
def predictor() -> None:
    """The RNN predictor: seconds per epoch, µs per sample, beside the original's loops."""
    from benchmarks.cost import predictor as benchmark

    _record("predictor_training", benchmark.training())
    _record("predictor_scoring", benchmark.scoring())


@app.command()
def parity() -> None:
    """The largest gap between the backends and ONNX."""
    from benchmarks.parity import backends as benchmark

    _record("parity", benchmark.run())


@app.command()
def footprint() -> None:
    """Size, import time and memory of a gateway's installation."""
    from benchmarks.cost import footprint as benchmark

    _record("footprint", benchmark.run())


@app.command()
def memory() -> None:
    """Peak memory for long series and large files."""
    from benchmarks.cost import memory as benchmark

    _record("memory", benchmark.run())


@app.command()
def report() -> None:
    """Long series in a report: seconds to write it, its size, how fast a browser is with it."""
    from benchmarks.cost import report as benchmark

    _record("report", benchmark.run())


if __name__ == "__main__":
    app()
