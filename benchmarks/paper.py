"""The paper's five series by its own protocol, scored by the exported file in the runtime."""

import itertools
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from benchmarks.results_file import ResultsFile
from datasets import load
from kad.metrics import best_f1, sequence_labels

SERIES = {
    "ambient_temp": (24, 40),
    "cpu_utilization": (48, 20),
    "ec2_request": (24, 40),
    "machine_temp": (48, 20),
    "nyc_taxi": (48, 40),
}
"""Window length and epochs of each part."""
L_SEQ = 12
SPLITS = ("shuffled",)
"""How windows are split into training and validation; add "chronological" to compare."""
ORIGINAL = {
    "ambient_temp": (0.680, 0.996),
    "cpu_utilization": (0.871, 0.982),
    "ec2_request": (0.853, 0.996),
    "machine_temp[0]": (0.691, 0.987),
    "machine_temp[1]": (0.740, 0.907),
    "nyc_taxi": (0.818, 0.997),
}
"""Plain and point-adjusted F1 of the original code after as many epochs."""


def run(*, seeds: int, fresh: bool, console: Console) -> pd.DataFrame:
    """Trains, exports and scores every series for every seed that is not in the results yet."""
    results = ResultsFile("paper", ("split", "series", "seed"), fresh=fresh)
    for seed, split, name in itertools.product(range(seeds), SPLITS, SERIES):
        parts = [p for p in ORIGINAL if p.split("[")[0] == name]
        if all(results.has(split=split, series=part, seed=seed) for part in parts):
            continue
        console.print(f"{name}, {split} split, seed {seed} …")
        for row in _case(name, split, seed):
            if not results.has(split=split, series=row["series"], seed=seed):
                results.add(**row)
    return results.table


def _case(name: str, split: str, seed: int) -> list[dict[str, object]]:
    series = load(f"vae_lstm/{name}")
    l_win, epochs = SERIES[name]
    with tempfile.TemporaryDirectory() as folder:
        data, out = Path(folder) / "data.csv", Path(folder) / "run"
        series.to_csv(data)
        config = Path(folder) / "config.toml"
        config.write_text(f'[detector]\nl_win = {l_win}\n[training]\nsplit = "{split}"\n')
        start, end = series.train
        _python(
            "kad",
            "train",
            data,
            "--preset",
            "paper",
            "--config",
            config,
            "--seed",
            seed,
            "--epochs",
            epochs,
            "--train",
            f"{start}:{end}",
            "--out",
            out,
        )
        _python("export", out)
        history = pd.read_csv(out / "history.csv")
        rows = []
        for i, (a, b) in enumerate(series.test):
            score = _score(out / "detector.onnx", series.frame.iloc[a:b].to_numpy())
            part = name if len(series.test) == 1 else f"{name}[{i}]"
            points = [p - a for p in series.points if a <= p < b]
            rows.append(
                {
                    "split": split,
                    "series": part,
                    "seed": seed,
                    **_metrics(score, points, l_win * L_SEQ),
                }
            )
    seconds = history[history["epoch"] > 1].groupby("phase")["seconds"].median()
    best = history.groupby("phase")["val_loss"].min()
    timing = {f"{p}_epoch_s": seconds[p] for p in ("vae", "lstm")}
    losses = {f"{p}_val_loss": best[p] for p in ("vae", "lstm")}
    return [{**row, **losses, **timing} for row in rows]


def _score(detector_file: Path, values: np.ndarray) -> np.ndarray:
    from runtime import Detector, Stream

    detector = Detector(detector_file)
    stream = Stream(detector)
    times = np.arange(len(values), dtype="int64") * round(detector.metadata.period_s * 1e9)
    return stream.push_many(times, values).score


def _metrics(score: np.ndarray, points: list[int], length: int) -> dict[str, float | str]:
    labels, regions = sequence_labels(points, rows=len(score), length=length)
    sequences = score[length - 1 :]
    noise = np.random.default_rng(0).random(len(sequences))
    plain, adjusted = best_f1(sequences, labels), best_f1(sequences, labels, regions=regions)
    found = sequences >= plain.threshold
    return {
        "f1": plain.f1,
        "precision": plain.precision,
        "recall": plain.recall,
        "recall_per_anomaly": " ".join(f"{found[a:b].mean():.2f}" for a, b in regions),
        "f1_adjusted": adjusted.f1,
        "random_f1": best_f1(noise, labels).f1,
        "random_f1_adjusted": best_f1(noise, labels, regions=regions).f1,
    }


def _python(module: str, *arguments: object) -> None:
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr}")


def show(table: pd.DataFrame, console: Console) -> None:
    """Prints the medians beside the original's figures."""
    out = Table(title="The paper's series: best F1 over 200 thresholds, median of seeds")
    for column in (
        "series",
        "split",
        "F1",
        "seeds",
        "original",
        "adjusted",
        "original",
        "random",
        "random adjusted",
    ):
        out.add_column(column, justify="left" if column == "series" else "right")
    for split, (name, (plain, adjusted)) in itertools.product(SPLITS, ORIGINAL.items()):
        rows = table[(table["series"] == name) & (table["split"] == split)]
        if rows.empty:
            continue
        out.add_row(
            name,
            split,
            f"{rows['f1'].median():.3f}",
            " ".join(f"{f:.3f}" for f in sorted(rows["f1"])),
            f"{plain:.3f}",
            f"{rows['f1_adjusted'].median():.3f}",
            f"{adjusted:.3f}",
            f"{rows['random_f1'].median():.3f}",
            f"{rows['random_f1_adjusted'].median():.3f}",
        )
    console.print(out)
