"""Where faults go, and how large they are."""

import math

import numpy as np

from kad.pump.faults import KINDS, RECOVERY_S, Fault, Placed, check_kind
from kad.pump.machine import NOMINAL, Machine
from kad.pump.schedule import DAY_S
from runtime.errors import InputError


def resolve(fault: Fault, rows: int, period_s: float) -> Placed:
    """Returns the rows of a given fault, checked."""
    check_kind(fault.kind)
    kind = KINDS[fault.kind]
    channel = fault.channel or kind.channels[0]
    if channel not in kind.channels or (fault.channel and not kind.single):
        allowed = ", ".join(kind.channels) if kind.single else "None: it hits several channels"
        raise InputError(
            f"`channel` of a {fault.kind} must be {allowed}. Received: {fault.channel!r}."
        )
    hours = sum(kind.hours) / 2 if fault.hours is None else fault.hours
    magnitude = sum(kind.magnitude) / 2 if fault.magnitude is None else fault.magnitude
    first = round(fault.start_day * DAY_S / period_s)
    last = first + _length(fault.kind, hours, period_s) - 1
    if not (hours > 0 and 1 <= first <= last < rows):
        raise InputError(
            f"A {fault.kind} from day {fault.start_day:g} for {hours:g} h must lie inside the "
            f"series and after its first row. The series has {rows * period_s / DAY_S:g} days."
        )
    channels = (channel,) if kind.single else kind.channels
    return Placed(fault.kind, first, last, channels, float(magnitude))


def _length(kind: str, hours: float, period_s: float) -> int:
    extra = RECOVERY_S if kind == "lost_seasonality" else 0.0
    return max(1, round((hours * 3600 + extra) / period_s))


def drawn_plan(
    machine: Machine,
    kinds: tuple[str, ...],
    count: int | None,
    clean_fraction: float,
    severity: float,
) -> list[Placed]:
    """One fault in each of `count` slots after the clean part, with equal hours of operation."""
    if not kinds or count == 0:
        return []
    rng, period_s = machine.rng["plan"], machine.period_s
    clean = max(1, math.ceil(machine.rows * clean_fraction)) + 1
    runs = np.cumsum(machine.normal["flow"] > 0.3 * NOMINAL["flow"])
    room = runs[-1] - runs[clean - 1]
    if count is None:
        count = max(len(kinds), round((machine.rows - clean) * period_s / DAY_S / 4))
    slot = int(room // count)
    if slot * period_s < 6 * 3600 or slot < 20:
        raise InputError(
            f"{count} faults need {count * max(6 * 3600, 20 * period_s) / DAY_S:g} days of "
            f"operation after the clean part; there are {room * period_s / DAY_S:.3g}. Give more "
            "`days`, a smaller `clean_fraction` or fewer `kinds`."
        )
    edges = np.searchsorted(runs, runs[clean - 1] + slot * np.arange(count + 1))
    edges[0] = max(edges[0], clean)
    rounds = [rng.permutation(len(kinds)) for _ in range(-(-count // len(kinds)))]
    plan = []
    for number, which in enumerate(np.concatenate(rounds)[:count]):
        name = kinds[which]
        kind = KINDS[name]
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
        plan.append(Placed(name, first, first + length - 1, channels, float(magnitude)))
    return plan


def _clarity(machine: Machine, kind: str, channel: str, window: slice) -> float:
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
