"""A process that says how much memory it took: it imports what it measures and nothing else."""

import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

MOST_SECONDS = 1200
"""Of the processor: a step of a wide detector that takes more is stopped, and says its peak."""


def _peak_mb() -> float:
    """Peak memory of this process in MiB; ru_maxrss would start at the parent's."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def _train(length: int) -> dict[str, object]:
    from kad.backend import select_backend

    select_backend()
    from kad.detectors.vae_lstm import VAELSTM, VAELSTMTraining

    options = VAELSTMTraining(epochs=1, epochs_lstm=1)
    detector = VAELSTM(["a"], l_win=24, hidden_units=16, lstm_units=8, code_size=3)
    rng = np.random.default_rng(0)
    detector.fit(_frame(rng, 5000), training=options)
    frame = _frame(rng, length)
    before, start = _peak_mb(), time.perf_counter()
    detector.fit(frame, training=options)
    return {
        "what": "train, one epoch of 20,000 windows",
        "rows": length,
        "seconds": round(time.perf_counter() - start, 1),
        "series_mb": round(frame.to_numpy("float32").nbytes / 1e6),
        "all_windows_mb": round(length * 24 * 4 / 1e6),
        "peak_mb_above_idle": round(_peak_mb() - before),
    }


def _frame(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    values = np.sin(np.arange(rows) / 10) + 0.1 * rng.normal(size=rows)
    return pd.DataFrame({"a": values})


def _score(file: str, data: str, length: str) -> dict[str, object]:
    from runtime.cli.app import main

    start = time.perf_counter()
    code = main(["score", file, data, "-o", "/dev/null"])
    if code:
        raise RuntimeError(f"runtime score ended with {code}")
    return {
        "what": "runtime score",
        "rows": int(length),
        "seconds": round(time.perf_counter() - start, 1),
        "file_mb": round(Path(data).stat().st_size / 1e6),
        "peak_mb": round(_peak_mb()),
    }


def _command(*arguments: str) -> dict[str, object]:
    from kad.cli.app import main

    start = _begin()
    sys.argv = ["kad", *arguments]
    try:
        main()
    except SystemExit as ended:
        if ended.code:
            raise RuntimeError(f"kad {arguments[0]} ended with {ended.code}") from ended
    return _since(start)


def _export(run: str) -> dict[str, object]:
    from export.exporter import export

    start = _begin()
    export(run)
    return _since(start)


def _rows(file: str, data: str) -> dict[str, object]:
    start = _begin()
    _score(file, data, "0")
    return _since(start)


def _begin() -> float:
    """Returns the time, and lets this process end after `MOST_SECONDS` of the processor."""
    start = time.perf_counter()

    def stop(*_: Any) -> None:
        refused = f"stopped after {MOST_SECONDS} s of the processor"
        os.write(1, f"\n{json.dumps({**_since(start), 'refused': refused})}\n".encode())
        os._exit(0)

    signal.signal(signal.SIGXCPU, stop)
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, resource.RLIM_INFINITY))
    return start


def _since(start: float) -> dict[str, object]:
    return {
        "seconds": round(time.perf_counter() - start, 1),
        "peak_mb": round(_peak_mb() * 1.048576),
    }


STEPS: dict[str, Callable[..., dict[str, object]]] = {
    "train": lambda length: _train(int(length)),
    "score": _score,
    "command": _command,
    "export": _export,
    "rows": _rows,
}

if __name__ == "__main__":
    kind, *rest = sys.argv[1:]
    print(json.dumps(STEPS[kind](*rest)))
