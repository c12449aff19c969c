"""Training phases: epochs, early stopping, best weights, checkpoints, Ctrl+C."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, cast

import keras
import numpy as np
import pandas as pd

from kad.backend.loop import Arrays, Loss, TrainingLoop
from kad.options import FitOptions, TrainingOptions
from kad.training.checkpoint import Checkpoint
from kad.training.optimiser import Adam
from runtime.errors import InputError, KadError
from runtime.interrupt import Interruptible

STEPS_PER_CALL = 64
"""Optimiser steps between two looks at the progress bar and at Ctrl+C."""

CHECKPOINT_SECONDS = 10.0
"""Least time between two checkpoints; one is always written when training starts, ends or stops."""

_COLUMNS = ("phase", "epoch", "loss", "val_loss", "learning_rate", "seconds")


class TrainingInterruptedError(KadError):
    """Training was stopped by Ctrl+C, SIGTERM or SIGHUP.

    Attributes:
        usable: Whether every network has weights, so that the detector can score.
        history: The epochs so far.
        exit_code: 130, 143 or 129.
    """

    exit_code = 130

    def __init__(
        self, message: str, *, usable: bool, history: pd.DataFrame, exit_code: int = exit_code
    ) -> None:
        super().__init__(message)
        self.usable = usable
        self.history = history
        self.exit_code = exit_code


class Progress(Protocol):
    """Receives what training does; `kad.cli.progress` draws it."""

    def start(self, phase: str, *, epochs: int, done: int) -> None:
        """A phase begins."""

    def advance(self, fraction: float, losses: dict[str, float]) -> None:
        """A fraction of an epoch is done."""

    def finish(self) -> None:
        """The phase ended."""


class TrainingSession:
    """Runs the phases of one training and can continue an earlier one.

    Args:
        model: The detector; its weights are saved and restored.
        options: The training options; `TrainingOptions` for a detector that has phases.
        fingerprint: SHA-256 of the training data: a checkpoint belongs to its data.
        breaker: Notes a signal while epochs run; it is looked at between calls, so that an epoch
            counts whole or not at all. At any other time a signal strikes at once.
        checkpoint: File to write and to resume from; none is written where not given.
        resume: Continue from `checkpoint`.
        progress: Receives epochs and losses.

    Raises:
        InputError: There is no checkpoint to resume, or it belongs to another detector.
    """

    def __init__(
        self,
        model: keras.Model,
        options: FitOptions,
        *,
        fingerprint: str,
        breaker: Interruptible,
        checkpoint: str | os.PathLike[str] | None = None,
        resume: bool = False,
        progress: Progress | None = None,
    ) -> None:
        self.model = model
        self.fingerprint = fingerprint
        self.breaker = breaker
        self.options = options
        self.checkpoint = Path(checkpoint) if checkpoint else None
        self.progress = progress
        self.phases: dict[str, dict[str, Any]] = {}
        self.rows: list[dict[str, Any]] = []
        self._arrays: dict[str, np.ndarray] = {}
        self._written = time.monotonic()
        self._is_last_part = True
        if resume:
            self._restore()
        else:
            self._write()

    @contextmanager
    def part(self, options: FitOptions, *, last: bool) -> Iterator[None]:
        """Trains a part of a detector, with options of its own.

        Args:
            options: The part's options.
            last: Whether the detector can score once this part can.
        """
        kept = self.options, self._is_last_part
        self.options, self._is_last_part = options, last
        try:
            yield
        finally:
            self.options, self._is_last_part = kept

    @property
    def history(self) -> pd.DataFrame:
        """One row per phase and epoch: losses, validation losses, learning rate, seconds."""
        return pd.DataFrame(self.rows, columns=None if self.rows else _COLUMNS)

    @property
    def epochs(self) -> dict[str, int]:
        """Epochs run so far, by phase."""
        return {name: phase["epoch"] for name, phase in self.phases.items()}

    def run_phase(
        self,
        name: str,
        *,
        loss: Loss,
        network: Any,
        data: Arrays,
        batches: Callable[[np.random.Generator], Arrays],
        validation: Arrays,
        epochs: int,
        optimizer: Adam,
        last: bool,
        steps: int,
        carry: Callable[[int], Arrays] | None = None,
    ) -> None:
        """Trains one network until its epochs are over or its validation loss stops falling.

        Afterwards the model has the phase's best weights.

        Args:
            name: Phase name in history and progress.
            loss: See `TrainingLoop`.
            network: A list of trainable variables.
            data: Arrays that stay on the device.
            batches: Draws one epoch: arrays `(steps, batch, ...)`.
            validation: Fixed arrays `(steps, batch, ...)`; its `loss` decides which weights are
                best.
            epochs: Longest training.
            optimizer: Settings of its optimiser.
            last: Whether the detector can score once this phase has run an epoch.
            steps: Optimiser steps of an epoch.
            carry: See `TrainingLoop`; every epoch starts anew.

        Raises:
            TrainingInterruptedError: Ctrl+C.
        """
        phase = self.phases.setdefault(name, {"epoch": 0, "best": None, "best_epoch": 0})
        if phase["best"] is not None and (phase["epoch"] >= epochs or self._is_patient(phase)):
            self._load(f"{name}/best", network)
            return
        self._forget_later_phases(name)
        loop = TrainingLoop(
            loss, variables=network, optimizer=optimizer.build(steps), data=data, carry=carry
        )
        self._load(f"{name}/last", network)
        self._load(f"{name}/optimizer", loop.optimizer.variables)
        if self.progress:
            self.progress.start(name, epochs=epochs, done=phase["epoch"])
        try:
            with self.breaker:
                first = phase["epoch"]
                while phase["epoch"] < epochs and not self._is_patient(phase):
                    is_first = phase["epoch"] == first
                    self._epoch(name, phase, loop, batches, validation, is_first=is_first)
                    self._write(at_most_every=CHECKPOINT_SECONDS)
            self.breaker.let_strike()
        except KeyboardInterrupt:
            self._write()
            self._load(f"{name}/best", network)
            raise TrainingInterruptedError(
                f"Training stopped in epoch {phase['epoch'] + 1} of {name}.",
                usable=last and self._is_last_part and phase["best"] is not None,
                history=self.history,
                exit_code=self.breaker.exit_code or TrainingInterruptedError.exit_code,
            ) from None
        finally:
            if self.progress:
                self.progress.finish()
        self._load(f"{name}/best", network)
        self._write()

    def _forget_later_phases(self, name: str) -> None:
        """Later phases learnt from the network that is about to change."""
        names = list(self.phases)
        for later in names[names.index(name) + 1 :]:
            del self.phases[later]
            self._arrays = {k: v for k, v in self._arrays.items() if not k.startswith(f"{later}/")}

    def _epoch(
        self,
        name: str,
        phase: dict[str, Any],
        loop: TrainingLoop,
        batches: Callable[[np.random.Generator], Arrays],
        validation: Arrays,
        *,
        is_first: bool,
    ) -> None:
        """Trains an epoch; where it is the loop's first, compiling takes most of it."""
        started = time.perf_counter()
        rate = float(keras.ops.convert_to_numpy(loop.optimizer.learning_rate))
        drawn = batches(self._rng(name, phase["epoch"] + 1))
        steps = len(drawn["weight"])
        totals: dict[str, float] = {}
        loop.restart()
        for a, b in _calls(steps):
            self.breaker.let_strike()
            with self.breaker.striking(if_=is_first):
                losses = loop.train({k: v[a:b] for k, v in drawn.items()})
            for key, value in losses.items():
                totals[key] = totals.get(key, 0.0) + value * (b - a) / steps
            if self.progress:
                self.progress.advance((b - a) / steps, losses)
        self.breaker.let_strike()
        with self.breaker.striking(if_=is_first):
            held_out = loop.evaluate(validation)
        epoch = phase["epoch"] + 1
        if not np.isfinite(totals["loss"]):
            raise KadError(
                f"The loss of {name} is no longer finite in epoch {epoch}. "
                "Lower training.learning_rate, or check the training rows for outliers."
            )
        arrays = {
            **_copies(f"{name}/last", loop.variables),
            **_copies(f"{name}/optimizer", loop.optimizer.variables),
        }
        best = phase["best"] is None or held_out["loss"] < phase["best"]
        if best:
            arrays |= _copies(f"{name}/best", loop.variables)
        self._arrays |= arrays
        self.rows.append(
            {
                "phase": name,
                "epoch": epoch,
                **totals,
                **{f"val_{k}": v for k, v in held_out.items()},
                "learning_rate": rate,
                "seconds": time.perf_counter() - started,
            }
        )
        phase |= {"epoch": epoch}
        if best:
            phase |= {"best": held_out["loss"], "best_epoch": epoch}

    def _is_patient(self, phase: dict[str, Any]) -> bool:
        patience = cast("TrainingOptions", self.options).patience
        return bool(patience) and phase["epoch"] - phase["best_epoch"] >= patience

    def _rng(self, name: str, epoch: int) -> np.random.Generator:
        return np.random.default_rng([self.options.seed, *name.encode(), epoch])

    # Checkpoints

    def _load(self, prefix: str, variables: Any) -> None:
        for i, variable in enumerate(variables):
            if f"{prefix}/{i}" in self._arrays:
                variable.assign(self._arrays[f"{prefix}/{i}"])

    def _write(self, *, at_most_every: float = 0.0) -> None:
        if not self.checkpoint or time.monotonic() - self._written < at_most_every:
            return
        Checkpoint(self.phases, self.rows, self._arrays, self.fingerprint).write(
            self.checkpoint, shapes=self._shapes()
        )
        self._written = time.monotonic()

    def _shapes(self) -> list[list[int]]:
        return [list(variable.shape) for variable in self.model.variables]

    def _restore(self) -> None:
        if not self.checkpoint or not self.checkpoint.is_file():
            raise InputError(
                f"There is no checkpoint to resume at {self.checkpoint}. Train without --resume."
            )
        kept = Checkpoint.read(self.checkpoint, fingerprint=self.fingerprint, shapes=self._shapes())
        self.phases, self.rows, self._arrays = kept.phases, kept.rows, kept.arrays


def _copies(prefix: str, variables: Any) -> dict[str, np.ndarray]:
    return {
        f"{prefix}/{i}": keras.ops.convert_to_numpy(variable.value).copy()
        for i, variable in enumerate(variables)
    }


def _calls(steps: int) -> Iterator[tuple[int, int]]:
    """Splits an epoch into calls of one length, so that a compiling backend compiles once."""
    size = -(-steps // -(-steps // STEPS_PER_CALL))
    for start in range(0, steps, size):
        yield start, min(start + size, steps)
