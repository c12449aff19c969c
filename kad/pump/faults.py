"""Kinds of faults, and what each does to the readings."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kad.pump.machine import NOMINAL, UNITS, Channels, Machine
from runtime.errors import InputError


@dataclass(frozen=True)
class Fault:
    """One fault to inject. `None` takes the middle of the kind's usual range."""

    kind: str
    """One of `FAULT_KINDS`."""
    start_day: float
    """Days since the first row; need not be whole."""
    hours: float | None = None
    """Duration. `lost_seasonality` adds 3 h in which the temperature recovers."""
    channel: str | None = None
    """The sensor, for the kinds that hit a single one."""
    magnitude: float | None = None
    """See the kind's entry in `FAULT_KINDS`; negative turns spikes, shifts and drifts round."""


@dataclass(frozen=True)
class _Kind:
    """The usual range of one kind of fault."""

    what: str
    hours: tuple[float, float]
    magnitude: tuple[float, float]
    channels: tuple[str, ...]
    single: bool = True
    signed: bool = False
    usual: bool = True
    """Whether it is drawn where no kinds are chosen."""


ALL = tuple(UNITS)

KINDS = {
    "spike": _Kind(
        "one to four wild readings of one sensor; magnitude = share of nominal",
        (0.02, 0.06),
        (0.4, 0.9),
        ("flow", "pressure", "current", "temperature"),  # vibration has rare spikes of its own
        signed=True,
    ),
    "level_shift": _Kind(
        "one sensor reads too high or too low by a constant; magnitude = share of nominal",
        (3.0, 12.0),
        (0.12, 0.25),
        ALL,
        signed=True,
    ),
    "drift": _Kind(
        "one sensor runs away linearly until it is exchanged; magnitude = share of nominal at end",
        (14.0, 48.0),
        (0.2, 0.4),
        ALL,
        signed=True,
    ),
    "stuck": _Kind(
        "one sensor repeats its last reading; magnitude has no effect",
        (1.5, 6.0),
        (1.0, 1.0),
        ALL,
    ),
    "lost_seasonality": _Kind(
        "the drive ignores the shifts and holds one speed; magnitude = that speed (1 = full)",
        (16.0, 40.0),
        (0.68, 0.8),
        ALL,
        single=False,
    ),
    "broken_correlation": _Kind(
        "one sensor shows its own readings of some hours before, each plausible on its own; "
        "magnitude = weight of the old reading",
        (8.0, 24.0),
        (1.0, 1.0),
        ("flow", "pressure", "current"),
    ),
    "cavitation": _Kind(
        "vapour in the impeller: rough vibration, flow and head flutter; magnitude 1 = usual",
        (1.0, 4.0),
        (0.7, 1.3),
        ("flow", "pressure", "current", "vibration"),
        single=False,
    ),
    "leak": _Kind(
        "a leak in the plant grows until it is mended; magnitude = extra share of flow at the end",
        (14.0, 48.0),
        (0.12, 0.22),
        ("flow", "pressure", "current"),
        single=False,
    ),
    "dead": _Kind(
        "one sensor reads 0; magnitude has no effect",
        (1.5, 6.0),
        (1.0, 1.0),
        ALL,
        usual=False,
    ),
    "common_drift": _Kind(
        "the reference of all sensors runs away linearly, and all readings with it, until it is "
        "exchanged; magnitude = share of the readings at the end",
        (14.0, 48.0),
        (0.15, 0.3),
        ALL,
        single=False,
        signed=True,
        usual=False,
    ),
}

FAULT_KINDS = {kind: facts.what for kind, facts in KINDS.items()}
"""Every kind of fault with what it does and what its magnitude means."""

USUAL_KINDS = tuple(kind for kind, facts in KINDS.items() if facts.usual)
"""Those that are drawn where none are chosen."""

RECOVERY_S = 3 * 3600.0


def check_kind(kind: str) -> None:
    """Raises `InputError` for a kind that there is not."""
    if kind not in KINDS:
        raise InputError(f"A fault's kind must be one of {', '.join(KINDS)}. Received: {kind!r}.")


@dataclass(frozen=True)
class Placed:
    """A fault with nothing left to choose; `first` and `last` are rows, both inside."""

    kind: str
    first: int
    last: int
    channels: tuple[str, ...]
    magnitude: float


def injected(machine: Machine, plan: list[Placed]) -> tuple[Channels, pd.DataFrame]:
    """Applies the faults to a copy of the normal readings; rows outside them stay as they are."""
    values = {name: readings.copy() for name, readings in machine.normal.items()}
    for fault in plan:
        _INJECT[fault.kind](machine, values, fault)
    table = pd.DataFrame(
        {
            "start": machine.times[[fault.first for fault in plan]],
            "end": machine.times[[fault.last for fault in plan]],
            "kind": pd.Series([fault.kind for fault in plan], dtype="str"),
            "channels": pd.Series([",".join(fault.channels) for fault in plan], dtype="str"),
            "magnitude": np.array([fault.magnitude for fault in plan], dtype=float),
        }
    )
    return values, table


def _window(fault: Placed) -> slice:
    return slice(fault.first, fault.last + 1)


def _offset(values: Channels, fault: Placed, shape: np.ndarray | float) -> None:
    channel = fault.channels[0]
    values[channel][_window(fault)] += fault.magnitude * NOMINAL[channel] * shape


def _spike(machine: Machine, values: Channels, fault: Placed) -> None:
    length = fault.last - fault.first + 1
    shape = machine.rng["injection"].uniform(0.6, 1.0, length)
    shape[length // 2] = 1.0
    channel = fault.channels[0]
    # Away from the lower end of the scale, where a downward spike would be cut off.
    low = values[channel][fault.first] < -fault.magnitude * NOMINAL[channel]
    _offset(values, fault, -shape if low else shape)


def _level_shift(machine: Machine, values: Channels, fault: Placed) -> None:
    del machine
    _offset(values, fault, 1.0)


def _drift(machine: Machine, values: Channels, fault: Placed) -> None:
    del machine
    _offset(values, fault, _rising(fault))


def _rising(fault: Placed) -> np.ndarray:
    length = fault.last - fault.first + 1
    return np.arange(1, length + 1) / length


def _stuck(machine: Machine, values: Channels, fault: Placed) -> None:
    del machine
    channel = fault.channels[0]
    values[channel][_window(fault)] = values[channel][fault.first - 1]


def _lost_seasonality(machine: Machine, values: Channels, fault: Placed) -> None:
    rows = fault.last - fault.first + 1
    recovery = min(round(RECOVERY_S / machine.period_s), rows // 2)
    held = slice(fault.first, fault.last + 1 - recovery)
    speed = machine.speed.copy()
    ramp = max(1, round(900 / machine.period_s))
    weight = np.minimum(1.0, np.arange(1, rows - recovery + 1) / ramp)
    speed[held] += weight * (fault.magnitude - speed[held])
    faulty = machine.readings(speed)
    # What is left of the difference in temperature fades over the second half of the recovery.
    left = np.minimum(1.0, 2 * np.arange(rows, 0, -1) / max(recovery, 1))
    for channel in fault.channels:
        difference = (faulty[channel] - machine.normal[channel])[_window(fault)]
        values[channel][_window(fault)] += left * difference


def _broken_correlation(machine: Machine, values: Channels, fault: Placed) -> None:
    channel = fault.channels[0]
    hours = machine.rng["injection"].uniform(7, 11)
    lag = min(round(hours * 3600 / machine.period_s), fault.first)
    old = machine.normal[channel][fault.first - lag : fault.last + 1 - lag]
    length = len(old)
    edge = max(1, min(round(900 / machine.period_s), length // 4))
    ramp = np.arange(1, length + 1) / edge
    weight = fault.magnitude * np.minimum(1.0, np.minimum(ramp, ramp[::-1]))
    values[channel][_window(fault)] += weight * (old - values[channel][_window(fault)])


def _cavitation(machine: Machine, values: Channels, fault: Placed) -> None:
    window, rng = _window(fault), machine.rng["injection"]
    length = fault.last - fault.first + 1
    ramp = max(1, min(round(600 / machine.period_s), length // 4))
    strength = fault.magnitude * np.minimum(1.0, np.arange(1, length + 1) / ramp)
    flutter = rng.standard_normal(length)
    roar = np.exp(0.35 * np.clip(rng.standard_t(4, length), -3, 5))
    runs = values["flow"][window] > 0
    strength = np.where(runs, strength, 0.0)
    values["flow"][window] *= np.clip(1 - strength * (0.07 + 0.05 * flutter), 0, None)
    values["pressure"][window] *= np.clip(1 - strength * (0.06 + 0.06 * flutter), 0, None)
    values["current"][window] *= np.clip(1 - strength * (0.05 + 0.03 * flutter), 0, None)
    values["vibration"][window] *= 1 + strength * 0.9 * roar


def _leak(machine: Machine, values: Channels, fault: Placed) -> None:
    del machine
    growth = fault.magnitude * _rising(fault)
    for channel, share in (("flow", 1.0), ("pressure", -0.8), ("current", 0.5)):
        values[channel][_window(fault)] *= np.clip(1 + share * growth, 0, None)


def _dead(machine: Machine, values: Channels, fault: Placed) -> None:
    del machine
    values[fault.channels[0]][_window(fault)] = 0.0


def _common_drift(machine: Machine, values: Channels, fault: Placed) -> None:
    del machine
    for channel in fault.channels:
        values[channel][_window(fault)] *= 1 + fault.magnitude * _rising(fault)


_INJECT: dict[str, Callable[[Machine, Channels, Placed], None]] = {
    "spike": _spike,
    "level_shift": _level_shift,
    "drift": _drift,
    "stuck": _stuck,
    "lost_seasonality": _lost_seasonality,
    "broken_correlation": _broken_correlation,
    "cavitation": _cavitation,
    "leak": _leak,
    "dead": _dead,
    "common_drift": _common_drift,
}
