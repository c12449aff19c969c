"""A synthetic centrifugal pump: normal operation, sensors, missing samples and labelled faults.

The machine is a speed-controlled pump that serves a plant. Two shifts (06:00 and 14:00), breaks,
product changeovers, a reduced night, a Saturday morning and a stop over Sunday set the speed. The
affinity laws and a plant resistance that changes slowly give flow and pressure, their product the
motor current, a lag behind the losses and the weather the temperature, speed and a resonance the
vibration. Sensors add noise, some of it autocorrelated, and have a resolution.

    frame, faults = pump(days=28, seed=0)

Each random component has its own stream of the seed, so that a change to one component, or to the
faults, leaves the others as they are: `pump(seed=3, faults=False)` is the normal twin of
`pump(seed=3)` and equals it on every row outside the labelled faults.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from kad.pump.faults import ALL, USUAL_KINDS, Fault, check_kind, injected
from kad.pump.machine import UNITS, Machine
from kad.pump.plan import drawn_plan, resolve
from kad.pump.schedule import DAY_S
from runtime.errors import InputError

_RESOLUTION = {
    "flow": 0.1,
    "pressure": 0.005,
    "current": 0.05,
    "temperature": 0.1,
    "vibration": 0.01,
}


class PumpData(NamedTuple):
    """What `pump` returns: unpack it as `frame, faults`."""

    frame: pd.DataFrame
    """(rows, 5) float64, columns as in `UNITS`, NaN = missing, DatetimeIndex `time` (naive)."""
    faults: pd.DataFrame
    """One row each: `start`, `end` (inclusive), `kind`, `channels` (with commas), `magnitude`."""


_STREAMS = (
    "schedule",
    "levels",
    "changeovers",
    "process",
    "valve",
    "weather",
    *ALL,
    "missing",
    "plan",
    "injection",
)


def pump(
    *,
    days: float = 28.0,
    period_s: float = 60.0,
    seed: int = 0,
    faults: bool | Sequence[Fault] = True,
    kinds: Sequence[str] | None = None,
    fault_count: int | None = None,
    severity: float = 1.0,
    clean_fraction: float = 0.5,
    missing: float = 0.005,
    noise: float = 1.0,
    start: str = "2025-01-06",
) -> PumpData:
    """Generates a pump's sensor readings and the table of its faults.

    Missing samples are NaN on an unbroken time grid: single rows, outages of all sensors (5 to
    60 min) and dropouts of one (2 to 30 min). A spike is never hidden by one.

    Args:
        days: Length. Four weeks train and test the demo; a year takes about a second.
        period_s: Seconds between rows, 1 to 3600.
        seed: 0 or more. Same seed, same frame: what platforms differ in, the last bit of their
            mathematics, disappears in the sensors' resolution.
        faults: True draws faults, False gives normal data, a list gives exactly those.
        kinds: Which of `FAULT_KINDS` to draw, each at least once; `USUAL_KINDS` by default.
        fault_count: How many to draw; by default one per four days after the clean part, and at
            least one of each kind. They never overlap.
        severity: Factor on the drawn magnitudes; 0.5 makes faults half as large.
        clean_fraction: Share of rows at the beginning, for training, that drawn faults spare.
        missing: Share of values to make NaN, 0 to 0.5.
        noise: Factor on the sensors' noise (not on the process's own variation).
        start: First time stamp; shifts and weekends follow its calendar.

    Returns:
        `frame` and `faults`, see `PumpData`. Columns and units are in `UNITS`.

    Raises:
        InputError: An argument is out of range, or the part for faults is too short for them.
    """
    _check(
        {
            "period_s": (period_s, 1, 3600),
            "days": (days, 1, 36525),
            "clean_fraction": (clean_fraction, 0, 0.95),
            "missing": (missing, 0, 0.5),
            "severity": (severity, 0.01, 100),
            "noise": (noise, 0, 100),
            "seed": (seed, 0, 2**63),
            "fault_count": (fault_count or 0, 0, 100_000),
        }
    )
    times = _grid(start, days, period_s)
    rows = len(times)
    kinds = tuple(USUAL_KINDS if kinds is None else kinds)
    for kind in kinds:
        check_kind(kind)
    rng = {
        name: np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number,)))
        for number, name in enumerate(_STREAMS)
    }
    machine = Machine(times, period_s, rng, noise)
    if faults is True:
        plan = drawn_plan(machine, kinds, fault_count, clean_fraction, severity)
    else:
        plan = [resolve(fault, rows, period_s) for fault in (faults or ())]
    values, table = injected(machine, plan)

    holes = _missing(rng["missing"], rows, period_s, missing)
    for fault in plan:
        if fault.kind == "spike":
            holes[fault.first : fault.last + 1] = False
    frame = pd.DataFrame(
        {
            name: np.round(np.maximum(values[name], 0.0) / step) * step
            for name, step in _RESOLUTION.items()
        },
        index=times,
    ).round(3)
    return PumpData(frame.mask(holes), table)


def _check(limits: dict[str, tuple[float, float, float]]) -> None:
    for name, (value, low, high) in limits.items():
        if not low <= value <= high:
            raise InputError(f"`{name}` must be {low} to {high}. Received: {value!r}.")


def _grid(start: str, days: float, period_s: float) -> pd.DatetimeIndex:
    try:
        first = pd.Timestamp(start)
    except ValueError as error:
        raise InputError(f"`start` must be a date or time. Received: {start!r}.") from error
    if pd.isna(first) or first.tz is not None:
        raise InputError(f"`start` must be a time without a time zone. Received: {start!r}.")
    rows = round(days * DAY_S / period_s)
    step = pd.Timedelta(period_s, unit="s")
    return pd.date_range(first, periods=rows, freq=step, name="time")


def _missing(rng: np.random.Generator, rows: int, period_s: float, share: float) -> np.ndarray:
    """(rows, channels) bool: 40 % single rows, 30 % outages, 30 % dropouts of one channel."""
    channels = len(UNITS)
    holes = np.zeros((rows, channels), dtype=bool)
    if share == 0:
        return holes
    # Rates that give each part its share, holes on top of each other counted once.
    part = -np.log1p(-share) * np.array([0.4, 0.3, 0.3])
    holes |= (rng.random(rows) < -np.expm1(-part[0]))[:, None]
    holes |= _stretches(rng, rows, part[1], 300 / period_s, 3600 / period_s)[:, None]
    for channel in range(channels):
        holes[:, channel] |= _stretches(rng, rows, part[2], 120 / period_s, 1800 / period_s)
    return holes


def _stretches(
    rng: np.random.Generator, rows: int, share: float, shortest: float, longest: float
) -> np.ndarray:
    """Bool rows: stretches of log-uniform length, `share` of the rows in sum."""
    low, high = max(1.0, shortest), max(1.0, longest)
    target = round(share * rows)
    lengths = np.exp(rng.uniform(math.log(low), math.log(high), math.ceil(target / low) + 1))
    # As many as the target needs, the last one cut to fit.
    ends = np.minimum(np.cumsum(np.round(lengths).astype(int)), target)
    lengths = np.diff(ends, prepend=0)
    begin = rng.integers(0, rows, len(lengths))
    edges = np.zeros(rows + 1, dtype=int)
    np.add.at(edges, begin, 1)
    np.add.at(edges, np.minimum(begin + lengths, rows), -1)
    return np.cumsum(edges[:-1]) > 0
