"""Whether a machine runs: rows of one that stands still are not scored, its windows go on later.

What the caller does with each verdict, in the order of the rows:

    SCORE    pushes the row
    STOP     the machine has just stopped: flushes the stream, closes its open event, no push
    SKIP     it stands still: no push, `Quality.STOPPED`
    RESUME   it runs again: `StreamBatch.resume` at the time of this row, then pushes it

`resume` puts the next slot at this row's time, without missing slots and without a restart. The
windows of the detector go on with what they held when the machine stopped, the warm-up is not
begun again, and context columns are those of the real time: shifting the times of the rows instead
would give a detector that knows hour and weekday the wrong ones.
"""

import enum
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from runtime.clock.rows import TIME_LIMIT, Times
from runtime.errors import ConfigError, shown
from runtime.gateway.rules.expressions import Condition, parse_condition
from runtime.gateway.rules.mutes import matches
from runtime.gateway.rules.roster import unsound

__all__ = ["Running", "RunningRule", "Verdict"]

Override = Literal["on", "off", "signal"]
_LONGEST_S = 7 * 86_400.0
_MOST_NEAR_S = 366 * 86_400.0


class Verdict(enum.IntEnum):
    """What becomes of a row; see the module."""

    SCORE = 0
    STOP = 1
    SKIP = 2
    RESUME = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningRule:
    """When a machine runs, and how long it must have done so."""

    signal: str
    """The condition, such as `speed > 100`; see `expressions`."""
    on_delay_s: float = 0.0
    """It runs once the signal has been on for so long: the time that starting takes."""
    off_delay_s: float = 0.0
    """It stands still once the signal has been off for so long; rows until then are scored."""
    unknown: Literal["keep", "on", "off"] = "keep"
    """What a missing signal means: as it was, and on where it was never known."""
    near_s: float = 0.0
    """The first row of a running machine counts at once where it comes no longer than this after
    the row before; else the next one must be near it, so that one wrong stamp moves nothing. The
    longest gap that the detector bridges."""

    def __post_init__(self) -> None:
        """Checks the values.

        Raises:
            ConfigError: A value out of its range, or no condition.
        """
        parse_condition(self.signal)
        for name, most in (
            ("on_delay_s", _LONGEST_S), ("off_delay_s", _LONGEST_S), ("near_s", _MOST_NEAR_S),
        ):  # fmt: skip
            value = getattr(self, name)
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if not is_number or not 0 <= value <= most:
                raise ConfigError(
                    f"`{name}` of a running signal must be from 0 to {most:g} seconds. "
                    f"Received: {shown(value)}."
                )
        if self.unknown not in ("keep", "on", "off"):
            raise ConfigError(
                "`unknown` of a running signal must be keep, on or off. "
                f"Received: {shown(self.unknown)}."
            )


@dataclass(slots=True)
class _Odd:
    """A stream that does not simply run."""

    off: bool = False
    since_ns: int | None = None
    """Since when the signal has been other than the state says; None: it is not."""
    last_ns: int = 0
    """Time of the last row."""
    candidate_ns: int | None = None
    """A first row of a running machine that is far from the one before."""


class Running:
    """Says of each row whether its machine runs, by one rule for all streams of a model.

    Rows are taken in the order in which they come. One that is earlier than the one before counts
    as if no time had passed.

    Args:
        rule: The rule.
        channels: Names of the detector's channels; other names in the condition are readings that
            come beside them, each kept until it comes again.

    Raises:
        ConfigError: A condition that cannot be read.
    """

    def __init__(self, rule: RunningRule, channels: Sequence[str]) -> None:
        self._rule = rule
        self._condition: Condition = parse_condition(rule.signal)
        self._place = {name: channels.index(name) for name in self._condition.names
                       if name in channels}  # fmt: skip
        self.extras = tuple(name for name in self._condition.names if name not in self._place)
        """Readings beside the channels that the condition needs."""
        self._on_ns, self._off_ns = (round(s * 1e9) for s in (rule.on_delay_s, rule.off_delay_s))
        self._near_ns = round(rule.near_s * 1e9)
        self._odd: dict[str, _Odd] = {}
        self._known: dict[str, dict[str, float]] = {}
        self._overrides: dict[str, bool] = {}
        self._said: dict[str, bool | None] = {}

    def override(self, streams: str, how: Override) -> None:
        """Says by hand that machines run or stand still; `signal`: as their signal says.

        It takes the signal's place; the delays hold for it too. The last that fits counts.

        Args:
            streams: A name or a pattern, as in `mutes.matches`.
            how: What is said.

        Raises:
            ConfigError: None of the three.
        """
        if how not in ("on", "off", "signal"):
            raise ConfigError(
                f"A machine can be said to be on, off, or as its signal says (signal). "
                f"Received: {shown(how)}."
            )
        self._overrides.pop(streams, None)
        if how != "signal":
            self._overrides[streams] = how == "on"
        self._said.clear()

    @property
    def overrides(self) -> dict[str, bool]:
        """Streams, by name or pattern, of which a person said whether they run."""
        return dict(self._overrides)

    @property
    def stopped(self) -> tuple[str, ...]:
        """Streams whose machines stand still."""
        return tuple(name for name, odd in self._odd.items() if odd.off)

    def hear(self, stream: str, readings: Mapping[str, float]) -> None:
        """Takes readings beside the channels, in their order among the rows.

        Args:
            stream: Its name.
            readings: By name; those that the condition does not need are no error. NaN: missing.
        """
        for name in self.extras:
            if name in readings:
                self._known.setdefault(stream, {})[name] = float(readings[name])

    def judge(
        self, streams: Sequence[str], times_ns: Times, values: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.int8]:
        """Returns the `Verdict` of each row.

        Args:
            streams: Name of each row's stream (rows,).
            times_ns: int64 (rows,), in order of arrival within each stream.
            values: float64 (rows, channels), before anything is masked; NaN is missing.

        Returns:
            int8 (rows,).
        """
        verdicts = np.zeros(len(streams), np.int8)
        on, known = self._signals(streams, values)
        is_off = known & ~on
        for row, name in enumerate(streams):
            odd = self._odd.get(name)
            if odd is None:
                if not is_off[row]:
                    continue
                odd = self._odd[name] = _Odd()
            said = bool(on[row]) if known[row] else None
            verdicts[row] = self._next(name, odd, said, int(times_ns[row]))
        return verdicts

    def forget(self, streams: Sequence[str]) -> None:
        """Lets go of streams; what a person said of them stays."""
        for name in streams:
            self._odd.pop(name, None)
            self._known.pop(name, None)
            self._said.pop(name, None)

    def state(self, streams: Sequence[str] | None = None) -> dict[str, Any]:
        """Returns what is known, of all streams or of some, and what people said, for JSON."""

        def of(kept: Mapping[str, Any]) -> dict[str, Any]:
            return {n: kept[n] for n in (kept if streams is None else streams) if n in kept}

        return {
            "odd": {n: [o.off, o.since_ns, o.last_ns, o.candidate_ns]
                    for n, o in of(self._odd).items()},
            "known": {
                n: {k: v if math.isfinite(v) else str(v) for k, v in each.items()}
                for n, each in of(self._known).items()
            },
            "overrides": dict(self._overrides),
        }  # fmt: skip

    def restore(self, state: object) -> None:
        """Takes in what `state` returned, of the streams that it names.

        Raises:
            InputError: Anything else; nothing has changed then.
        """
        if not isinstance(state, dict) or set(state) != {"odd", "known", "overrides"}:
            raise unsound(state)
        if not all(isinstance(part, dict) for part in state.values()):
            raise unsound(state)
        odd, known = {}, {}
        for name, record in state["odd"].items():
            if not _is_odd(record):
                raise unsound(record)
            odd[str(name)] = _Odd(*record)
        for name, readings in state["known"].items():
            try:
                known[str(name)] = {key: float(readings[key]) for key in readings}
            except (TypeError, ValueError) as error:
                raise unsound(readings) from error
            if not set(known[str(name)]) <= set(self.extras):
                raise unsound(readings)
        if not all(type(said) is bool for said in state["overrides"].values()):
            raise unsound(state["overrides"])
        self._odd.update(odd)
        self._known.update(known)
        self._overrides.update(state["overrides"])
        self._said.clear()

    def _signals(
        self, streams: Sequence[str], values: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        columns = {name: values[:, place] for name, place in self._place.items()}
        for name in self.extras:
            columns[name] = np.array(
                [self._known.get(stream, {}).get(name, math.nan) for stream in streams], np.float64
            )
        on, known = self._condition.of(columns)
        if self._rule.unknown != "keep":
            on, known = np.where(known, on, self._rule.unknown == "on"), np.ones_like(known)
        if self._overrides:
            for row, stream in enumerate(streams):
                said = self._said_of(stream)
                if said is not None:
                    on[row], known[row] = said, True
        return on, known

    def _said_of(self, stream: str) -> bool | None:
        if stream not in self._said:
            fitting = [said for p, said in self._overrides.items() if matches(p, stream)]
            self._said[stream] = fitting[-1] if fitting else None
        return self._said[stream]

    def _next(self, name: str, odd: _Odd, said: bool | None, time: int) -> Verdict:  # noqa: FBT001
        """Takes a row of a stream that does not simply run, or whose signal is not on."""
        is_on = not odd.off if said is None else said
        last, odd.last_ns = odd.last_ns, time
        as_before = Verdict.SKIP if odd.off else Verdict.SCORE
        if is_on != odd.off:
            odd.since_ns = odd.candidate_ns = None
            if not odd.off:
                del self._odd[name]
            return as_before
        if odd.since_ns is None or time < odd.since_ns:
            odd.since_ns = time
        if time - odd.since_ns < (self._on_ns if odd.off else self._off_ns):
            return as_before
        if not odd.off:
            odd.off, odd.since_ns = True, None
            return Verdict.STOP
        if not self._is_near(odd, last, time):
            return Verdict.SKIP
        del self._odd[name]
        return Verdict.RESUME

    def _is_near(self, odd: _Odd, last: int, time: int) -> bool:
        """Whether a time follows the row before, or the one that is waited for."""
        before = last if odd.candidate_ns is None else odd.candidate_ns
        if not self._near_ns or abs(time - before) <= self._near_ns:
            return True
        odd.candidate_ns = time
        return False


def _is_odd(record: object) -> bool:
    if not isinstance(record, list) or len(record) != 4 or type(record[0]) is not bool:
        return False
    times = [time for time in record[1:] if time is not None]
    return record[2] is not None and all(
        type(time) is int and abs(time) < TIME_LIMIT for time in times
    )
