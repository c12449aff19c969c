"""The outputs of a detector file: their names, axes, units and columns, said once.

To add one, write its type, add it to `StepOutput` and, if it has steps, to `PerStep`, and return it
from `kad.detector.stepping`. Shapes, chunks, tables, verification and export follow.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Annotated, NamedTuple, get_type_hints

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]


class Output(NamedTuple):
    """What is known of an output beside its numbers."""

    axes: tuple[str, ...]
    """Of `streams`, `steps`, `channels` and `state`, in the order of the array."""
    unit: float = 0.0
    """Size below which differences mean nothing, for outputs with a unit of their own."""
    column: str = ""
    """Its columns in tables, `{}` for the channel; empty for outputs without steps."""

    def columns(self, channels: Sequence[str]) -> list[str]:
        """Returns the names of its columns in tables."""
        each = "channels" in self.axes
        return [self.column.format(name) for name in channels] if each else [self.column]


# A severity of 3 is one in a thousand. An adaptive score of 1 is one standard deviation of usual
# errors, as small as 0.02 of the sensor's own: what float32 rounds off an error counts up to fifty
# fold. Static scores are larger.
Score = Annotated[Array, Output(("streams", "steps"), 1.0, "score")]
Severity = Annotated[Array, Output(("streams", "steps"), 3.0, "severity")]
ChannelScores = Annotated[Array, Output(("streams", "steps", "channels"), 1.0, "score_{}")]
Expected = Annotated[Array, Output(("streams", "steps", "channels"), 0.0, "expected_{}")]
NextState = Annotated[Array, Output(("streams", "state"))]


class StepOutput(NamedTuple):
    """What `Detector.step` returns; every array is float32."""

    score: Score
    """The detector's own score, at least 0: (streams, steps)."""
    severity: Severity
    """−log10 P(a normal sample scores this high), 0 while warming up: (streams, steps)."""
    channel_scores: ChannelScores
    """Each channel's part of the score: (streams, steps, channels)."""
    expected: Expected
    """What the detector expected, in raw units: (streams, steps, channels)."""
    next_state: NextState
    """State to feed to the next call: (streams, state_size)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PerStep:
    """The outputs that have steps, of one stream, in the order of a table's columns."""

    score: Score
    """The detector's own score: float32 (steps,)."""
    severity: Severity
    """−log10 P(a normal sample scores this high): float32 (steps,)."""
    expected: Expected
    """What the detector expected, in raw units: float32 (steps, channels)."""
    channel_scores: ChannelScores
    """Each channel's part of the score: float32 (steps, channels)."""


def _described() -> dict[str, Output]:
    hints = get_type_hints(StepOutput, include_extras=True)
    return {name: hints[name].__metadata__[0] for name in StepOutput._fields}


DESCRIBED = _described()
"""What is known of each output, in the order of the file's tensors."""
OUTPUTS = StepOutput._fields
"""Names of the output tensors, in order."""
PER_STEP = tuple(field.name for field in fields(PerStep))
"""Names of the outputs with steps, in the order of a table's columns."""


def shapes(*, inputs: int, channels: int, state_size: int) -> dict[str, tuple[str | int, ...]]:
    """Returns the shape of every input and output tensor; `streams` and `steps` are free.

    Args:
        inputs: Columns of `x`.
        channels: Channels among them.
        state_size: Length of one stream's state.
    """
    sizes: dict[str, str | int] = {"channels": channels, "state": state_size}
    outputs = {
        name: tuple(sizes.get(axis, axis) for axis in output.axes)
        for name, output in DESCRIBED.items()
    }
    return {"x": ("streams", "steps", inputs), "state": ("streams", state_size), **outputs}


def score_columns(channels: Sequence[str]) -> dict[str, list[str]]:
    """Returns the column names of every field of `Scores` that tables have, in their order."""
    outputs = {name: DESCRIBED[name].columns(channels) for name in PER_STEP}
    return {"values": list(channels), **outputs, "alarm": ["alarm"]}


def nothing(lead: tuple[int, ...], *, channels: int, state: Array) -> StepOutput:
    """Returns the outputs of no step at all.

    Args:
        lead: Shape of an output with one number per step: `(0,)`, or `(streams, 0)`.
        channels: Number of channels.
        state: The state, which stays as it is.
    """
    arrays = {name: lead + (channels,) * ("channels" in DESCRIBED[name].axes) for name in PER_STEP}
    empty = {name: np.empty(shape, np.float32) for name, shape in arrays.items()}
    return StepOutput(**empty, next_state=state)


def concatenated(parts: Iterable[StepOutput], axis: int) -> StepOutput:
    """Joins outputs that follow each other in time; the state is the last one.

    A state may be larger than all that is said of its steps: of parts that are made one after the
    other, none but the last is held.

    Args:
        parts: At least one.
        axis: The axis of the steps.
    """
    arrays: dict[str, list[Array]] = {name: [] for name in PER_STEP}
    for part in parts:
        state = part.next_state
        for name, several in arrays.items():
            several.append(getattr(part, name))
    joined = {name: np.concatenate(several, axis) for name, several in arrays.items()}
    return StepOutput(**joined, next_state=state)


def of_all_steps(outputs: StepOutput) -> StepOutput:
    """Returns the outputs of the same steps of several streams, stream by stream, on one axis."""
    each = {name: getattr(outputs, name) for name in PER_STEP}
    flat = {name: array.reshape(-1, *array.shape[2:]) for name, array in each.items()}
    return StepOutput(**flat, next_state=outputs.next_state)
