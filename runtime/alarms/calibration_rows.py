"""The highest severities of the calibration rows: enough to count events under any policy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from runtime.alarms.episodes import Episodes
from runtime.errors import ModelFileError
from runtime.model.policy import AlarmPolicy

__all__ = ["CalibrationRows"]

MOST_KEPT = 10_000


@dataclass(frozen=True, kw_only=True)
class CalibrationRows:
    """Normal training rows that calibrate, of which only the most severe are kept.

    A detector file carries them, up to 100 kB, so that a gateway counts what another policy or
    budget would have given, without the training data.
    """

    rows: int
    """Rows with a verdict: observed, and after the warm-up."""
    level: float
    """Severities below it are left out; 0: none were."""
    numbers: npt.NDArray[np.int64] = field(repr=False)
    """Step of each kept row, increasing."""
    severity: npt.NDArray[np.float64] = field(repr=False)
    """Its severity."""
    restart: npt.NDArray[np.bool_] = field(repr=False)
    """True at the first kept row after a restart of the stream."""

    @classmethod
    def of(
        cls,
        parts: Sequence[npt.NDArray[np.floating]],
        *,
        rows: int,
        gap: int = 1,
        most: int = MOST_KEPT,
    ) -> Self:
        """Keeps the most severe rows.

        Args:
            parts: Severities of each stretch without a restart, `(steps,)`; 0 where a row has no
                verdict.
            rows: How many rows have one.
            gap: Steps from the end of a stretch to the next.
            most: How many rows to keep.
        """
        severity = np.concatenate([np.zeros(0), *parts]).astype(np.float64)
        lengths = [len(part) for part in parts]
        part = np.repeat(np.arange(len(parts)), lengths)
        numbers = np.arange(len(severity)) + part * (gap - 1)
        kept, level = severity > 0, 0.0
        if kept.sum() > most:
            highest = np.sort(severity)
            # A tie at the level is left out as a whole: parts of an event would be missing.
            kept = severity > highest[-most - 1]
            level = round(float(severity[kept].min(initial=highest[-1])), 3)
        part = part[kept]
        return cls(
            rows=rows,
            level=level,
            numbers=numbers[kept],
            severity=np.round(severity[kept], 3),
            restart=np.diff(part, prepend=-1) != 0,
        )

    def found(
        self, threshold: float, policy: AlarmPolicy
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Returns the events that a threshold gives; it should not be below `lowest`.

        Args:
            threshold: On severity.
            policy: What makes an event.

        Returns:
            Number of each event's first step, and how many steps it lasts, int64 `(events,)`.
        """
        episodes = Episodes(policy, threshold)
        pieces = episodes.update(self.severity, numbers=self.numbers, restart=self.restart)
        if (last := episodes.finish()) is not None:
            pieces[-1].is_kept = last.is_kept
        ends = [(piece.rows[0], piece.rows[-1]) for piece in pieces if piece.is_kept]
        first, final = self.numbers[np.array(ends, np.int64).reshape(-1, 2)].T
        return first, final - first + 1

    def events(self, threshold: float, policy: AlarmPolicy) -> int:
        """Counts the events that a threshold gives; it should not be below `lowest`."""
        return len(self.found(threshold, policy)[0])

    def lowest(self, policy: AlarmPolicy) -> float:
        """Returns the lowest threshold whose events can be counted."""
        return max(self.level / policy.release, 1e-3)

    @cached_property
    def highest(self) -> float:
        """The highest severity."""
        return float(self.severity.max(initial=0.0))

    def to_dict(self) -> dict[str, Any]:
        """Returns what `from_dict` reads: texts of numbers, which any language can split."""
        return {
            "rows": self.rows,
            "level": self.level,
            "steps": " ".join(map(str, np.diff(self.numbers, prepend=0).tolist())),
            "severity": " ".join(f"{s:.3f}".rstrip("0").rstrip(".") for s in self.severity),
            "restarts": " ".join(map(str, np.flatnonzero(self.restart).tolist())),
        }

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Self:
        """Reads what `to_dict` made.

        Raises:
            ModelFileError: It is damaged.
        """
        try:
            severity = np.array(raw["severity"].split(), np.float64)
            numbers = np.cumsum(np.array(raw["steps"].split(), np.int64))
            restart = np.zeros(len(severity), np.bool_)
            restart[np.array(raw["restarts"].split(), np.int64)] = True
            np.broadcast_shapes(numbers.shape, severity.shape)
            return cls(
                rows=int(raw["rows"]),
                level=float(raw["level"]),
                numbers=numbers,
                severity=severity,
                restart=restart,
            )
        except (KeyError, ValueError, TypeError, AttributeError, IndexError) as error:
            raise ModelFileError(
                "The detector's metadata is damaged: calibration.severest must hold rows, level, "
                f"steps, severity and restarts. Received: {error}. Export the detector again."
            ) from error
