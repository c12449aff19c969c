"""What the benchmarks compare: a detector and its settings under a name.

To add a variant, add a line to `VARIANTS`. What a benchmark needs of every detector, or of one,
such as shorter windows for short series, stands in that benchmark's `settings`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kad.detectors import detector_names
from runtime.errors import InputError

Tree = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Variant:
    """A detector and how it is set up."""

    detector: str
    """Name, as in `kad train --detector`."""
    overrides: Tree = field(default_factory=dict)
    """Sections as in the configuration file; they win over those of a benchmark."""
    preset: str = "default"
    """One of the detector's presets."""


ORIGINAL_SCORE = {"smooth": 1, "compensate": False}
VARIANTS = {
    "gaussian": Variant("gaussian"),
    "rnn": Variant("rnn"),
    "rnn-original-score": Variant("rnn", {"detector": ORIGINAL_SCORE}),
    "rnn-uncompensated": Variant("rnn", {"detector": {"compensate": False}}),
    "rnn-direct": Variant("rnn", {"detector": {"head": "direct"}}),
    "rnn-gru": Variant("rnn", {"detector": {"cell": "gru"}}),
    "rnn-sru": Variant("rnn", {"detector": {"cell": "sru"}}),
    "rnn-joint": Variant("rnn", {"detector": {"gaussian": "joint"}}),
    "vae-lstm": Variant("vae-lstm"),
    "vae-lstm-paper": Variant("vae-lstm", preset="paper"),
    "vae-lstm-multichannel": Variant("vae-lstm", preset="multichannel"),
    "memory": Variant("memory"),
    "ensemble": Variant("ensemble"),
}
for _kind in ("static", "adaptive"):
    _scoring = {"scoring": {"normalisation": _kind}}
    for _name in ("gaussian", "rnn", "vae-lstm", "memory", "ensemble"):
        VARIANTS[f"{_name}-{_kind}"] = Variant(_name, _scoring)
    VARIANTS[f"vae-lstm-paper-{_kind}"] = Variant("vae-lstm", _scoring, preset="paper")
VARIANTS = {name: v for name, v in VARIANTS.items() if v.detector in detector_names()}
"""All variants by name; those of detectors that kad does not have are left out."""


def chosen(
    names: str | None, default: Sequence[str], *, known: Sequence[str] = tuple(VARIANTS)
) -> list[str]:
    """Returns the names of a comma-separated list; the default ones that exist without it.

    Args:
        names: The list.
        default: Instead of it.
        known: Names that can be asked for.

    Raises:
        InputError: There is no such name.
    """
    if not names:
        return [name for name in default if name in known]
    for name in (wanted := names.split(",")):
        if name not in known:
            raise InputError(f"There is no {name!r}. There are {', '.join(known)}.")
    return wanted
