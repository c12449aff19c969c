"""From severity to events: when something was wrong, how badly, and on which channels."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from runtime.alarms.episodes import Episodes
from runtime.clock.rows import TIME_LIMIT
from runtime.counted import counted
from runtime.errors import InputError, shown
from runtime.model.policy import AlarmPolicy
from runtime.model.schema import Metadata
from runtime.streams.scores import Scores
from runtime.streams.sealed import damaged, reading, seal, unseal

__all__ = ["Event", "EventDetector", "step_numbers"]

_VERSION = 2
_BLAMED_SHARE = 0.8
_MOST = float(np.finfo(np.float32).max)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One time in which the stream was not normal. Times are nanoseconds since 1970-01-01 UTC."""

    start_ns: int
    """The step that opened it."""
    end_ns: int
    """The last step at or above the release level."""
    peak_ns: int
    """The step of the highest severity."""
    peak_severity: float
    """The highest severity."""
    channels: tuple[str, ...]
    """The channels to blame: those with the largest share of the channel scores, summed over the
    steps at or above the threshold, that together make 80 %; the first has the largest share."""
    steps: int
    """Steps from start to end, both included."""


class EventDetector:
    """Turns scores into events, chunk by chunk; any chunking gives the same events.

    A restart of the stream closes an event. Refractory time, cool-down and habituation go on.

    Args:
        channels: Names of the channels, in the order of the scores.
        threshold: Severity that opens an event, before habituation.
        policy: See `AlarmPolicy`. Default: `AlarmPolicy()`.
        period_s: Sampling period in seconds, so that the time of a long gap counts as time; without
            it, or on a grid of rows, a gap counts as one step.

    Raises:
        InputError: A threshold that is no severity above 0, names that are no text or not
            different, a period that is no number of seconds.
    """

    def __init__(
        self,
        channels: Sequence[str],
        *,
        threshold: float,
        policy: AlarmPolicy | None = None,
        period_s: float | None = None,
    ) -> None:
        self._channels = _names(channels)
        if not isinstance(policy, AlarmPolicy | None):
            raise InputError(f"`policy` must be an AlarmPolicy. Received: {shown(policy)}.")
        self._episodes = Episodes(policy or AlarmPolicy(), threshold)
        self._period_ns = None if period_s is None else _period_ns(period_s)
        self._time_ns: int | None = None
        self._open = _Open(len(self._channels))

    @classmethod
    def of(
        cls,
        metadata: Metadata,
        *,
        threshold: float | None = None,
        policy: AlarmPolicy | None = None,
    ) -> Self:
        """Returns the event detector that a detector file asks for.

        Args:
            metadata: Of the detector.
            threshold: Instead of the file's.
            policy: Instead of the file's.
        """
        return cls(
            metadata.channels,
            threshold=metadata.threshold if threshold is None else threshold,
            policy=policy or metadata.alarm,
            period_s=metadata.period_s if metadata.grid == "time" else None,
        )

    @property
    def policy(self) -> AlarmPolicy:
        """The alarm policy."""
        return self._episodes.policy

    @property
    def threshold(self) -> float:
        """Severity that opens an event, before habituation."""
        return self._episodes.threshold

    @property
    def open_event(self) -> Event | None:
        """The event that goes on, so far; none before it has reached the minimum duration."""
        return self._event() if self._episodes.is_open else None

    @property
    def is_busy(self) -> bool:
        """Whether a step below the threshold may change more than the count of steps."""
        return self._time_ns is None or self._episodes.first is not None

    @property
    def shares(self) -> dict[str, float]:
        """Each channel's share of the blame for the latest event, 0 to 1, in their order."""
        blame = np.maximum(self._open.blame, 0.0)
        total = float(blame.sum()) or 1.0
        return dict(zip(self._channels, (blame / total).tolist(), strict=True))

    def pass_quietly(self, steps: int, time_ns: int) -> None:
        """Takes steps below the threshold that follow the last one without a restart.

        Args:
            steps: How many, while not `is_busy`.
            time_ns: Time of the last of them.
        """
        self._episodes.next_number += steps
        self._time_ns = time_ns

    def changed(self, *, threshold: float, policy: AlarmPolicy | None = None) -> Self:
        """Returns one that goes on from here with another threshold, an open event included.

        Args:
            threshold: The other one.
            policy: Another policy, too.
        """
        return type(self).restore(
            self._channels, self.snapshot(), threshold=threshold, policy=policy
        )

    def update(self, scores: Scores) -> list[Event]:
        """Takes the next scores of the stream and returns the events that have closed.

        Raises:
            InputError: Scores of another number of channels.
        """
        severity = scores.severity
        count = len(severity)
        if (
            count == 1
            and self._time_ns is not None
            and severity.dtype == np.float32
            and not scores.restart[0]
            and self._episodes.passes(severity.item())
        ):
            self._time_ns = scores.times_ns.item()
            return []
        if not count:
            return []
        if scores.channel_scores.shape[1] != len(self._channels):
            raise InputError(
                f"Scores must be of the channels {', '.join(self._channels)}. "
                f"Received: {counted(scores.channel_scores.shape[1], 'channel')}."
            )
        closed: list[Event] = []
        numbers = self._numbers(scores)
        pieces = self._episodes.update(scores.severity, numbers=numbers, restart=scores.restart)
        self._time_ns = int(scores.times_ns[-1])
        for piece in pieces:
            if piece.is_new:
                self._open = _Open(len(self._channels))
                self._open.first = int(numbers[piece.rows[0]])
            if piece.rows:
                alarms = scores.severity[piece.rows] >= self.threshold
                self._open.add(scores, piece.rows, alarms, int(numbers[piece.rows[-1]]))
            if piece.is_kept:
                closed.append(self._event())
        return closed

    def finish(self) -> list[Event]:
        """Closes the open event, at the end of the data."""
        piece = self._episodes.finish()
        return [self._event()] if piece and piece.is_kept else []

    def snapshot(self) -> bytes:
        """Returns the whole state, under a checksum, to be given to `restore`."""
        header = {
            "channels": self._channels,
            "threshold": self.threshold,
            "policy": asdict(self.policy),
            "period_ns": self._period_ns,
            "time_ns": self._time_ns,
            "episodes": self._episodes.state(),
            "open": self._open.state(),
        }
        blame = np.array([self._open.peak, *self._open.blame])
        return seal("events", _VERSION, header, {"peak_and_blame": blame})

    @classmethod
    def restore(
        cls,
        channels: Sequence[str],
        blob: bytes,
        *,
        threshold: float | None = None,
        policy: AlarmPolicy | None = None,
    ) -> Self:
        """Continues from `snapshot`, as if there had been no interruption.

        Args:
            channels: Names of the channels, the same as before.
            blob: What `snapshot` returned.
            threshold: Another one from here on.
            policy: Another one from here on.

        Raises:
            InputError: Anything that `snapshot` did not return for these channels: a damaged
                snapshot, one of an earlier version, one for other channels.
        """
        names = _names(channels)
        state, arrays = unseal("events", _VERSION, blob, {"peak_and_blame": "f8"})
        if state.get("channels") != list(names):
            raise InputError(
                f"A snapshot of events must be of the channels {', '.join(names)}. "
                f"Received: {shown(state.get('channels'))}. Start anew."
            )
        with reading("events", blob):
            before = AlarmPolicy(**state["policy"])
            events = cls(names, threshold=state["threshold"], policy=before)
            events._continue(state, arrays["peak_and_blame"])
            if events.snapshot() != bytes(blob):
                raise damaged("events", blob, "another form")
        if threshold is not None or policy is not None:
            other = cls(
                names,
                threshold=events.threshold if threshold is None else threshold,
                policy=policy or before,
            )
            other._continue(state, arrays["peak_and_blame"])
            return other
        return events

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).restore, (self._channels, self.snapshot())

    def _continue(self, state: Mapping[str, Any], peak_and_blame: npt.NDArray[np.float64]) -> None:
        """Takes what `snapshot` wrote."""
        self._episodes.restore(state["episodes"])
        self._open.restore(state["open"], peak_and_blame)
        period, time = state["period_ns"], state["time_ns"]
        is_going = self._episodes.first is not None
        open_steps = (self._open.first, self._open.last)
        sound = (
            (time is None) == (self._episodes.next_number == 0)
            and (time is None or (type(time) is int and abs(time) <= TIME_LIMIT))
            and (period is None or (type(period) is float and period >= 1))
            and (not is_going or open_steps == self._episodes.open_steps)
        )
        if not sound:
            raise InputError("Events must continue from what `snapshot` returned.")
        self._period_ns, self._time_ns = period, time

    def _numbers(self, scores: Scores) -> npt.NDArray[np.int64]:
        start = max(0, self._episodes.next_number - 1)
        return start + _steps_ahead(scores, period_ns=self._period_ns, before_ns=self._time_ns)

    def _event(self) -> Event:
        event = self._open
        return Event(
            start_ns=event.start_ns,
            end_ns=event.end_ns,
            peak_ns=event.peak_ns,
            peak_severity=event.peak,
            channels=_blamed(self._channels, event.blame),
            steps=event.last - event.first + 1,
        )


def step_numbers(scores: Scores, *, period_s: float | None) -> npt.NDArray[np.int64]:
    """Numbers the steps of a whole series as `EventDetector` does, from 0.

    Args:
        scores: The series.
        period_s: See `EventDetector`.
    """
    period_ns = None if period_s is None else period_s * 1e9
    return _steps_ahead(scores, period_ns=period_ns, before_ns=None)


def _steps_ahead(
    scores: Scores, *, period_ns: float | None, before_ns: int | None
) -> npt.NDArray[np.int64]:
    """Counts steps on the time grid from the one at `before_ns`; a restart's gap counts too."""
    ahead = np.ones(len(scores), np.int64)
    ahead[0] = 0 if before_ns is None else 1
    if period_ns is not None:
        for row in np.flatnonzero(scores.restart).tolist():
            before = int(scores.times_ns[row - 1]) if row else before_ns
            if before is not None:
                gap = (int(scores.times_ns[row]) - before) / period_ns
                ahead[row] = max(1, round(gap))
    return np.cumsum(ahead)


class _Open:
    """What is known so far of the event that goes on."""

    def __init__(self, channels: int) -> None:
        self.start_ns = self.end_ns = self.peak_ns = 0
        self.peak = -1.0
        self.first = self.last = -1
        self.blame = np.zeros(channels)

    def add(
        self, scores: Scores, rows: list[int], alarms: npt.NDArray[np.bool_], last: int
    ) -> None:
        """Adds rows of a chunk.

        Args:
            scores: The chunk.
            rows: Rows of it, increasing.
            alarms: Which of these are at or above the threshold.
            last: Number of the last one's step.
        """
        severity = scores.severity[rows]
        if self.last < 0:
            self.start_ns = int(scores.times_ns[rows[0]])
        self.last = last
        self.end_ns = int(scores.times_ns[rows[-1]])
        highest = int(np.argmax(severity))
        if severity[highest] > self.peak:
            self.peak = float(severity[highest])
            self.peak_ns = int(scores.times_ns[rows[highest]])
        # One by one, in order: any chunking gives the same sum to the last bit.
        parts = scores.channel_scores[np.asarray(rows)[alarms]].astype(np.float64)
        self.blame = np.cumsum(np.vstack([self.blame, parts]), axis=0)[-1]

    def state(self) -> dict[str, int]:
        """Returns the whole numbers; `peak` and `blame` may be any."""
        return {name: getattr(self, name) for name in _STEPS}

    def restore(self, state: Mapping[str, int], peak_and_blame: npt.NDArray[np.float64]) -> None:
        """Continues from `state`, `peak` and `blame`."""
        sound = (
            all(type(state[name]) is int and abs(state[name]) <= TIME_LIMIT for name in _STEPS)
            and peak_and_blame.shape == (1 + len(self.blame),)
            and -1 <= peak_and_blame[0] <= _MOST
            and bool((np.abs(peak_and_blame) <= _MOST * TIME_LIMIT).all())
            and -1 <= state["first"] <= state["last"]
        )
        if not sound:
            raise InputError("An open event must continue from what `state` returned.")
        for name in _STEPS:
            setattr(self, name, state[name])
        self.peak, self.blame = float(peak_and_blame[0]), peak_and_blame[1:].copy()


_STEPS = ("start_ns", "end_ns", "peak_ns", "first", "last")


def _blamed(channels: tuple[str, ...], blame: npt.NDArray[np.float64]) -> tuple[str, ...]:
    blame = np.maximum(blame, 0.0)
    order = np.argsort(-blame, kind="stable")
    total = np.cumsum(blame[order])
    count = int(np.searchsorted(total, _BLAMED_SHARE * total[-1])) + 1
    return tuple(channels[i] for i in order[:count])


def _names(channels: Sequence[str]) -> tuple[str, ...]:
    names = () if isinstance(channels, str | bytes) else tuple(channels)
    if (
        not names
        or not all(isinstance(name, str) for name in names)
        or len(set(names)) < len(names)
    ):
        raise InputError(
            "`channels` must be at least one name, all different, in a sequence. "
            f"Received: {shown(channels)}."
        )
    return tuple(map(str, names))


def _period_ns(period_s: float) -> float:
    is_number = isinstance(period_s, int | float | np.integer | np.floating)
    if is_number and not isinstance(period_s, bool | np.timedelta64) and 1e-9 <= period_s <= 1e9:
        return float(period_s * 1e9)
    raise InputError(
        "The sampling period of events must be from 1e-9 to 1e9 seconds. "
        f"Received: {shown(period_s)}."
    )
