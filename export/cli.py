"""`python -m export` and `kad-export`."""

import importlib.util
import sys


def main() -> None:
    """Runs the command line."""
    if importlib.util.find_spec("typer") is None:
        sys.stderr.write("kad: error: Export needs typer: pip install 'kad-anomaly[export]'\n")
        sys.exit(2)
    from pathlib import Path
    from typing import Annotated

    import typer

    from export.exporter import export
    from kad.cli.command import VersionOption, command, run_app

    @command
    def export_run(
        run: Annotated[Path, typer.Argument(help="Run folder, or .keras file.")],
        output: Annotated[
            Path | None, typer.Option("--output", "-o", help="Detector file.")
        ] = None,
        streams: Annotated[int | None, typer.Option(help="Fixed number of streams.")] = None,
        steps: Annotated[int | None, typer.Option(help="Fixed steps of a call.")] = None,
        components: Annotated[  # noqa: FBT002
            bool, typer.Option("--components", help="Also write the networks on their own.")
        ] = False,
        metadata: Annotated[  # noqa: FBT002
            bool, typer.Option("--metadata", help="Also write what the file says, as .json.")
        ] = False,
        step: Annotated[  # noqa: FBT002
            bool, typer.Option("--step", help="Also write a file of single steps, .step.onnx.")
        ] = False,
        version: VersionOption = False,  # noqa: ARG001, FBT002
    ) -> None:
        """Export a trained run to one .onnx file that is the whole detector."""
        done = export(
            run,
            output,
            streams=streams,
            steps=steps,
            components=components,
            metadata=metadata,
            step=step,
        )
        worst = max(gap for gaps in done.gaps.values() for gap in gaps.values())
        size = done.path.stat().st_size / 1e6
        typer.echo(
            f"Wrote {done.path} ({size:.1f} MB). Replayed in Keras and ONNX, sample by sample, "
            f"in chunks and whole: largest relative gap {worst:.1e}."
        )
        for path in filter(None, (*done.components, done.metadata, done.step)):
            typer.echo(f"Wrote {path}.")

    app = typer.Typer(name="python -m export", pretty_exceptions_enable=False, add_completion=False)
    app.command()(export_run)
    run_app(app)
