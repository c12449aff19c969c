"""From frames to scores and events."""

from dataclasses import asdict

import numpy as np
import pandas as pd

from kad.data import frames
from kad.detector.fitting import Fitting
from runtime.alarms.events import Event, EventDetector
from runtime.model.outputs import PER_STEP, StepOutput, score_columns
from runtime.streams.scores import Scores


class Scored(Fitting):
    """Adds scores of frames, as the runtime gives them."""

    def events_of(self, scores: Scores) -> list[Event]:
        """Returns the events of scored steps, in order of time, as the runtime would."""
        finder = EventDetector.of(self.metadata)
        events = [*finder.update(scores), *finder.finish()]
        return sorted(events, key=lambda event: event.start_ns)

    def scores(self, frame: pd.DataFrame) -> tuple[Scores, dict[str, int]]:
        """Scores a frame as the runtime would, from a new state.

        Args:
            frame: One float column per channel, indexed by time; NaN or infinity where missing.

        Returns:
            The scored steps of the time grid, with the default threshold's alarms; and how many
            rows were received, duplicate, late, missing, and how often the warm-up restarts.
        """
        placed, counts = frames.to_grid(self.columns_of(frame), self.make_grid())
        segments = [self.inputs(segment) for segment in frames.to_segments(placed)]
        parts = list(self.run_segments(self.step, segments))
        joined = {name: np.concatenate([part[name] for part in parts]) for name in PER_STEP}
        outputs = StepOutput(**joined, next_state=np.empty(0, "float32"))
        threshold = float(self.card.get("threshold", np.inf))
        return Scores.of(placed, outputs, threshold), asdict(counts)

    def score(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Scores a frame as the runtime would, as a table.

        Args:
            frame: See `scores`.

        Returns:
            One row per step of the time grid: the channels, `score`, `severity`,
            `expected_<channel>`, `score_<channel>` and `alarm`, which is severity at or above the
            default threshold.
        """
        scores, _ = self.scores(frame)
        columns: dict[str, np.ndarray] = {}
        for output, names in score_columns(self.channels).items():
            array = getattr(scores, output)
            columns |= dict(zip(names, np.atleast_2d(array.T), strict=True))
        return pd.DataFrame(columns, index=frames.time_index(scores.times_ns, frame.index))
