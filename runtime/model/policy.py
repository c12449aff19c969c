"""The alarm policy: which severities become an event."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from runtime.clock.durations import parse_duration, steps_of
from runtime.errors import InputError, shown

__all__ = ["OPTIONS", "SHARES", "AlarmPolicy"]

OPTIONS = {
    "release": "an event ends below this share of the threshold; 1: no hysteresis",
    "merge_gap": "an event goes on where the threshold is met again within this time",
    "min_duration": "shorter events are dropped",
    "max_duration": "longer events end, and what lasts is reported as another; 0: no limit",
    "refractory": "least time from the start of an event to the next one's",
    "cool_down": "least time from the end of an event to the next one's start",
    "habituation": "half-life of the memory of events, which raises the threshold; 0: none",
    "habituation_rise": "share of the threshold that each remembered event adds",
}
"""A policy as people write it, in words: times as durations, which become steps."""
SHARES = ("release", "habituation_rise")
"""Those that are no times."""
_MOST_STEPS = 2**53


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmPolicy:
    """Which severities become an event; the threshold is not part of it.

    An event opens at a step whose severity reaches the *opening level*, lasts while severity stays
    at or above the release level, and is reported if it lasted long enough. The opening level is
    the threshold θ, raised by habituation: every reported event adds 1 to a memory A that halves
    every `habituation_steps`, and

        opening level = θ · (1 + habituation_rise · A).

    That is the rule `S / (1 + 0.2 A) ≥ θ` of a score S, applied to severity as it is. Severity is
    a logarithm, −log10 P, so the probability that an event needs falls from P = 10^−θ to
    P^(1 + 0.2 A): where a threshold of 3 asks for one sample in 1,000, it asks for one in 4,000
    after an event, and one in a million after five in quick succession. Where the tail of the
    score is exponential, severity is linear in the score, and the two rules are the same.

    All times are steps of the detector's time grid. Time in a long gap, after which a stream
    restarts, counts too. The defaults are hysteresis alone.
    """

    release: float = 0.7
    """An event ends where severity falls below this share of the threshold; 1: no hysteresis."""
    merge_gap_steps: int = 0
    """An event goes on where severity reaches the threshold again after at most this many steps
    below the release level."""
    min_duration_steps: int = 1
    """Shorter events are dropped, from start to end after merging; they leave no trace in the
    refractory time, the cool-down and habituation."""
    max_duration_steps: int = 0
    """A longer event ends after this many steps; what lasts may open the next one, which reports it
    again; 0: no limit."""
    refractory_steps: int = 0
    """An event opens at least this many steps after the one before opened."""
    cool_down_steps: int = 0
    """An event opens at least this many steps after the last step of the one before."""
    habituation_steps: int = 0
    """Half-life of the memory of earlier events; 0: no habituation."""
    habituation_rise: float = 0.2
    """How much each remembered event raises the opening level, as a share of the threshold."""

    def __post_init__(self) -> None:
        """Checks the values.

        Raises:
            InputError: A value out of its range.
        """
        if not _is_number(self.release) or not 0 < self.release <= 1:
            raise InputError(
                "An alarm policy's release must be above 0 and at most 1, a share of the "
                f"threshold. Received: {shown(self.release)}."
            )
        if not _is_number(self.habituation_rise) or not 0 <= self.habituation_rise <= 100:
            raise InputError(
                "An alarm policy's habituation_rise must be from 0 to 100. "
                f"Received: {shown(self.habituation_rise)}."
            )
        for name, steps in asdict(self).items():
            least = 1 if name == "min_duration_steps" else 0
            is_steps = type(steps) is int and least <= steps <= _MOST_STEPS
            if name.endswith("_steps") and not is_steps:
                raise InputError(
                    f"An alarm policy's {name} must be a whole number of at least {least}. "
                    f"Received: {shown(steps)}."
                )
        if 0 < self.max_duration_steps < self.min_duration_steps:
            raise InputError(
                "An alarm policy's max_duration_steps must be at least its min_duration_steps, "
                f"{self.min_duration_steps}, or 0. Received: {self.max_duration_steps}."
            )

    @classmethod
    def of_durations(cls, period_s: float, **options: Any) -> Self:
        """Returns a policy from durations.

        Args:
            period_s: Sampling period in seconds.
            **options: `release` and `habituation_rise`, and as durations `merge_gap`,
                `min_duration`, `max_duration`, `refractory`, `cool_down` and `habituation`, each in
                seconds or as text such as `2h`; rounded up to whole steps.
        """
        return cls().changed(period_s, **options)

    def changed(self, period_s: float, **options: Any) -> Self:
        """Returns this policy with some options replaced, see `of_durations`; `None` keeps one."""
        values: dict[str, Any] = asdict(self)
        for name, value in options.items():
            if value is None:
                continue
            if name in values and not name.endswith("_steps"):
                values[name] = value
            elif f"{name}_steps" in values:
                steps = steps_of(parse_duration(value), period_s)
                values[f"{name}_steps"] = max(steps, 1) if name == "min_duration" else steps
            else:
                known = ", ".join(f.name.removesuffix("_steps") for f in fields(self))
                raise InputError(f"An alarm policy has {known}. Received: {name!r}.")
        return type(self)(**values)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Self:
        """Reads what `dataclasses.asdict` made; absent entries have their default."""
        known = {f.name for f in fields(cls)}
        return cls(**{name: value for name, value in raw.items() if name in known})

    def text(self, period_s: float) -> str:
        """Says in words what differs from no policy, for people."""
        parts = [f"release at {self.release:g} of the threshold"] if self.release < 1 else []
        if self.min_duration_steps > 1:
            parts.append(f"min duration {self.min_duration_steps * period_s:g} s")
        times = ("max_duration", "merge_gap", "refractory", "cool_down")
        steps = {name: getattr(self, f"{name}_steps") for name in times}
        parts += [f"{n.replace('_', ' ')} {k * period_s:g} s" for n, k in steps.items() if k]
        if self.habituation_steps and self.habituation_rise:
            half_life = self.habituation_steps * period_s
            parts.append(f"habituation {self.habituation_rise:g}, half-life {half_life:g} s")
        return ", ".join(parts) or "every sample at or above the threshold"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
