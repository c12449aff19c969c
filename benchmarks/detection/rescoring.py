"""Error streams of a trained detector, and what other scoring options make of them.

So that a half of a corpus can choose scoring options, too, without training for each of them. Error
streams are the training side's, and the scoring layer itself computes the scores: with a detector's
own options they are those of its file, as far as ONNX and Keras agree.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from kad.data import frames
from kad.options import ScoringOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kad.detector import Detector
    from kad.graph.scoring import ErrorStream

NAMES = ("errors", "counts", "trusts", "z", "observed", "is_warm")
_ROWS = 2048


class Recipe(NamedTuple):
    """Scoring options that a half of the corpus may choose."""

    winsor: float
    half_lives: float
    """Half-life, as a multiple of the training rows."""
    own_means: bool
    """Each kind of error has its own mean and cap, or all have those of QUALITY.md: 10 and 16."""
    own_weights: bool
    """The detector's weights of its error streams, or equal ones for those that have any."""

    def streams(self, streams: "Sequence[ErrorStream]") -> "list[ErrorStream]":
        """Returns a detector's streams with what the recipe says of them."""
        if not self.own_means:
            streams = [stream._replace(short=10, cap=16.0) for stream in streams]
        if not self.own_weights:
            streams = [stream._replace(weight=float(bool(stream.weight))) for stream in streams]
        return list(streams)


RECIPES = [
    Recipe(winsor, half_lives, own_means, own_weights)
    for winsor in (3.0, 4.0, 6.0)
    for half_lives in (2.0, 4.0)
    for own_means in (True, False)
    for own_weights in (True, False)
]


def error_streams(detector: "Detector", frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """Returns what the scoring layer gets of one stream, by name.

    Args:
        detector: Trained; with adaptive scoring.
        frame: The series, without a gap that restarts the warm-up.

    Returns:
        `errors`, `counts` and `trusts` `(rows, channels, streams)`, `z` and `observed`
        `(rows, channels)`, `is_warm` `(rows, 1)`.
    """
    from keras import ops

    def step(x: Any, state: Any) -> dict[str, Any]:
        samples, measured, following = detector.unscored(x, state)
        return {
            "errors": ops.stack(measured.errors, axis=-1),
            "counts": ops.stack(measured.counts, axis=-1),
            "trusts": ops.stack(measured.trusts or [*map(ops.ones_like, measured.errors)], axis=-1),
            "z": samples.z,
            "observed": samples.observed,
            "is_warm": ops.cast(samples.is_warm, "float32"),
            "next_state": following,
        }

    placed, _ = frames.to_grid(detector.columns_of(frame), detector.make_grid())
    (segment,) = frames.to_segments(placed)
    return detector.run_segment(step, detector.inputs(segment))


class Rescorer:
    """Scores error streams as a detector with other scoring options would.

    Args:
        channels: Number of channels.
        streams: The detector's error streams, with the weights that count.
        recipe: Options.
    """

    def __init__(self, channels: int, streams: "Sequence[ErrorStream]", recipe: Recipe) -> None:
        from keras import ops

        from kad.backend.compiled import compile_function
        from kad.graph.scoring import Measured, Samples, Scoring
        from kad.graph.state import Layout

        self._half_lives = recipe.half_lives
        options = ScoringOptions(winsor=recipe.winsor)
        self.scoring = Scoring(channels, streams=recipe.streams(streams), options=options)

        scoring = self.scoring
        statistics = Layout(scoring.statistics_parts)
        self._statistics = statistics
        self._parts = {
            **scoring.short_parts,
            **scoring.long_parts,
            "statistics": (1, statistics.size),
        }

        def call(
            errors: Any, counts: Any, trusts: Any, z: Any, observed: Any, is_warm: Any, *old: Any
        ) -> Any:
            samples = Samples(
                x=z,
                z=z,
                observed=observed,
                is_observed=observed > 0.5,
                context=None,
                count=None,
                is_warm=ops.reshape(is_warm, (1, -1, 1)) > 0.5,
                machine={f"scoring.{n}": v[None, None] for n, v in scoring.of_machine.items()},
            )
            numbers = range(len(streams))
            measured = Measured(
                distance=None,
                errors=tuple(errors[..., i] for i in numbers),
                counts=tuple(counts[..., i] for i in numbers),
                expected=None,
                following={},
                trusts=tuple(trusts[..., i] for i in numbers),
            )
            return scoring.call(samples, measured, dict(zip(self._parts, old, strict=True)))

        self._run = compile_function(call, self.scoring.variables)

    def score(self, given: dict[str, np.ndarray], training_rows: int) -> np.ndarray:
        """Returns the score of a whole series `(rows,)`, as a new stream.

        Args:
            given: From `error_streams`.
            training_rows: Of the detector: their statistics are those that a stream starts with.
        """
        rows = len(given["z"])
        length = -(-rows // _ROWS) * _ROWS
        training = {name: array[:training_rows] for name, array in given.items()}
        # The layer's default half-life is twice the rows that it is told of.
        self.scoring.reset(rows=round(self._half_lives * training_rows / 2))
        fresh = [np.zeros((1, *size), "float32") for size in self._parts.values()]
        last = self._run(*_padded(training, length), *fresh)["statistics"]
        self.scoring.start_from(self._statistics.read(last[:, 0]))
        score: np.ndarray = self._run(*_padded(given, length), *fresh)["score"][0, :rows, 0]
        return score


def _padded(given: dict[str, np.ndarray], length: int) -> list[np.ndarray]:
    """Returns one stream with rows at the end in which nothing is observed: few compilations."""
    padded = []
    for name in NAMES:
        array = given[name]
        more = [(0, length - len(array)), *[(0, 0)] * (array.ndim - 1)]
        mode: Any = "constant" if name in {"counts", "observed"} else "edge"
        padded.append(np.pad(array, more, mode=mode)[None])
    return padded
