"""Scores the final slots of one or many streams in as few network calls as possible."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from runtime.clock.context import ContextColumns
from runtime.clock.grid import Placed
from runtime.errors import InputError
from runtime.model.detector import Detector
from runtime.model.outputs import Array, StepOutput, concatenated, nothing

__all__ = ["Rounds"]

_ONLY = np.zeros(1, np.intp)
_MOST = float(np.finfo(np.float32).max)
_AT_ONCE_BYTES = 4 << 20
"""Of the states of one call: more than that leaves the cache, and has its pages mapped anew."""
_LEAST_AT_ONCE = 32
"""Streams of one call, however large their states: a call has costs of its own."""


class Rounds:
    """Runs a detector over placed rows, keeping the state of each stream.

    Args:
        detector: The detector.
        streams: Number of streams.
        warm: New streams start from the state at the end of the training rows.

    Raises:
        InputError: A detector that is fixed to several steps, or has no state to start warm from.
    """

    def __init__(self, detector: Detector, streams: int, *, warm: bool = False) -> None:
        if (detector.fixed_steps or 1) > 1:
            raise InputError(
                "Scoring row by row needs a detector that takes any number of steps, or one. "
                f"Received: one fixed to {detector.fixed_steps} steps. Export it without "
                "`--steps`, or call `Detector.step` with whole chunks."
            )
        meta = detector.metadata
        self._detector = detector
        self._channels = len(meta.channels)
        self._inputs = len(meta.inputs)
        names = [c.name for c in meta.inputs if c.role == "context"]
        self._context = ContextColumns(names) if names else None
        self._keeps = meta.restarts_keep
        self._warm = _warm_state(detector) if warm else None
        self._fits_one = detector.fixed_streams in (None, 1)
        self._at_once = _at_once(meta.state_size, detector.fixed_streams or 1)
        self._taken = np.empty((0, meta.state_size), np.float32)
        self._x = np.empty((1, 1, self._inputs), np.float32)
        self._x_values = self._x[0, 0, : self._channels]
        self._x_context = self._x[0, 0, self._channels :]
        self.state = self.new_states(streams)
        no_rows = np.empty(0, np.int64)
        self.none: tuple[Placed, StepOutput] = (
            Placed(no_rows, np.empty((0, self._channels)), np.empty(0, np.bool_), no_rows),
            nothing((0,), channels=self._channels, state=detector.initial_state(1)[0]),
        )

    def new_states(self, streams: int) -> Array:
        """Returns the states of new streams, float32 (streams, state_size)."""
        if self._warm is None:
            return self._detector.initial_state(streams)
        return np.repeat(self._warm, streams, axis=0)

    def add(self, streams: int) -> None:
        """Takes in new streams, behind the others."""
        self.state = np.concatenate([self.state, self.new_states(streams)])

    def keep(self, streams: npt.NDArray[np.intp]) -> None:
        """Lets go of all streams but some, whose numbers become their places among these."""
        self.state = self.state[streams]

    def inputs(self, times_ns: npt.NDArray[np.int64], values: npt.NDArray[np.float64]) -> Array:
        """Returns the network's input, float32 (rows, inputs): values, then context columns."""
        x = np.empty((len(times_ns), self._inputs), np.float32)
        # Values beyond float32 become infinite, which means missing.
        with np.errstate(over="ignore"):
            x[:, : self._channels] = values
        if self._context:
            # Streams of one clock are due together.
            if len(times_ns) > 1 and (times_ns == times_ns[0]).all():
                self._context.at(int(times_ns[0]), self._x_context)
                x[:, self._channels :] = self._x_context
            else:
                self._context.of(times_ns, x[:, self._channels :])
        return x

    def one(self, time_ns: int, values: npt.NDArray[np.float64]) -> StepOutput:
        """Scores the next step of the only stream, which goes on its segment.

        Args:
            time_ns: Time of its slot.
            values: float64 (1, channels).

        Returns:
            Outputs with the axes of streams and steps, of length 1.
        """
        row = values[0]
        fits = self._fits_one
        for value in row.tolist():
            if value > _MOST or value < -_MOST:
                fits = False
        if not fits:
            return self.step(self.inputs(np.array([time_ns], np.int64), values)[None], _ONLY)
        self._x_values[:] = row
        if self._context:
            self._context.at(time_ns, self._x_context)
        out = self._detector.call(self._x, self.state)
        self.state = out.next_state
        return out

    def step(self, x: Array, streams: npt.NDArray[np.intp] | slice) -> StepOutput:
        """Scores the same number of steps for some streams, and keeps their new state.

        Args:
            x: float32 (streams, steps, inputs).
            streams: Their numbers, each once; or all of them, as a slice.
        """
        if isinstance(streams, slice):
            streams = np.arange(len(self.state))
        if len(x) > self._at_once:
            return self._in_parts(x, streams)
        if len(streams) == len(self.state) and (streams[1:] > streams[:-1]).all():
            out = self._call(x, self.state)
            self.state = out.next_state
        else:
            out = self._call(x, self._states(streams))
            self.state[streams] = out.next_state
        return out

    def _in_parts(self, x: Array, streams: npt.NDArray[np.intp]) -> StepOutput:
        """Scores some streams after others; its outputs have no state."""
        parts = []
        for start in range(0, len(x), self._at_once):
            some = slice(start, start + self._at_once)
            out = self.step(x[some], streams[some])
            parts.append(out._replace(next_state=self.none[1].next_state))
        return concatenated(parts, axis=0)

    def _states(self, streams: npt.NDArray[np.intp]) -> Array:
        """Returns the states of some streams, in a buffer that the next call fills anew."""
        if len(streams) > len(self._taken):
            self._taken = np.empty((len(streams), self.state.shape[1]), np.float32)
        out = self._taken[: len(streams)]
        # Indices are right, which "clip" does not look at: "raise" copies twice.
        return np.take(self.state, streams, axis=0, out=out, mode="clip")

    def restart(self, stream: int | np.intp) -> None:
        """Begins a stream anew, as its detector wants it.

        From schema 2 on, a first number of 0 says so, and what was learnt goes on; a state of
        zeros stays a new stream. Before, all of it is zeroed.
        """
        if self._keeps:
            self.state[stream, 0] = 0.0
        else:
            self.state[stream] = 0.0

    def score(self, placed: Sequence[Placed], streams: npt.NDArray[np.intp]) -> list[StepOutput]:
        """Scores the slots of some streams; see `restart`.

        In each round, every stream with rows left takes as many steps as the shortest run of
        them has: there are no more calls than runs of different length.

        Args:
            placed: What each stream's grid has emitted.
            streams: Their numbers, each once.

        Returns:
            Each stream's outputs, without the axis of the streams; the states are in `state`.
        """
        if len(placed) == 1 and len(placed[0].restart) and not placed[0].restart.any():
            # The rounds below would do the same: a live stream brings one row at a time.
            out = self.step(self.inputs(placed[0].times_ns, placed[0].values)[None], streams)
            return [StepOutput(*(array[0] for array in out))]
        inputs = [self.inputs(p.times_ns, p.values) for p in placed]
        done = np.zeros(len(placed), np.intp)
        # A run ends where the next segment begins.
        ends = [[*np.flatnonzero(p.restart), len(p.restart)] for p in placed]
        parts: list[list[StepOutput]] = [[] for _ in placed]
        active = np.array([i for i, x in enumerate(inputs) if len(x)], np.intp)
        while len(active):
            for i in active:
                if ends[i][0] == done[i]:
                    ends[i].pop(0)
                    self.restart(streams[i])
            steps = min(ends[i][0] - done[i] for i in active)
            if len(active) == 1:
                (i,) = active
                x = inputs[i][None, done[i] : done[i] + steps]
            else:
                x = np.stack([inputs[i][done[i] : done[i] + steps] for i in active])
            out = self.step(x, streams[active])
            for place, i in enumerate(active):
                # Without their states, which may be larger than all that is said of the steps.
                said = [array[place] for array in out[:-1]]
                parts[i].append(StepOutput._make([*said, self.none[1].next_state]))
            done[active] += steps
            active = active[[done[i] < len(inputs[i]) for i in active]]
        return [self._joined(part) for part in parts]

    def _joined(self, parts: list[StepOutput]) -> StepOutput:
        if len(parts) == 1:
            return parts[0]
        return concatenated(parts, axis=0) if parts else self.none[1]

    def _call(self, x: Array, state: Array) -> StepOutput:
        """Calls the detector; groups and pads streams where their number is fixed."""
        fixed = self._detector.fixed_streams
        if fixed in (None, len(x)):
            # A single step needs no cutting, and its arrays are ours: a state that came out finite.
            return (self._detector.call if x.shape[1] == 1 else self._detector.step)(x, state)
        parts = []
        for start in range(0, len(x), fixed or 1):
            group, states = x[start : start + (fixed or 1)], state[start : start + (fixed or 1)]
            pad = (fixed or 1) - len(group)
            if pad:
                group = np.concatenate([group, np.zeros((pad, *x.shape[1:]), np.float32)])
                states = np.concatenate([states, np.zeros((pad, state.shape[1]), np.float32)])
            parts.append(self._detector.step(group, states))
        arrays = (np.concatenate(array)[: len(x)] for array in zip(*parts, strict=True))
        return StepOutput(*arrays)


def _at_once(state_size: int, fixed_streams: int) -> int:
    """Returns how many streams one call has at most: whole groups, where their number is fixed."""
    most = max(_LEAST_AT_ONCE, _AT_ONCE_BYTES // (4 * max(1, state_size)))
    return max(1, most // fixed_streams) * fixed_streams


def _warm_state(detector: Detector) -> Array:
    state = detector.warm_state
    if state is None:
        raise InputError(
            "`warm=True` needs a detector file that carries the state at the end of its training "
            f"rows. Received: {detector!r}, without it. Export it again, or start without `warm`."
        )
    return state
