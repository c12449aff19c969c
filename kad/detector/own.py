"""What a detector brings: its error streams, its networks, and how far a sample is from usual."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple

import keras
import pandas as pd

from kad.detector.diagnostics import Diagnostic
from kad.detector.series import TrainingSeries
from kad.graph.scoring import ErrorStream, Measured, Samples
from kad.options import FitOptions, TrainingOptions
from kad.training.session import TrainingSession


class Component(NamedTuple):
    """A network that can be used without the rest of its detector."""

    function: Callable[..., dict[str, Any]]
    """Takes one tensor per input, returns a mapping with every output."""
    inputs: Mapping[str, tuple[int, ...]]
    """Shape per input without the batch axis."""
    outputs: Mapping[str, tuple[int, ...]]
    """Shape per output without the batch axis."""


class Own(keras.Model):
    """What a detector may define for itself; the first step of `Detector`."""

    Training: ClassVar[type[FitOptions]] = TrainingOptions
    """The `[training]` section that this detector understands."""

    presets: ClassVar[Mapping[str, Mapping[str, Mapping[str, Any]]]] = {"default": {}}
    """Values per preset and configuration section. Where none is chosen, `default` trains, or
    `multichannel` on more than one channel."""

    has_networks: ClassVar[bool] = False
    """Whether it defines `fit_networks`."""

    takes_context: ClassVar[bool] = False
    """Whether it can use the time of day and the day of the week."""

    streams: ClassVar[tuple[ErrorStream, ...]]
    """Its error streams."""

    warmup_steps: int
    """Steps after a start whose severity is 0."""

    max_steps: int
    """Longest chunk that `step` takes."""

    step_numbers: int = 0
    """Numbers of the largest array that one step of one stream makes; see `chunk_steps`."""

    row_numbers: int = 0
    """Numbers that training holds of a row beside its cells."""

    own_loops: int = 0
    """Recurrences of its own that become control flow nodes in the exported graph."""

    @property
    def families(self) -> int:
        """Families of networks that it trains."""
        return int(self.has_networks)

    @property
    def own_of_machine(self) -> dict[str, Any]:
        """Its own weights that belong to one machine, each `(numbers,)`.

        `measure` takes them from `samples.machine`, by their names.
        """
        return {}

    def measure(self, samples: Samples, old: Mapping[str, Any]) -> Measured:
        """Says how far a chunk of samples is from what is expected.

        Pure, as `step`.

        Args:
            samples: The samples.
            old: Parts of the state, each `(streams, ...)`.

        Returns:
            The detector's own distance, its error streams, one for each of `streams`, and the next
            values of its parts of the state.
        """
        raise NotImplementedError

    def components(self) -> dict[str, Component]:
        """Returns the networks that can be exported on their own, by name."""
        return {}

    def fit_networks(self, series: TrainingSeries, session: TrainingSession) -> None:
        """Trains the networks, if the detector has any.

        Args:
            series: The standardised training rows.
            session: Runs training phases: progress, early stopping, checkpoints.
        """

    def fit_statistics(self, series: TrainingSeries) -> None:
        """Fits what follows from trained networks, such as an error distribution.

        Runs after `fit_networks`, also when Ctrl+C ended its last phase.
        """

    def rows_needed(self, options: FitOptions) -> int:
        """Returns how many training rows without long gaps `fit` needs at least."""
        raise NotImplementedError

    def split_needed(self, options: FitOptions) -> tuple[int, int]:  # noqa: ARG002
        """Returns how many rows its networks need at least to learn from, and how many held out.

        Where the share that is held out is too small for the second, more is held out; see
        `kad.training.examples.rows_to_split` for `rows_needed`.
        """
        return 0, 0

    def check_series(self, series: TrainingSeries, options: FitOptions) -> None:
        """Checks that the series has training and validation examples.

        Raises:
            InputError: It has none.
        """

    @property
    def longest_count(self) -> int:
        """Samples after which nothing depends on their number any more."""
        return self.warmup_steps

    @property
    def lookback(self) -> int:
        """Samples before one that decide about it: calibration and pictures begin with them."""
        return 2 * self.warmup_steps

    def diagnostics(self, frame: pd.DataFrame) -> list[Diagnostic]:  # noqa: ARG002
        """Returns what the report shows of the detector's networks at work; nothing by default.

        Args:
            frame: A stretch of a series that holds what is most severe in it: one float column
                per channel, indexed by time; NaN or infinity where missing.
        """
        return []
