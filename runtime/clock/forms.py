"""How a file writes its times: what is found once, kept, and written out again."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from runtime.errors import InputError, shown

__all__ = ["KINDS", "UNITS", "Kind", "TimeForm", "TimeStyle", "Unit"]

Kind = Literal[
    "iso", "day-first", "month-first", "year-first", "month-name", "digits",
    "epoch", "excel", "elapsed", "clock", "strptime",
]  # fmt: skip
Unit = Literal["ns", "us", "ms", "s", "min", "h", "d"]

KINDS: dict[str, str] = {
    "iso": "dates as year, month, day, such as 2024-03-04 00:05:00, 2024-03-04T00:05Z or "
    "2024/3/4 0:05",
    "day-first": "dates as day, month, year, such as 04.03.2024 00:05",
    "month-first": "dates as month, day, year, such as 3/4/2024 12:05 AM",
    "year-first": "dates as year, month, day with two digits each, such as 24-03-04 00:05",
    "month-name": "dates with the name of the month, such as 04-Mar-2024 00:05",
    "digits": "dates as digits, such as 20240304, 202403040005 or 20240304T000500Z",
    "epoch": "numbers since 1970-01-01 UTC",
    "excel": "Excel's days, such as 45355.003472 for 2024-03-04 00:05",
    "elapsed": "numbers since the start",
    "clock": "time since the start, such as 0:05:00 or 34:55:00",
    "strptime": "times in the format given",
}
"""The kinds of forms, in words."""
UNITS: tuple[str, ...] = get_args(Unit)


@dataclass(frozen=True, slots=True)
class TimeStyle:
    """How a file writes its times, so that output can look the same."""

    kind: Literal["naive", "aware", "number"] = "naive"
    """`naive`: no time zone, taken as UTC; `aware`: with Z or an offset, written as UTC with Z."""
    separator: Literal[" ", "T"] = " "
    """Between date and time."""
    unit: Literal["s", "ms", "us", "ns"] = "s"
    """Of numbers: since 1970-01-01."""


@dataclass(frozen=True, slots=True)
class TimeForm:
    """How a column writes its times. Part of the detector file, where it is a JSON object."""

    kind: Kind = "iso"
    """What the cells are: a key of `KINDS`."""
    aware: bool = False
    """Every cell has a zone: Z, UTC, an offset. Offsets may differ."""
    unit: Unit = "s"
    """Of `epoch` and `elapsed`: what the numbers count. Of `clock`: what cells of two parts begin
    with, `h` or `min`."""
    digits: int = 0
    """Of `excel`: decimals of a day that the cells have; times are rounded to what these tell."""
    interval: bool = False
    """A cell has a beginning and an end; the beginning counts."""
    separator: Literal[" ", "T"] = " "
    """Between date and time, where times are written."""
    format: str = ""
    """Of `strptime`: the format."""

    @property
    def style(self) -> TimeStyle:
        """How times of this form are written: ISO, or numbers."""
        if self.kind == "epoch":
            unit = self.unit if self.unit in ("s", "ms", "us", "ns") else "s"
            return TimeStyle("number", unit=unit)
        if self.is_elapsed:
            return TimeStyle("number")
        return TimeStyle("aware" if self.aware else "naive", separator=self.separator)

    @property
    def is_number(self) -> bool:
        """Whether the cells are numbers."""
        return self.kind in ("epoch", "excel", "elapsed")

    @property
    def is_elapsed(self) -> bool:
        """Whether times count from a start, and have no date."""
        if self.kind == "strptime":
            return not any(f"%{c}" in self.format for c in "YyjFcxDsGu")
        return self.kind in ("elapsed", "clock")

    def describe(self) -> str:
        """Returns the form in words, for people."""
        words = KINDS[self.kind]
        if self.kind in ("epoch", "elapsed"):
            words = words.replace("numbers", self.unit, 1)
        elif self.kind == "clock":
            words += ", in minutes and seconds" if self.unit == "min" else ""
        elif self.kind == "strptime":
            words += f" {self.format!r}"
        return words + ", the start of each interval" * self.interval + ", with zone" * self.aware

    def to_dict(self) -> dict[str, Any]:
        """Returns `kind`, and what differs from the usual, as JSON and TOML can hold it."""
        usual = TimeForm()
        return {
            key: value
            for key, value in asdict(self).items()
            if key == "kind" or value != getattr(usual, key)
        }

    @classmethod
    def from_dict(cls, tree: object) -> "TimeForm":
        """Returns the form that `to_dict` wrote.

        Raises:
            InputError: No mapping, an unknown key, or a value of another type or range.
        """
        if not isinstance(tree, Mapping):
            raise InputError(f"A time form must be a mapping. Received: {shown(tree)}.")
        known = {field.name for field in fields(cls)}
        if unknown := sorted(str(key) for key in tree if key not in known):
            raise InputError(
                f"A time form has the keys {', '.join(sorted(known))}. "
                f"Received: {shown(', '.join(unknown))}."
            )
        form = {"kind": "", **tree}
        allowed: dict[str, tuple[object, ...]] = {
            "kind": tuple(KINDS),
            "aware": (True, False),
            "unit": UNITS,
            "digits": tuple(range(16)),
            "interval": (True, False),
            "separator": (" ", "T"),
        }
        for key, values in allowed.items():
            value = form.get(key, values[0])
            if not any(type(value) is type(one) and value == one for one in values):
                raise InputError(
                    f"{key} of a time form must be one of {shown(list(values))}. "
                    f"Received: {shown(value)}."
                )
        text = form.get("format", "")
        if not isinstance(text, str) or bool(text) != (form["kind"] == "strptime"):
            raise InputError(
                "format of a time form must be text, and belongs to the kind strptime alone. "
                f"Received: {shown(text)} with {shown(form['kind'])}."
            )
        return cls(**form)
