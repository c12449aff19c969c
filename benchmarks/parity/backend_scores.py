"""Scores on one backend, by `python -m benchmarks.parity.backend_scores BACKEND MODEL X OUT`."""

import sys
from pathlib import Path
from typing import Any

import numpy as np

from kad.backend import select_backend


def scores(model: str | Path, x: np.ndarray) -> dict[str, np.ndarray]:
    """Returns every output, and the last state, of streams `(streams, steps, inputs)` from new."""
    import kad
    from kad.backend.compiled import compile_function

    detector = kad.load(model)
    step = compile_function(detector.step, detector.variables)
    state = np.zeros((len(x), detector.state_size), "float32")
    parts = []
    for start in range(0, x.shape[1], detector.max_steps):
        parts.append(step(x[:, start : start + detector.max_steps], state))
        state = parts[-1]["next_state"]
    joined = {
        name: np.concatenate([part[name] for part in parts], axis=1)
        for name in parts[0]
        if name != "next_state"
    }
    return {**joined, "next_state": state}


def main(backend: str, model: str, series: str, out: str) -> None:
    """Scores a series on a backend and saves every output."""
    select_backend(backend)
    arrays: dict[str, Any] = scores(model, np.load(series))
    np.savez(Path(out), **arrays)


if __name__ == "__main__":
    main(*sys.argv[1:])
