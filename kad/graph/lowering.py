"""What an exporter may put in the place of a part of a network while the graph is traced."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple, Protocol

import numpy as np

__all__ = ["Lowering", "RecurrentWeights", "Unrolled", "lowered_by", "lowering"]


class RecurrentWeights(NamedTuple):
    """A recurrent layer, in the layout of Keras' own."""

    cell: str
    """`lstm`, `gru` (which resets after the product) or `simple_rnn`."""
    activation: str
    """`tanh` or `relu`, of the candidate."""
    kernel: Any
    """`(inputs, gates · units)`: gates i, f, c, o of an LSTM; z, r, h of a GRU."""
    recurrent: Any
    """`(units, gates · units)`."""
    bias: Any
    """`(gates · units,)`; a GRU's `(2, gates · units)`."""

    @property
    def units(self) -> int:
        """Size of the output."""
        return int(self.recurrent.shape[0])


class Unrolled(NamedTuple):
    """What a recurrent layer makes of a sequence."""

    output: Any
    """`(batch, steps, units)`."""
    last: tuple[Any, ...]
    """Its states after the last step, each `(batch, units)`; the first one is the output."""
    every: tuple[Any, ...] | None
    """Its states after every step, each `(batch, steps, units)`, where asked for."""


class Lowering(Protocol):
    """An exporter's operators."""

    def value(self, weight: Any) -> np.ndarray:
        """Returns the numbers of a weight, which are constants of the file."""
        ...

    def recurrent(
        self, weights: RecurrentWeights, x: Any, states: Sequence[Any], *, every: bool
    ) -> Unrolled:
        """Runs a recurrent layer over a sequence.

        Args:
            weights: The layer.
            x: `(batch, steps, inputs)`.
            states: Before the first step, each `(batch, units)`; none: zeros.
            every: Whether the states after every step are needed.
        """
        ...

    def advance(self, weights: RecurrentWeights, x: Any, states: Sequence[Any]) -> list[Any]:
        """Takes one step of a recurrent layer.

        Args:
            weights: The layer.
            x: `(batch, inputs)`.
            states: Each `(batch, units)`.

        Returns:
            The next states; the first one is the output.
        """
        ...


_LOWERING: ContextVar[Lowering | None] = ContextVar("lowering", default=None)


def lowering() -> Lowering | None:
    """Returns the exporter that is at work, if any."""
    return _LOWERING.get()


@contextmanager
def lowered_by(exporter: Lowering) -> Iterator[None]:
    """Lets an exporter put operators of its own in the place of what it can lower."""
    token = _LOWERING.set(exporter)
    try:
        yield
    finally:
        _LOWERING.reset(token)
