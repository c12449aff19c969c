"""A gateway's installation: the wheel's base dependencies alone."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.protocol.benchmark import Benchmark, Planned, Rows, Session
from benchmarks.protocol.run import show_whole

ROOT = Path(__file__).parents[2]
_PROBE = """
import sys, time
def peak():  # not ru_maxrss: it survives exec, so it would be the benchmark's own
    return next(int(x.split()[1]) / 1024 for x in open("/proc/self/status") if x[:5] == "VmHWM")
start = time.perf_counter()
import runtime
imported = time.perf_counter() - start
rss = peak()
detector = runtime.Detector(sys.argv[1])
loaded = time.perf_counter() - start
print(imported, rss, loaded, peak())
"""
_LEAST = """
import time
start = time.perf_counter()
import numpy, onnxruntime
print(time.perf_counter() - start)
"""


def plan(session: Session) -> list[Planned]:
    """Returns one case."""
    return [Planned(keys={"what": "a gateway's installation"}, again=True)]


def measure(one: Planned, session: Session) -> Rows:
    """Builds the wheel, installs it into a new environment, scores a file there."""
    from benchmarks.protocol.models import export_fitted, fitted

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = export_fitted(fitted(hidden_units=128, l_win=24), folder)
        index = pd.date_range("2025-01-01", periods=100_000, freq="min", name="time")
        values = 20 + np.random.default_rng(0).normal(size=len(index))
        pd.DataFrame({"c0": values}, index=index).to_csv(folder / "data.csv")
        _call(sys.executable, "-m", "build", "--wheel", "--outdir", folder, ROOT)
        (wheel,) = folder.glob("*.whl")
        _call(sys.executable, "-m", "venv", folder / "gateway")
        python = folder / "gateway/bin/python"
        empty = _size(folder / "gateway")
        _call(python, "-m", "pip", "install", "--quiet", wheel)
        packages = _call(python, "-m", "pip", "list", "--format=freeze").splitlines()
        kept = [p for p in packages if p.split("==")[0] not in ("pip", "setuptools")]
        # In turn, so that a busy moment of the machine meets both.
        probes = np.array(
            [
                [
                    float(n)
                    for code in (_PROBE, _LEAST)
                    for n in _call(python, "-c", code, file).split()
                ]
                for _ in range(9)
            ]
        )
        imported, rss, loaded, loaded_rss, least = np.median(probes, axis=0)
        scored = _call(
            "/usr/bin/env",
            "bash",
            "-c",
            f"{python} -m runtime score {file} {folder}/data.csv -o {folder}/scores.csv 2>&1",
        )
        rows = sum(1 for _ in (folder / "scores.csv").open()) - 1
        figures = {
            "packages": " ".join(kept),
            "wheel, kB": round(wheel.stat().st_size / 1e3),
            "installed, MB": round((_size(folder / "gateway") - empty) / 1e6),
            "import runtime, s": round(imported, 2),
            "RSS after import, MB": round(rss),
            "import and load a detector, s": round(loaded, 2),
            "of it numpy and onnxruntime, s": round(least, 2),
            "RSS with a detector, MB": round(loaded_rss),
            "rows scored": rows,
            "summary": scored.strip().splitlines()[-1],
        }
    return {"footprint": [{"what": what, "value": value} for what, value in figures.items()]}


def _call(*command: object) -> str:
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [*map(str, command)], capture_output=True, text=True, check=False, env=environment, cwd="/"
    )
    if done.returncode:
        raise RuntimeError(f"{command}: {done.stdout}{done.stderr}")
    return done.stdout


def _size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())


BENCHMARK = Benchmark(plan=plan, measure=measure, show=show_whole, tables={"footprint": ()})
