"""Scores on one backend, by `python -m benchmarks.parity.backend_scores BACKEND MODEL X OUT`."""

import sys
from pathlib import Path
from typing import Any

import numpy as np

from kad.backend import select_backend
from kad.backend.compiled import compile_function


def main(backend: str, model: str, series: str, out: str) -> None:
    """Scores `(streams, steps, inputs)` from new states and saves every output."""
    select_backend(backend)
    import kad

    detector = kad.load(model)
    step = compile_function(detector.step, detector.variables)
    x = np.load(series)
    state = np.zeros((len(x), detector.state_size), "float32")
    parts = []
    for start in range(0, x.shape[1], detector.max_steps):
        parts.append(step(x[:, start : start + detector.max_steps], state))
        state = parts[-1]["next_state"]
    arrays: dict[str, Any] = {
        name: np.concatenate([part[name] for part in parts], axis=1)
        for name in parts[0]
        if name != "next_state"
    }
    np.savez(Path(out), next_state=state, **arrays)


if __name__ == "__main__":
    main(*sys.argv[1:])
