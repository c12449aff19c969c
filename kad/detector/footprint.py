"""How much memory a detector takes: chunks by bytes, and what training, export and scoring need."""

from typing import Any, Final, NamedTuple

MB: Final = 1_000_000

CHUNK_BYTES: Final = 64 * MB
"""The largest array that a chunk of one stream may make: more channels, fewer steps in a call."""

_NUMBER = 4
"""Bytes of a number in a state or a network."""


class Needed(NamedTuple):
    """Peak memory of a process, in bytes."""

    train: int
    """`kad train`, its report included."""
    export: int
    """`python -m export`, which replays three streams in Keras and ONNX Runtime."""
    score: int
    """`python -m runtime score`: one stream."""


class Process(NamedTuple):
    """What a process takes: coefficients fitted to `python -m benchmarks memory`, rounded up.

    Measured peaks of 1 to 220 channels, on JAX, are 0.7 to 1.0 of the estimate.
    """

    idle: int
    """Bytes before it has done anything: its libraries."""
    chunk: float
    """How many arrays of the largest kind are there at once."""
    state: float
    """How many copies of a stream's state."""
    weights: float
    """How many copies of the networks: gradients and moments, or the graph in several forms."""
    cell: float
    """Bytes of a cell, a row of one channel: what is held of a series."""
    column: float = 0
    """Bytes of an input: its operators, names and tables."""
    family: float = 0
    """Bytes of a family of networks: what compiling its losses takes."""


TRAIN: Final = Process(idle=1150 * MB, chunk=4, state=16, weights=6, cell=160, family=230 * MB)
EXPORT: Final = Process(idle=1050 * MB, chunk=16, state=48, weights=8, cell=0, column=MB * 3 // 5)
SCORE: Final = Process(idle=170 * MB, chunk=4, state=8, weights=3, cell=0)


def chunk_steps(longest: int, numbers: int) -> int:
    """Returns how many steps a chunk has, so that its largest array is within `CHUNK_BYTES`.

    Args:
        longest: Steps that it has where the array is small.
        numbers: Numbers of that array, float32, for one step of one stream.
    """
    return max(1, min(longest, CHUNK_BYTES // (_NUMBER * max(1, numbers))))


def needed(
    *,
    rows: int,
    inputs: int,
    max_steps: int,
    step_numbers: int,
    row_numbers: int,
    state_size: int,
    weights: int,
    families: int = 0,
) -> Needed:
    """Estimates peak memory: more than is taken, and less than twice as much.

    Args:
        rows: Training rows.
        inputs: Channels and context columns.
        max_steps: Longest chunk.
        step_numbers: Numbers of its largest array for one step of one stream.
        row_numbers: Numbers that training holds of a row, beside its cells.
        state_size: Numbers of one stream's state.
        weights: Numbers of the networks, and of all else that is learnt.
        families: Families of networks that are trained.
    """
    sizes: dict[str, Any] = {
        "chunk": _NUMBER * max_steps * step_numbers,
        "state": _NUMBER * state_size,
        "weights": _NUMBER * weights,
        "column": inputs,
        "family": families,
        "cell": rows * (inputs + row_numbers * _NUMBER / TRAIN.cell),
    }
    return Needed(
        *(
            round(process.idle + sum(getattr(process, name) * size for name, size in sizes.items()))
            for process in (TRAIN, EXPORT, SCORE)
        )
    )
