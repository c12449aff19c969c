"""A channel's number: what a payload says, scaled, in the detector's unit."""

import math

from runtime.errors import shown
from runtime.gateway.payloads.options import ChannelOptions
from runtime.gateway.samples import BadInputError
from runtime.tables.units import unit_factor

__all__ = ["MISSING", "ChannelReader"]

MISSING = frozenset(
    (
        "",
        "nan",
        "+nan",
        "-nan",
        "null",
        "none",
        "unavailable",
        "unknown",
        "inf",
        "+inf",
        "-inf",
        "infinity",
        "+infinity",
        "-infinity",
    )
)
"""Words of no reading, in lower case."""
_NAN = math.nan
_LONGEST = 400
_DIGITS = frozenset("0123456789.eE+-")


class ChannelReader:
    """Reads the numbers of one channel.

    Args:
        name: The detector's name of it.
        options: Where it is, and what its numbers mean.
    """

    __slots__ = ("_offset", "_scale", "_unit", "_words", "is_path", "is_plain", "name", "path")

    def __init__(self, name: str, options: ChannelOptions) -> None:
        self.name = name
        self.path = options.path or name
        """Its name in the payload."""
        self.is_path = "." in self.path
        """Whether the name may lead into nested objects."""
        self._scale = options.scale
        self._offset = options.offset
        self._unit = options.unit
        self._words = {k.lower(): v for k, v in options.words.items()}
        self.is_plain = options.scale == 1.0 and options.offset == 0.0
        """Whether a number is taken as it is."""

    def read(self, value: object, unit: str = "") -> float:
        """Returns the number; NaN where it is missing.

        Args:
            value: A number, text, true or false, or None.
            unit: What the payload says it is in; empty: nothing.

        Raises:
            BadInputError: `value`: no number, and no word of this channel; `unit`: another unit.
        """
        number = self._number(value)
        if unit and self._unit and unit != self._unit:
            factor = unit_factor(unit, self._unit)
            if factor is None:
                raise BadInputError(
                    "unit", f"{self.name} must be in {self._unit}. Received: {shown(unit)}."
                )
            number *= factor
        if not self.is_plain:
            number = number * self._scale + self._offset
        return number if math.isfinite(number) else _NAN

    def _number(self, value: object) -> float:
        kind = type(value)
        if kind is float or kind is int:
            try:
                return float(value)  # type: ignore[arg-type]
            except OverflowError:
                return _NAN
        if value is None:
            return _NAN
        if kind is bool:
            word = "true" if value else "false"
        elif kind is str and len(value) <= _LONGEST:  # type: ignore[arg-type]
            word = value.strip().lower()  # type: ignore[attr-defined]
        else:
            raise self._bad(value)
        if word in self._words:
            return self._words[word]
        if word in MISSING:
            return _NAN
        if _DIGITS.issuperset(word):
            try:
                return float(word)
            except ValueError:
                pass
        raise self._bad(value)

    def _bad(self, value: object) -> BadInputError:
        hint = " Say what its words mean (words)." if isinstance(value, bool | str) else ""
        return BadInputError(
            "value", f"{self.name} must be a number. Received: {shown(value)}.{hint}"
        )
