"""What a gateway will write and how long it will need to start, before it does."""

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["WARN_BYTES_A_DAY", "WARN_REPLAY_S", "Estimate", "Fleet", "estimate"]

WARN_BYTES_A_DAY = 10e9
WARN_REPLAY_S = 60.0
_DAY_S = 86_400
_ROW_BYTES = 16
"""Name, time and quality of a row."""
_VALUE_BYTES = 4
_COMMIT_BYTES = 4096
"""What a commit costs besides its rows: the file system writes whole blocks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """The streams of one model."""

    streams: int
    channels: int
    period_s: float
    """Seconds between two rows of a stream."""
    state_size: int
    """Numbers of a stream's state (`Metadata.state_size`), float32."""
    row_us: float
    """Microseconds to score a row, when many are scored in one call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Bytes and seconds; decimal units."""

    journal_bytes_a_day: float
    snapshot_bytes: float
    """One snapshot of all streams."""
    snapshot_bytes_a_day: float
    replay_s: float
    """From the start to the first new score, where the newest snapshot is one interval old."""

    @property
    def bytes_a_day(self) -> float:
        """All that is written."""
        return self.journal_bytes_a_day + self.snapshot_bytes_a_day

    def warnings(self) -> list[str]:
        """Returns what a person should change, one line each; empty: all is well."""
        found = []
        if self.bytes_a_day > WARN_BYTES_A_DAY:
            found.append(
                f"At most {WARN_BYTES_A_DAY / 1e9:.0f} GB a day should be written, for flash wears "
                f"out. Received: {self.bytes_a_day / 1e9:.1f} GB ({self._shares()}). "
                f"{self._advice()}"
            )
        if self.replay_s > WARN_REPLAY_S:
            found.append(
                f"A start should replay at most {WARN_REPLAY_S:.0f} s. Received: "
                f"{self.replay_s:.0f} s. Take snapshots more often, or have fewer streams."
            )
        return found

    def _shares(self) -> str:
        return (
            f"journal {self.journal_bytes_a_day / 1e9:.1f}, "
            f"snapshots {self.snapshot_bytes_a_day / 1e9:.1f}"
        )

    def _advice(self) -> str:
        if self.snapshot_bytes_a_day >= self.journal_bytes_a_day:
            return "Take snapshots less often, or a detector with a smaller state."
        return "Commit less often, or have fewer streams."


def estimate(
    fleets: Sequence[Fleet],
    *,
    commits_per_s: float,
    snapshot_interval_s: float,
    journal: bool = True,
) -> Estimate:
    """Returns what will be written in a day, and how long a start will take, on one quiet core.

    Args:
        fleets: The streams, by model.
        commits_per_s: How often the journal is written; no more often than rows come.
        snapshot_interval_s: From one snapshot to the next, in seconds.
        journal: Whether there is one; without it nothing is replayed.
    """
    rows = [fleet.streams / fleet.period_s for fleet in fleets]
    written = sum(
        rate * (_ROW_BYTES + _VALUE_BYTES * fleet.channels)
        for rate, fleet in zip(rows, fleets, strict=True)
    )
    commits = min(commits_per_s, sum(rows))
    snapshot = sum(float(fleet.streams * fleet.state_size * _VALUE_BYTES) for fleet in fleets)
    scoring = sum(rate * fleet.row_us / 1e6 for rate, fleet in zip(rows, fleets, strict=True))
    return Estimate(
        journal_bytes_a_day=(written + commits * _COMMIT_BYTES) * _DAY_S if journal else 0.0,
        snapshot_bytes=snapshot,
        snapshot_bytes_a_day=snapshot * _DAY_S / snapshot_interval_s,
        replay_s=snapshot_interval_s * scoring if journal else 0.0,
    )
