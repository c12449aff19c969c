"""The recurrent layers that a predictor can be made of, by name."""

from typing import Literal

from kad.networks.rnn.recurrent import Activation, Recurrent
from kad.networks.rnn.sru import SRU

Cell = Literal["lstm", "gru", "simple_rnn", "sru"]


def recurrent_layer(
    cell: Cell, units: int, *, inputs: int, activation: Activation, uniform: float, name: str
) -> Recurrent | SRU:
    """Makes a layer.

    Args:
        cell: Its kind.
        units: Size of the output.
        inputs: Size of the input.
        activation: See `Recurrent` and `SRU`.
        uniform: See `Recurrent` and `SRU`.
        name: Its name.
    """
    if cell == "sru":
        return SRU(units, inputs=inputs, activation=activation, uniform=uniform, name=name)
    return Recurrent(
        units, inputs=inputs, cell=cell, activation=activation, uniform=uniform, name=name
    )
