"""`step` over whole series, compiled, chunk by chunk."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from kad.backend.compiled import compile_function
from kad.data.frames import Segment
from kad.detector.stepping import Stepping
from runtime.clock.context import context_columns
from runtime.errors import InputError


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

    def run_segment(
        self, step: Callable[[Any, Any], dict[str, Any]], inputs: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Runs `step`, or a method that takes and hands on state as it does, over one stream.

        Args:
            step: The method; its outputs have the axes `(streams, steps, ...)`.
            inputs: `(rows, inputs)` in raw units on the grid; NaN where missing.

        Returns:
            The outputs but `next_state`, float32 `(rows, ...)`.
        """
        parts: dict[str, list[np.ndarray]] = {}
        for out, rows in self._run(step, inputs):
            for name, array in out.items():
                if name != "next_state":
                    parts.setdefault(name, []).append(array[0, :rows])
        return {name: np.concatenate(arrays) for name, arrays in parts.items()}

    def _scores_alone(self, inputs: np.ndarray) -> np.ndarray:
        """Returns `score` of `score_segment` without holding the other outputs in memory."""
        return np.concatenate([out["score"][0, :n] for out, n in self._run(self.step, inputs)])

    def last_state(self, inputs: np.ndarray) -> np.ndarray:
        """Returns the state `(1, state_size)` of a stream after `inputs`, see `score_segment`.

        Rows that fill up the last chunk are missing samples.
        """
        for out, _ in self._run(self.step, inputs):
            state = out["next_state"]
        return state

    def _run(
        self, step: Callable[[Any, Any], dict[str, Any]], inputs: np.ndarray
    ) -> Iterator[tuple[dict[str, np.ndarray], int]]:
        """Yields the outputs of each chunk and how many of its rows are real."""
        if step not in self._compiled:
            self._compiled[step] = compile_function(step, self.variables)
        state = np.zeros((1, self.state_size), "float32")
        for chunk, rows in _chunks(inputs, self.max_steps, channels=len(self.channels)):
            out = self._compiled[step](chunk, state)
            state = out["next_state"]
            yield out, rows

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


def _chunks(values: np.ndarray, steps: int, *, channels: int) -> Iterator[tuple[np.ndarray, int]]:
    """Yields float32 `(1, steps, inputs)` and how many rows of it are real.

    The last chunk is filled with missing samples; context is never missing.
    """
    for start in range(0, len(values), steps):
        block = values[start : start + steps].astype("float32")
        padding = np.repeat(block[-1:], steps - len(block), axis=0)
        padding[:, :channels] = np.nan
        yield np.concatenate([block, padding])[None], len(block)
