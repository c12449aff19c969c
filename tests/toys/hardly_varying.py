"""Channels that hardly vary in training, beside two that do: rounding noise, rare values, steps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from toys.series import wave

TRAINING, TEST = 900, 600
"""Rows of each part."""
STEP = slice(400, 460)
"""Test rows of a real change, where there is one."""
RESTING = np.r_[0 : STEP.start, STEP.stop + 60 : TEST]
"""Test rows that are neither part of it nor just after it."""


@dataclass(frozen=True)
class Case:
    """A channel: what it reads in training, in use, and while something is wrong."""

    training: np.ndarray
    normal: np.ndarray
    wrong: float
    """What it reads in the rows `STEP` of the faulty series."""


def _noise(level: float, spacing: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rounding noise of up to two spacings around a level."""
    rng = np.random.default_rng(seed)
    both = level + spacing * rng.integers(-2, 3, TRAINING + TEST)
    return both[:TRAINING], both[TRAINING:]


def _cases() -> dict[str, Case]:
    rng = np.random.default_rng(0)
    cases = {}
    for level in (0.999, 1e6, 1e-6, -273.15):
        for kind in ("float64", "float32"):
            spacing = float(np.spacing(np.dtype(kind).type(abs(level))))
            noise = _noise(level, spacing, seed=1)
            cases[f"{kind} noise around {level:g}"] = Case(*noise, wrong=level * 1.03)
    cases["residues around 0"] = Case(*_noise(0.0, 5.55e-17, seed=1), wrong=0.5)
    cases["constant, 0"] = Case(np.zeros(TRAINING), np.zeros(TEST), wrong=1.0)
    cases["constant, then noise"] = Case(
        np.full(TRAINING, 0.999), _noise(0.999, 6e-8, seed=1)[1], wrong=0.95
    )
    flicker = 20.0 + 0.1 * rng.integers(0, 2, TEST)
    cases["constant, then flickers by a step"] = Case(np.full(TRAINING, 20.0), flicker, wrong=25.0)
    once, rare = np.zeros(TRAINING), np.zeros(TEST)
    once[500], rare[[150, 330]] = 1.0, 1.0
    cases["one value once"] = Case(once, rare, wrong=5.0)
    status = (np.cumsum(rng.random(TRAINING + TEST) < 0.02) % 2).astype(float)
    cases["status, 0 and 1"] = Case(status[:TRAINING], status[TRAINING:], wrong=3.0)
    return cases


CASES = _cases()
"""By name."""
FLICKERS = "constant, then flickers by a step"
RARE, STATUS = "one value once", "status, 0 and 1"
CONSTANT = tuple(name for name in CASES if name not in {FLICKERS, RARE, STATUS})
"""Cases that vary by no more than rounding, in training and in use."""


def training_frame(names: Sequence[str]) -> pd.DataFrame:
    """Two waves and a channel for each case, `TRAINING` rows."""
    return _beside(wave(TRAINING), {name: CASES[name].training for name in names})


def frame_in_use(names: Sequence[str], *, wrong: str | None = None) -> pd.DataFrame:
    """The rows after them, `TEST` rows; the channel of the case `wrong` changes in `STEP`."""
    readings = {name: CASES[name].normal.copy() for name in names}
    if wrong is not None:
        readings[wrong][STEP] = CASES[wrong].wrong
    return _beside(wave(TRAINING + TEST).iloc[TRAINING:], readings)


def _beside(frame: pd.DataFrame, readings: Mapping[str, np.ndarray]) -> pd.DataFrame:
    return frame.assign(**{name: readings[name] for name in readings})
