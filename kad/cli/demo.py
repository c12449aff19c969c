"""`kad demo`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from kad.backend import select_backend
from kad.cli.command import BackendOption, command
from kad.cli.train import run_training


@command
def demo(
    out: Annotated[Path, typer.Option(help="Run folder.")] = Path("demo"),
    backend: BackendOption = None,
    seed: Annotated[int, typer.Option(help="Seed of the pump and of the training.")] = 0,
    epochs: Annotated[
        int | None, typer.Option(help="Epochs of every phase.", show_default=False)
    ] = None,
) -> None:
    """Train on four weeks of a synthetic pump and report its faults; replaces the folder."""
    chosen = select_backend(backend)
    from kad.config import build_config
    from kad.pump import UNITS, pump
    from kad.runs.folder import files_of
    from runtime.files import check_outputs, write_atomically

    data, labels = out / "pump.csv", out / "labels.csv"
    check_outputs({"pump.csv of --out": data, "labels.csv of --out": labels}, inputs=files_of(out))
    frame, faults = pump(days=28, period_s=300, seed=seed)
    out.mkdir(parents=True, exist_ok=True)
    write_atomically(data, frame.to_csv(index_label="time"))
    write_atomically(labels, faults.to_csv(index=False))
    overrides: dict[str, dict[str, Any]] = {
        "data": {"train": f"0:{len(frame) // 2}", "units": dict(UNITS)},
        "training": {"seed": seed, "backend": chosen},
    }
    if epochs is not None:
        overrides["training"] |= {"epochs": epochs, "epochs_lstm": epochs}
    settings = build_config(overrides=overrides)
    run_training(settings, data, out, labels=labels, overwrite=True)
