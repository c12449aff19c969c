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
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd

from runtime.errors import InputError

__all__ = ["FAULT_KINDS", "NOMINAL", "UNITS", "Fault", "PumpData", "pump"]

Channels = dict[str, np.ndarray]

UNITS = {
    "flow": "m³/h",
    "pressure": "bar",
    "current": "A",
    "temperature": "°C",
    "vibration": "mm/s",
}
"""The channels in order, with their units."""

NOMINAL = {"flow": 108.0, "pressure": 3.5, "current": 26.0, "temperature": 55.0, "vibration": 1.2}
"""Each channel's reading in an ordinary shift; fault magnitudes are shares of it."""

_RESOLUTION = {
    "flow": 0.1,
    "pressure": 0.005,
    "current": 0.05,
    "temperature": 0.1,
    "vibration": 0.01,
}

_DAY_S = 86400.0
_GRAVITY_BAR = 0.0981  # bar per metre of water
_SHUTOFF_HEAD_M = 52.0  # at full speed, no flow
_STATIC_HEAD_M = 10.0  # of the plant; a check valve keeps it while the pump stands
_PUMP_CURVE = 0.0008  # m per (m³/h)²
_PLANT_CURVE = 0.0021  # the same, at the mean valve position
_BEST_FLOW = 105.0  # m³/h of best efficiency at full speed
_SUCTION_BAR = 0.3


class PumpData(NamedTuple):
    """What `pump` returns: unpack it as `frame, faults`."""

    frame: pd.DataFrame
    """(rows, 5) float64, columns as in `UNITS`, NaN = missing, DatetimeIndex `time` (naive)."""
    faults: pd.DataFrame
    """One row each: `start`, `end` (inclusive), `kind`, `channels` (with commas), `magnitude`."""


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
    """See the kind's entry in `FAULT_KINDS`; negative turns spike, level_shift and drift round."""


@dataclass(frozen=True)
class _Kind:
    """The usual range of one kind of fault."""

    what: str
    hours: tuple[float, float]
    magnitude: tuple[float, float]
    channels: tuple[str, ...]
    single: bool = True
    signed: bool = False


_ALL = tuple(UNITS)
_KINDS = {
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
        _ALL,
        signed=True,
    ),
    "drift": _Kind(
        "one sensor runs away linearly until it is exchanged; magnitude = share of nominal at end",
        (14.0, 48.0),
        (0.2, 0.4),
        _ALL,
        signed=True,
    ),
    "stuck": _Kind(
        "one sensor repeats its last reading; magnitude has no effect",
        (1.5, 6.0),
        (1.0, 1.0),
        _ALL,
    ),
    "lost_seasonality": _Kind(
        "the drive ignores the shifts and holds one speed; magnitude = that speed (1 = full)",
        (16.0, 40.0),
        (0.68, 0.8),
        _ALL,
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
}
FAULT_KINDS = {kind: facts.what for kind, facts in _KINDS.items()}
"""Every kind of fault with what it does and what its magnitude means."""

_RECOVERY_S = 3 * 3600.0
_STREAMS = (
    "schedule",
    "levels",
    "changeovers",
    "process",
    "valve",
    "weather",
    *_ALL,
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
        kinds: Which of `FAULT_KINDS` to draw; by default all, each at least once.
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
    kinds = tuple(FAULT_KINDS if kinds is None else kinds)
    for kind in kinds:
        _check_kind(kind)
    rng = {
        name: np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number,)))
        for number, name in enumerate(_STREAMS)
    }
    machine = _Machine(times, period_s, rng, noise)
    if faults is True:
        plan = _plan(machine, kinds, fault_count, clean_fraction, severity)
    else:
        plan = [_resolve(fault, rows, period_s) for fault in (faults or ())]
    values, table = _inject(machine, plan)

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
    if first is pd.NaT or first.tz is not None:
        raise InputError(f"`start` must be a time without a time zone. Received: {start!r}.")
    rows = round(days * _DAY_S / period_s)
    step = pd.Timedelta(period_s, unit="s")
    return pd.date_range(first, periods=rows, freq=step, name="time")


def _check_kind(kind: str) -> None:
    if kind not in _KINDS:
        raise InputError(f"A fault's kind must be one of {', '.join(_KINDS)}. Received: {kind!r}.")


# The machine


class _Machine:
    """The random components of one pump, drawn once, and its physics, which faults can re-run."""

    def __init__(
        self,
        times: pd.DatetimeIndex,
        period_s: float,
        rng: dict[str, np.random.Generator],
        noise: float,
    ) -> None:
        self.times = times
        self.rows = len(times)
        self.period_s = period_s
        self.rng = rng
        second = (times - times[0].normalize()).total_seconds().to_numpy()
        process = rng["process"]
        self._hunting = 0.013 * self._wander(process, 1200) + 0.005 * self._wander(process, 150)
        self._valve = 0.05 * self._wander(rng["valve"], 5400) + 0.06 * self._wander(
            rng["valve"], 4 * _DAY_S
        )
        self._ambient = self._weather(second, rng["weather"])
        self._noise = {name: noise * value for name, value in self._sensor_noise(rng)}
        self.speed = _speed(second, times[0], rng)

    @cached_property
    def normal(self) -> Channels:
        """The readings without faults."""
        return self.readings(self.speed)

    def readings(self, speed: np.ndarray) -> Channels:
        """The sensors' readings, without resolution and gaps, at a speed (1 = full) per row."""
        runs = speed > 0.2
        speed = np.where(runs, speed * (1 + self._hunting), speed)
        plant = _PLANT_CURVE * np.exp(self._valve)
        lift = np.maximum(_SHUTOFF_HEAD_M * speed**2 - _STATIC_HEAD_M, 0.0)
        flow = np.sqrt(lift / (_PUMP_CURVE + plant))
        head = _SHUTOFF_HEAD_M * speed**2 - _PUMP_CURVE * flow**2
        pressure = _GRAVITY_BAR * np.maximum(head, _STATIC_HEAD_M) + _SUCTION_BAR * (
            1 - 0.15 * (flow / 120) ** 2
        )

        load = flow / np.maximum(speed, 0.2) / _BEST_FLOW
        efficiency = np.maximum(0.74 * (1 - 0.6 * (load - 1) ** 2), 0.25)
        shaft_kw = 9.81e-3 / 3.6 * flow * np.maximum(head, 0) / efficiency + 0.9 * speed**3
        active_a = shaft_kw * 1000 / (math.sqrt(3) * 400 * 0.88 * 0.91)
        current = np.where(runs, np.hypot(8.0, active_a), 0.15 + active_a)

        losses = (current / 28.0) ** 2 + 0.25 * speed
        rise = 0.45 * self._lag(losses, 1500) + 0.55 * self._lag(losses, 9000)
        temperature = self._ambient + 37.0 * rise

        off_best = np.where(runs, (load - 1) ** 2, 0.0)
        resonance = np.exp(-(((speed - 0.66) / 0.025) ** 2))
        rough = 1.35 * speed**2 + 1.2 * off_best * speed + 0.55 * resonance
        vibration = 0.06 + rough * np.exp(self._noise["vibration_factor"])

        noise = self._noise
        wet = flow / 110.0
        return {
            "flow": np.where(flow > 0, flow + (0.2 + 0.8 * wet) * noise["flow"], 0.0),
            "pressure": pressure + np.where(runs, 0.3 + 0.7 * speed, 0.25) * noise["pressure"],
            "current": current + np.where(runs, 1.0, 0.05) * noise["current"],
            "temperature": temperature + noise["temperature"],
            "vibration": vibration + noise["vibration"],
        }

    def _weather(self, second: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        day_of_year = self.times[0].day_of_year + second / _DAY_S
        year = np.sin(2 * np.pi * (day_of_year - 110) / 365.25)
        day = np.sin(2 * np.pi * (second / _DAY_S - 0.40))
        return 18 + 5 * year + 2.5 * day + 2.0 * self._wander(rng, 2 * _DAY_S)

    def _sensor_noise(
        self, rng: dict[str, np.random.Generator]
    ) -> Iterator[tuple[str, np.ndarray]]:
        rows = self.rows
        yield "flow", 0.7 * rng["flow"].standard_normal(rows) + 0.5 * self._wander(rng["flow"], 300)
        yield (
            "pressure",
            0.015 * rng["pressure"].standard_normal(rows)
            + 0.01 * self._wander(rng["pressure"], 600),
        )
        yield (
            "current",
            0.16 * rng["current"].standard_normal(rows) + 0.12 * self._wander(rng["current"], 400),
        )
        yield (
            "temperature",
            0.06 * rng["temperature"].standard_normal(rows)
            + 0.12 * self._wander(rng["temperature"], 1800),
        )
        # Root mean square over a short burst: a skewed factor with rare large values.
        tails = np.clip(rng["vibration"].standard_t(4, rows), -8, 12)
        swing = 0.07 * tails + 0.05 * self._wander(rng["vibration"], 3600)
        swing += 0.05 * self._wander(rng["vibration"], 6 * _DAY_S)
        yield "vibration_factor", swing
        yield "vibration", 0.008 * rng["vibration"].standard_normal(rows)

    def _wander(self, rng: np.random.Generator, tau_s: float) -> np.ndarray:
        """A stationary first-order process of unit variance and time constant `tau_s`."""
        keep = math.exp(-self.period_s / tau_s)
        kicks = rng.standard_normal(self.rows)
        kicks[1:] *= math.sqrt(1 - keep**2) / (1 - keep)
        return _smooth(kicks, 1 - keep)

    def _lag(self, values: np.ndarray, tau_s: float) -> np.ndarray:
        """A first-order lag that starts settled."""
        return _smooth(values, 1 - math.exp(-self.period_s / tau_s))


def _smooth(values: np.ndarray, gain: float) -> np.ndarray:
    """`y[t] = (1 - gain) y[t-1] + gain x[t]`, `y[0] = x[0]`; pandas has it compiled."""
    return pd.Series(values).ewm(alpha=gain, adjust=False).mean().to_numpy()


# The schedule


def _speed(
    second: np.ndarray, first: pd.Timestamp, rng: dict[str, np.random.Generator]
) -> np.ndarray:
    """The drive's speed, 0 to about 1, for seconds since the first midnight."""
    days = int(second[-1] // _DAY_S) + 2
    timing, levels = rng["schedule"], rng["levels"]
    trend = _smooth(levels.normal(0, 0.03, days), 0.3)  # good and bad weeks
    at: list[float] = [-_DAY_S]
    to: list[float] = [0.0 if first.day_of_week in (6, 0) else 0.55]
    ramp: list[float] = [300.0]
    for day in range(days):
        jitter = timing.normal(0, 1, 12)
        ramps = timing.uniform(0.6, 1.8, 12)
        early, late, night, pause, lunch, supper = levels.normal(0, 1, 6)
        early = 0.93 + trend[day] + 0.015 * early
        late = 0.88 + trend[day] + 0.02 * late
        night = 0.56 + 0.012 * night
        weekday = (first.day_of_week + day) % 7
        if weekday == 6:
            continue
        plan = [
            (5.75, night + 0.09, 8, 5),
            (6.05, early, 6, 10),
            (9.25, early - 0.10 - 0.02 * abs(pause), 4, 4),
            (9.55, early, 3, 5),
            (12.0, early - 0.20 - 0.03 * abs(lunch), 5, 6),
            (12.55, early + 0.01, 4, 7),
        ]
        if weekday == 5:
            plan = [(hour, value - 0.08, *rest) for hour, value, *rest in plan]
            plan += [(14.0, night, 9, 15), (18.0, 0.0, 20, 3)]
        else:
            plan += [
                (13.9, late - 0.12, 4, 5),
                (14.2, late, 4, 8),
                (18.0, late - 0.19 - 0.03 * abs(supper), 6, 6),
                (18.5, late, 5, 7),
                (21.85, night + 0.06, 8, 12),
                (22.6, night, 15, 20),
            ]
        if weekday == 0:
            plan.insert(0, (4.9, night, 12, 4))  # the start after the Sunday stop
        for number, (hour, value, spread_min, ramp_min) in enumerate(plan):
            shift = np.clip(jitter[number % 12], -2.5, 2.5)
            at.append(day * _DAY_S + hour * 3600 + shift * spread_min * 30)
            to.append(value)
            ramp.append(ramp_min * 60 * ramps[number % 12])
    speed = _ramps(second, np.array(at), np.array(to), np.array(ramp))
    return speed * _changeovers(second, days, rng["changeovers"])


def _changeovers(second: np.ndarray, days: int, rng: np.random.Generator) -> np.ndarray:
    """A factor of 1 that dips while a line changes product: about once per day, in the shifts."""
    count = rng.poisson(0.3, (days, 4))
    at, to, ramp = [-_DAY_S], [1.0], [60.0]
    for day, part in zip(*np.nonzero(count), strict=True):
        begin = day * _DAY_S + 3600 * ((6.8, 10.0, 14.8, 19.0)[part] + rng.uniform(0, 1.2))
        depth, minutes = rng.uniform(0.78, 0.92), rng.uniform(8, 40)
        at += [begin, begin + minutes * 60]
        to += [depth, 1.0]
        ramp += [rng.uniform(90, 300), rng.uniform(120, 500)]
    return _ramps(second, np.array(at), np.array(to), np.array(ramp))


def _ramps(second: np.ndarray, at: np.ndarray, to: np.ndarray, ramp: np.ndarray) -> np.ndarray:
    """Piecewise linear: from time `at[k]` on, `ramp[k]` seconds to the value `to[k]`."""
    order = np.argsort(at, kind="stable")
    at, to, ramp = at[order], to[order], ramp[order]
    ramp = np.minimum(ramp, np.append(np.diff(at), np.inf))
    before = np.append(to[0], to[:-1])
    knots = np.column_stack([at, at + ramp]).ravel()
    return np.interp(second, knots, np.column_stack([before, to]).ravel())


# Faults


@dataclass(frozen=True)
class _Placed:
    """A fault with nothing left to choose; `first` and `last` are rows, both inside."""

    kind: str
    first: int
    last: int
    channels: tuple[str, ...]
    magnitude: float


def _resolve(fault: Fault, rows: int, period_s: float) -> _Placed:
    _check_kind(fault.kind)
    kind = _KINDS[fault.kind]
    channel = fault.channel or kind.channels[0]
    if channel not in kind.channels or (fault.channel and not kind.single):
        allowed = ", ".join(kind.channels) if kind.single else "None: it hits several channels"
        raise InputError(
            f"`channel` of a {fault.kind} must be {allowed}. Received: {fault.channel!r}."
        )
    hours = sum(kind.hours) / 2 if fault.hours is None else fault.hours
    magnitude = sum(kind.magnitude) / 2 if fault.magnitude is None else fault.magnitude
    first = round(fault.start_day * _DAY_S / period_s)
    last = first + _length(fault.kind, hours, period_s) - 1
    if not (hours > 0 and 1 <= first <= last < rows):
        raise InputError(
            f"A {fault.kind} from day {fault.start_day:g} for {hours:g} h must lie inside the "
            f"series and after its first row. The series has {rows * period_s / _DAY_S:g} days."
        )
    channels = (channel,) if kind.single else kind.channels
    return _Placed(fault.kind, first, last, channels, float(magnitude))


def _length(kind: str, hours: float, period_s: float) -> int:
    extra = _RECOVERY_S if kind == "lost_seasonality" else 0.0
    return max(1, round((hours * 3600 + extra) / period_s))


def _plan(
    machine: _Machine,
    kinds: tuple[str, ...],
    count: int | None,
    clean_fraction: float,
    severity: float,
) -> list[_Placed]:
    """One fault in each of `count` slots after the clean part, with equal hours of operation."""
    if not kinds or count == 0:
        return []
    rng, period_s = machine.rng["plan"], machine.period_s
    clean = max(1, math.ceil(machine.rows * clean_fraction)) + 1
    runs = np.cumsum(machine.normal["flow"] > 0.3 * NOMINAL["flow"])
    room = runs[-1] - runs[clean - 1]
    if count is None:
        count = max(len(kinds), round((machine.rows - clean) * period_s / _DAY_S / 4))
    slot = int(room // count)
    if slot * period_s < 6 * 3600 or slot < 20:
        raise InputError(
            f"{count} faults need {count * max(6 * 3600, 20 * period_s) / _DAY_S:g} days of "
            f"operation after the clean part; there are {room * period_s / _DAY_S:.3g}. Give more "
            "`days`, a smaller `clean_fraction` or fewer `kinds`."
        )
    edges = np.searchsorted(runs, runs[clean - 1] + slot * np.arange(count + 1))
    edges[0] = max(edges[0], clean)
    rounds = [rng.permutation(len(kinds)) for _ in range(-(-count // len(kinds)))]
    plan = []
    for number, which in enumerate(np.concatenate(rounds)[:count]):
        name = kinds[which]
        kind = _KINDS[name]
        length = _length(name, rng.uniform(*kind.hours), period_s)
        length = min(length, int(0.7 * slot))
        picked = rng.integers(len(kind.channels))
        channels = (kind.channels[picked],) if kind.single else kind.channels
        # Of some places in the slot, the first where the pump works and the fault can be seen.
        places = rng.integers(edges[number], edges[number + 1] - length, 24)
        clear = [_clarity(machine, name, channels[0], slice(p, p + length)) for p in places]
        first = int(places[np.argmax(np.minimum(clear, 0.9))])
        magnitude = rng.uniform(*kind.magnitude)
        sign = rng.choice([-1.0, 1.0])
        if kind.signed:
            magnitude *= severity * sign
        elif name in {"cavitation", "leak"}:
            magnitude *= severity
        plan.append(_Placed(name, first, first + length - 1, channels, float(magnitude)))
    return plan


def _clarity(machine: _Machine, kind: str, channel: str, window: slice) -> float:
    """0 to 1: how well a fault could be seen here, by how the machine runs meanwhile."""
    readings = machine.normal[channel][window]
    clarity = float(np.mean(machine.normal["flow"][window] > 0.3 * NOMINAL["flow"]))
    if kind == "stuck":
        lost = np.abs(readings - machine.normal[channel][window.start - 1])
        clarity *= min(1.0, float(lost.mean()) / (0.1 * NOMINAL[channel]))
    elif kind == "broken_correlation":
        lag = min(round(9 * 3600 / machine.period_s), window.start)
        lost = np.abs(readings - machine.normal[channel][window.start - lag : window.stop - lag])
        clarity *= min(1.0, float(lost.mean()) / (0.2 * NOMINAL[channel]))
    elif kind == "lost_seasonality":
        clarity *= min(1.0, float(np.std(readings)) / (0.2 * NOMINAL[channel]))
    return clarity


def _inject(machine: _Machine, plan: list[_Placed]) -> tuple[Channels, pd.DataFrame]:
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


def _window(fault: _Placed) -> slice:
    return slice(fault.first, fault.last + 1)


def _offset(values: Channels, fault: _Placed, shape: np.ndarray | float) -> None:
    channel = fault.channels[0]
    values[channel][_window(fault)] += fault.magnitude * NOMINAL[channel] * shape


def _spike(machine: _Machine, values: Channels, fault: _Placed) -> None:
    length = fault.last - fault.first + 1
    shape = machine.rng["injection"].uniform(0.6, 1.0, length)
    shape[length // 2] = 1.0
    channel = fault.channels[0]
    # Away from the lower end of the scale, where a downward spike would be cut off.
    low = values[channel][fault.first] < -fault.magnitude * NOMINAL[channel]
    _offset(values, fault, -shape if low else shape)


def _level_shift(machine: _Machine, values: Channels, fault: _Placed) -> None:
    del machine
    _offset(values, fault, 1.0)


def _drift(machine: _Machine, values: Channels, fault: _Placed) -> None:
    del machine
    _offset(values, fault, _rising(fault))


def _rising(fault: _Placed) -> np.ndarray:
    length = fault.last - fault.first + 1
    return np.arange(1, length + 1) / length


def _stuck(machine: _Machine, values: Channels, fault: _Placed) -> None:
    del machine
    channel = fault.channels[0]
    values[channel][_window(fault)] = values[channel][fault.first - 1]


def _lost_seasonality(machine: _Machine, values: Channels, fault: _Placed) -> None:
    rows = fault.last - fault.first + 1
    recovery = min(round(_RECOVERY_S / machine.period_s), rows // 2)
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


def _broken_correlation(machine: _Machine, values: Channels, fault: _Placed) -> None:
    channel = fault.channels[0]
    hours = machine.rng["injection"].uniform(7, 11)
    lag = min(round(hours * 3600 / machine.period_s), fault.first)
    old = machine.normal[channel][fault.first - lag : fault.last + 1 - lag]
    length = len(old)
    edge = max(1, min(round(900 / machine.period_s), length // 4))
    ramp = np.arange(1, length + 1) / edge
    weight = fault.magnitude * np.minimum(1.0, np.minimum(ramp, ramp[::-1]))
    values[channel][_window(fault)] += weight * (old - values[channel][_window(fault)])


def _cavitation(machine: _Machine, values: Channels, fault: _Placed) -> None:
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


def _leak(machine: _Machine, values: Channels, fault: _Placed) -> None:
    del machine
    growth = fault.magnitude * _rising(fault)
    for channel, share in (("flow", 1.0), ("pressure", -0.8), ("current", 0.5)):
        values[channel][_window(fault)] *= np.clip(1 + share * growth, 0, None)


_INJECT: dict[str, Callable[[_Machine, Channels, _Placed], None]] = {
    "spike": _spike,
    "level_shift": _level_shift,
    "drift": _drift,
    "stuck": _stuck,
    "lost_seasonality": _lost_seasonality,
    "broken_correlation": _broken_correlation,
    "cavitation": _cavitation,
    "leak": _leak,
}


# Missing samples


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
