"""What severity promises: how many of the rows without an anomaly reach a level."""

import numpy as np

LEVELS = (2, 3, 4)
"""Severities that one normal row in 100, 1,000 and 10,000 reaches."""


def shares(severity: np.ndarray, normal: np.ndarray) -> dict[str, float]:
    """Returns the shares of normal rows that reach each level, NaN where there are none.

    Args:
        severity: `(rows,)`.
        normal: bool `(rows,)`.
    """
    kept = severity[normal]
    return {
        column(level): float((kept >= level).mean()) if len(kept) else float("nan")
        for level in LEVELS
    }


def column(level: int) -> str:
    """Returns the name of a level's column."""
    return f"above_{level}"
