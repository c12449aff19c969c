"""Units behind numbers: one unit with several prefixes is one unit."""

from collections.abc import Collection

__all__ = ["plain_unit", "unit_factor"]

_PREFIXES = {
    "p": 1e-12,
    "n": 1e-9,
    "u": 1e-6,
    "µ": 1e-6,
    "μ": 1e-6,
    "m": 1e-3,
    "c": 1e-2,
    "d": 1e-1,
    "h": 1e2,
    "k": 1e3,
    "K": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
    "Ki": 2.0**10,
    "Mi": 2.0**20,
    "Gi": 2.0**30,
}
_NO_PREFIX = frozenset(["min", "mo", "ft", "pt", "cd", "mol", "hr", "km/h"])


def unit_factor(unit: str, base: str) -> float | None:
    """Returns what turns a number in one unit into one in another; `None`: they are different.

    Units differ by a prefix alone, as W, kW and MW: `kW` to `W` is 1000.
    """
    if unit == base:
        return 1.0
    for name, scale in _PREFIXES.items():
        if unit not in _NO_PREFIX and unit == name + base:
            return scale
        if base not in _NO_PREFIX and base == name + unit:
            return 1.0 / scale
    for mine, its in ((a, b) for a in _PREFIXES for b in _PREFIXES):
        rest = unit.removeprefix(mine)
        if len(rest) > 0 and unit == mine + rest and base == its + rest and rest not in ("in",):
            return _PREFIXES[mine] / _PREFIXES[its]
    return None


def plain_unit(units: Collection[str]) -> str | None:
    """Returns the unit of which all others are multiples by a prefix; `None`: none of them is."""
    for unit in units:
        if all(other == unit or (unit in other and other.endswith(unit)) for other in units):
            return unit
    return None
