"""What is asked of the pump: shifts, breaks, changeovers, nights and weekends."""

import numpy as np
import pandas as pd

DAY_S = 86400.0


def speed_of(
    second: np.ndarray, first: pd.Timestamp, rng: dict[str, np.random.Generator]
) -> np.ndarray:
    """The drive's speed, 0 to about 1, for seconds since the first midnight."""
    days = int(second[-1] // DAY_S) + 2
    timing, levels = rng["schedule"], rng["levels"]
    trend = smooth(levels.normal(0, 0.03, days), 0.3)  # good and bad weeks
    at: list[float] = [-DAY_S]
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
            at.append(day * DAY_S + hour * 3600 + shift * spread_min * 30)
            to.append(value)
            ramp.append(ramp_min * 60 * ramps[number % 12])
    speed = _ramps(second, np.array(at), np.array(to), np.array(ramp))
    return speed * _changeovers(second, days, rng["changeovers"])


def _changeovers(second: np.ndarray, days: int, rng: np.random.Generator) -> np.ndarray:
    """A factor of 1 that dips while a line changes product: about once per day, in the shifts."""
    count = rng.poisson(0.3, (days, 4))
    at, to, ramp = [-DAY_S], [1.0], [60.0]
    for day, part in zip(*np.nonzero(count), strict=True):
        begin = day * DAY_S + 3600 * ((6.8, 10.0, 14.8, 19.0)[part] + rng.uniform(0, 1.2))
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


def smooth(values: np.ndarray, gain: float) -> np.ndarray:
    """`y[t] = (1 - gain) y[t-1] + gain x[t]`, `y[0] = x[0]`; pandas has it compiled."""
    return pd.Series(values).ewm(alpha=gain, adjust=False).mean().to_numpy()
