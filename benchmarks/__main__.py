"""`python -m benchmarks`: measure, write to `benchmarks/results/`, print."""

from typing import Annotated

import typer
from rich.console import Console

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


if __name__ == "__main__":
    app()
