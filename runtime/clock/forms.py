"""How a file writes its times."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["TimeStyle"]


@dataclass(frozen=True, slots=True)
class TimeStyle:
    """How a file writes its times, so that output can look the same."""

    kind: Literal["naive", "aware", "number"] = "naive"
    """`naive`: no time zone, taken as UTC; `aware`: with Z or an offset, written as UTC with Z."""
    separator: Literal[" ", "T"] = " "
    """Between date and time."""
    unit: Literal["s", "ms", "us", "ns"] = "s"
    """Of numbers: since 1970-01-01."""
