"""The `kad` program."""

import typer

from kad.cli.check import check
from kad.cli.command import VersionOption, run_app
from kad.cli.demo import demo
from kad.cli.evaluate import evaluate
from kad.cli.report import report
from kad.cli.score import score
from kad.cli.train import train

app = typer.Typer(
    name="kad",
    help="Train detectors for sensor streams; export them with python -m export, run them with "
    "python -m runtime.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

for _command in (check, train, report, score, evaluate, demo):
    app.command()(_command)


@app.callback()
def _options(version: VersionOption = False) -> None:
    pass


def main() -> None:
    """Runs the command line."""
    run_app(app)


if __name__ == "__main__":
    main()
