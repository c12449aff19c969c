"""What a detector shows of its networks: lines in panels, without a word on how they are drawn."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

MOST_DRAWN = 6
"""Channels that detectors draw; the first ones where there are more."""
AROUND = 1000
"""Steps before and after the most severe one that are shown."""
Role = Literal["measured", "expected", "second", "third"]
"""Decides the colour; `measured` and `expected` are the same colours everywhere in a report."""


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One line."""

    name: str
    """Shown once per picture, in the legend."""
    y: np.ndarray
    """`(points,)`; NaN where the line is open."""
    role: Role = "measured"
    """What it is."""
    is_faint: bool = False
    """One of many that are drawn over each other."""


@dataclass(frozen=True, kw_only=True)
class DiagnosticPanel:
    """Lines over one axis."""

    title: str
    """Plain text; empty where the one to the left says it."""
    x: np.ndarray
    """`(points,)`: numbers, or `datetime64`."""
    curves: tuple[Curve, ...]
    """In the order in which they are drawn."""


@dataclass(frozen=True, kw_only=True)
class Diagnostic:
    """One picture: panels side by side."""

    name: str
    """Lower case, with hyphens; unique for the detector."""
    title: str
    """Plain text."""
    note: str
    """What to look for, in a sentence or two."""
    x_title: str
    """Of every panel."""
    panels: tuple[DiagnosticPanel, ...]
    """Row by row."""
    columns: int = 1
    """Panels in a row."""
    rows_share_y: bool = False
    """Whether all panels of a row have the same vertical axis."""
