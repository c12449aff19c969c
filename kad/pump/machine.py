"""The pump itself: its random components, drawn once, and its physics."""

import math
from collections.abc import Iterator
from functools import cached_property

import numpy as np
import pandas as pd

from kad.pump.schedule import DAY_S, smooth, speed_of

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

_GRAVITY_BAR = 0.0981  # bar per metre of water
_SHUTOFF_HEAD_M = 52.0  # at full speed, no flow
_STATIC_HEAD_M = 10.0  # of the plant; a check valve keeps it while the pump stands
_PUMP_CURVE = 0.0008  # m per (m³/h)²
_PLANT_CURVE = 0.0021  # the same, at the mean valve position
_BEST_FLOW = 105.0  # m³/h of best efficiency at full speed
_SUCTION_BAR = 0.3


class Machine:
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
            rng["valve"], 4 * DAY_S
        )
        self._ambient = self._weather(second, rng["weather"])
        self._noise = {name: noise * value for name, value in self._sensor_noise(rng)}
        self.speed = speed_of(second, times[0], rng)

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
        day_of_year = self.times[0].day_of_year + second / DAY_S
        year = np.sin(2 * np.pi * (day_of_year - 110) / 365.25)
        day = np.sin(2 * np.pi * (second / DAY_S - 0.40))
        return 18 + 5 * year + 2.5 * day + 2.0 * self._wander(rng, 2 * DAY_S)

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
        swing += 0.05 * self._wander(rng["vibration"], 6 * DAY_S)
        yield "vibration_factor", swing
        yield "vibration", 0.008 * rng["vibration"].standard_normal(rows)

    def _wander(self, rng: np.random.Generator, tau_s: float) -> np.ndarray:
        """A stationary first-order process of unit variance and time constant `tau_s`."""
        keep = math.exp(-self.period_s / tau_s)
        kicks = rng.standard_normal(self.rows)
        kicks[1:] *= math.sqrt(1 - keep**2) / (1 - keep)
        return smooth(kicks, 1 - keep)

    def _lag(self, values: np.ndarray, tau_s: float) -> np.ndarray:
        """A first-order lag that starts settled."""
        return smooth(values, 1 - math.exp(-self.period_s / tau_s))
