"""`step` over whole series, compiled, chunk by chunk."""

from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

from kad.backend.compiled import compile_function
from kad.data.frames import Segment
from kad.detector.stepping import Stepping
from runtime.clock.context import context_columns
from runtime.errors import InputError

Step = Callable[[Any, Any], dict[str, Any]]
"""`step`, or a method that takes and hands on state as it does."""


class Running(Stepping):
    """Adds runs of `step` over one stream."""

    def inputs(self, segment: Segment) -> np.ndarray:
        """Returns the channels of a segment and the context columns: `(rows, inputs)`."""
        if not self.context:
            return segment.values
        context = context_columns(self.context, segment.times_ns)
        return np.concatenate([segment.values, context], axis=1)

    def score_segment(self, inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Scores one stream from a new state.

        Args:
            inputs: `(rows, inputs)` in raw units on the grid; NaN where missing.

        Returns:
            float32 arrays: `score`, `severity` `(rows,)`, `channel_scores`, `expected`
            `(rows, channels)`.
        """
        return self.run_segment(self.step, inputs)

    def run_segment(self, step: Step, inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Runs `step`, or a method that takes and hands on state as it does, over one stream.

        Args:
            step: The method; its outputs have the axes `(streams, steps, ...)`.
            inputs: `(rows, inputs)` in raw units on the grid; NaN where missing.

        Returns:
            The outputs but `next_state`, float32 `(rows, ...)`.
        """
        return next(self.run_segments(step, [inputs]))

    def run_segments(
        self, step: Step, segments: Sequence[np.ndarray], *, only: Collection[str] = ()
    ) -> Iterator[dict[str, np.ndarray]]:
        """Runs over the segments of one stream, which restarts at each; see `run_segment`.

        Args:
            step: The method.
            segments: Each `(rows, inputs)`.
            only: Names of the outputs that are kept; all where none are given.
        """
        state = self.new_state()
        for i, inputs in enumerate(segments):
            parts: dict[str, list[np.ndarray]] = {}
            for out, rows in self._run(step, inputs, state, exact=i + 1 < len(segments)):
                state = out.pop("next_state")
                for name, array in out.items():
                    if not only or name in only:
                        parts.setdefault(name, []).append(array[0, :rows])
            state = restarted(state)
            yield {name: np.concatenate(arrays) for name, arrays in parts.items()}

    def new_state(self) -> np.ndarray:
        """Returns the state of a new stream, zeros `(1, state_size)`."""
        return np.zeros((1, self.state_size), "float32")

    def last_state(self, inputs: np.ndarray, state: np.ndarray | None = None) -> np.ndarray:
        """Returns the state `(1, state_size)` of a stream after `inputs`, as a restart takes it.

        What begins anew at a restart may have been filled up with missing samples.

        Args:
            inputs: See `score_segment`.
            state: Before them; a new stream's where not given.
        """
        state = self.new_state() if state is None else state
        for out, _ in self._run(self.step, inputs, state, exact=True):
            state = out["next_state"]
        return state

    def _run(
        self, step: Step, inputs: np.ndarray, state: np.ndarray, *, exact: bool
    ) -> Iterator[tuple[dict[str, np.ndarray], int]]:
        """Yields the outputs of each chunk and how many of its rows are real.

        Args:
            step: See `run_segment`.
            inputs: See `run_segment`.
            state: Before them.
            exact: What goes on over a restart knows of no row that is not real.
        """
        run = self.run_of(step)
        singles = len(inputs) % self.max_steps if exact and self.own_keeps else 0
        whole = len(inputs) - singles
        chunks = chain(
            _chunks(inputs[:whole], self.max_steps, channels=len(self.channels)),
            _chunks(inputs[whole:], 1, channels=len(self.channels)),
        )
        for chunk, rows in chunks:
            out = run(chunk, state)
            state = out["next_state"]
            yield dict(out), rows

    def run_of(self, step: Step) -> Callable[[np.ndarray, np.ndarray], dict[str, np.ndarray]]:
        """Returns `step`, or a method as it is, compiled once, from arrays to arrays."""
        if step not in self._compiled:
            self._compiled[step] = compile_function(step, self.variables)
        return self._compiled[step]

    def columns_of(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Returns the channels of a frame in the detector's order.

        Raises:
            InputError: A channel is missing, or there are no rows.
        """
        absent = [c for c in self.channels if c not in frame.columns]
        if absent:
            raise InputError(
                f"The detector watches {', '.join(self.channels)}. Received columns: "
                f"{', '.join(map(str, frame.columns))}; missing: {', '.join(absent)}."
            )
        if frame.empty:
            raise InputError("The series has no rows.")
        return frame[list(self.channels)]


def restarted(state: np.ndarray) -> np.ndarray:
    """Returns a state whose stream restarts: its first number is 0."""
    state = np.array(state)
    state[:, 0] = 0
    return state


def _chunks(values: np.ndarray, steps: int, *, channels: int) -> Iterator[tuple[np.ndarray, int]]:
    """Yields float32 `(1, steps, inputs)` and how many rows of it are real.

    The last chunk is filled with missing samples; context is never missing.
    """
    for start in range(0, len(values), steps):
        block = values[start : start + steps].astype("float32")
        padding = np.repeat(block[-1:], steps - len(block), axis=0)
        padding[:, :channels] = np.nan
        yield np.concatenate([block, padding])[None], len(block)
