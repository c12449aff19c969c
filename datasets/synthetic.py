"""Generated series: `synthetic/pump`."""

from __future__ import annotations

from typing import Any

from datasets.series import Series
from kad.pump import UNITS, pump

__all__ = ["load", "names"]


def names() -> list[str]:
    """The one there is."""
    return ["synthetic/pump"]


def load(name: str = "synthetic/pump", **options: Any) -> Series:
    """The pump of `kad.pump.pump`; the clean part trains, the rest tests.

    Args:
        name: `synthetic/pump`.
        **options: What `pump` takes: `seed`, `days`, `period_s`, `faults` …
    """
    clean_fraction = options.setdefault("clean_fraction", 0.5)
    frame, faults = pump(**options)
    clean = round(len(frame) * clean_fraction)
    given = ", ".join(f"{key}={value!r}" for key, value in options.items())
    return Series(
        name=name,
        frame=frame,
        windows=tuple(zip(faults["start"], faults["end"], strict=True)),
        train=(0, clean) if clean else None,
        test=((clean, len(frame)),),
        period_s=float(options.get("period_s", 60.0)),
        units=dict(UNITS),
        source=f"kad.pump.pump({given})",
        licence="Apache-2.0",
        notes="; ".join(f"{row.start}: {row.kind} ({row.channels})" for row in faults.itertuples()),
    )
