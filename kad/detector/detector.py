"""The base of all detectors."""

import os
from pathlib import Path
from typing import Any, Self

import keras

from kad.detector.scored import Scored
from kad.options import NetworkOptions
from runtime.errors import InputError, ModelFileError


class Detector(Scored):
    """Base of all detectors: one pure function `step`, and weights that hold everything learnt.

    A detector is a module in `kad/detectors/` with one subclass, which defines `streams`,
    `warmup_steps`, `max_steps`, `measure` and `rows_needed`, with networks `fit_networks`, and
    calls `_ready()` with the parts of its state at the end of its constructor.
    `docs/adding-a-detector.md` goes through one.

    Args:
        channels: Names of the columns it watches.
        channel_units: Unit of each channel, or `None`.
        period_s: Sampling period in seconds.
        grid: `time`: rows are placed on a regular grid; `rows`: every row is one step.
        max_gap_steps: A gap of more missing rows restarts the warm-up; one sixth of the warm-up
            where not given.
        context: Context columns after the channels: none, or all of `runtime.clock.context`, for
            detectors that take them.
        scoring: The `[scoring]` section; the detector's default preset's where not given.
        importance: Weight of each of `streams` in the adaptive score, instead of its own.
        card: What `fit` wrote down about training and calibration, JSON.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.detector_name = cls.__module__.rpartition(".")[2].replace("_", "-")
        cls.has_networks = cls.fit_networks is not Detector.fit_networks
        if cls.has_networks and not issubclass(cls.Training, NetworkOptions):
            raise TypeError(
                f"{cls.__name__} has networks, so its Training must be a NetworkOptions, which has "
                f"the share of held-out rows. Received: {cls.Training.__name__}."
            )

    def save(self, filepath: str | os.PathLike[str], **kwargs: Any) -> None:
        """Writes the whole detector to a `.keras` file, atomically.

        Args:
            filepath: A path that ends in `.keras`.
            **kwargs: Passed to `keras.Model.save`.
        """
        path = Path(filepath)
        if path.suffix != ".keras":
            raise InputError(f"A detector is saved as a .keras file. Received: {path}.")
        temporary = path.with_name(f".{path.stem}.{os.getpid()}.keras")
        try:
            super().save(temporary, **kwargs)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)

    @classmethod
    def preset_for(cls, channels: int) -> str:
        """Returns which of `presets` trains where none is chosen, for a number of channels."""
        several = channels > 1 and "multichannel" in cls.presets
        return "multichannel" if several else "default"

    @classmethod
    def load(cls, filepath: str | os.PathLike[str]) -> Self:
        """Loads a detector that `save` wrote, under any backend.

        Raises:
            InputError: No such file.
            ModelFileError: Not a kad detector, or damaged.
        """
        path = Path(filepath)
        if not path.is_file():
            raise InputError(f"There is no detector at {path}.")
        try:
            model = keras.saving.load_model(path, compile=False)
        except Exception as error:
            line = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
            raise ModelFileError(
                f"{path} is not a kad detector, or is damaged: {line}. Train it again."
            ) from error
        if not isinstance(model, cls):
            raise ModelFileError(
                f"{path} must hold a kad {cls.__name__}. Received: {type(model).__name__}."
            )
        return model
