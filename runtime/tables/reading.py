"""How a file is read: what its user said, what was found, and what a detector file keeps of it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

from runtime.clock.forms import TimeForm
from runtime.errors import InputError, ModelFileError
from runtime.tables.numbers import Decimal

__all__ = ["Reading", "learnt_reading"]


@dataclass(frozen=True, slots=True)
class Reading:
    """How a table is read, as far as it was said or found. Every field may be left out."""

    time: str | None = None
    """The time column; `DATE + TIME` where it is two."""
    form: TimeForm | None = None
    """How it is written."""
    time_format: str | None = None
    """How a person says that it is written; see `runtime.clock.forms.find_form`."""
    time_unit: str | None = None
    """What its numbers count, as a person says."""
    timezone: str | None = None
    """Zone of local times without an offset, such as `Europe/Berlin`."""
    decimal: Decimal | None = None
    """Decimal mark, where cells such as `1,204` leave it open."""
    missing: tuple[str | float, ...] = ()
    """Words and numbers that mean no reading, beside those that always do."""
    id: str | None = None
    """Of a long table: the column that names the channel."""
    value: str | None = None
    """Of a long table: the column of the readings."""
    resample: str | None = None
    """`mean`: rows become the means of each period of the detector."""
    units: Mapping[str, str] = field(default_factory=dict)
    """Units that the cells of channels state: what the detector takes its numbers in."""
    registers: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """Numbers that registers without a value give, by channel: no readings."""
    switches: tuple[str, ...] = ()
    """Channels that say on and off in words."""

    @property
    def is_long(self) -> bool:
        """Whether a row is one reading of one channel."""
        return self.id is not None

    def over(self, other: "Reading") -> "Reading":
        """Returns this, with what it leaves out from another."""
        own = {f.name: getattr(self, f.name) for f in fields(self)}
        if self.time is not None:
            # The form of another column says nothing about this one.
            other = replace(other, form=other.form if other.time == self.time else None)
        return replace(other, **{name: value for name, value in own.items() if value})

    def to_dict(self) -> dict[str, Any]:
        """Returns what was said or found, for JSON and TOML."""
        plain: dict[str, Any] = {}
        for name in (f.name for f in fields(self)):
            if value := getattr(self, name):
                plain[name] = value.to_dict() if name == "form" else value
        return {k: list(v) if isinstance(v, tuple) else v for k, v in plain.items()}

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Self:
        """Reads what `to_dict` wrote.

        Raises:
            InputError: Another field, or a wrong value.
        """
        texts = (
            *("time", "time_format", "time_unit", "timezone", "decimal", "id", "value"),
            "resample",
        )
        sound = set(raw) <= {f.name for f in fields(cls)} and all(
            raw.get(name) is None or isinstance(raw[name], str) for name in texts
        )
        missing, units = raw.get("missing", ()), raw.get("units", {})
        switches, registers = raw.get("switches", ()), raw.get("registers", {})
        sound = (
            sound
            and raw.get("decimal") in (None, ".", ",")
            and raw.get("resample") in (None, "mean")
            and isinstance(missing, list | tuple)
            and all(_is_word(word) for word in missing)
            and isinstance(units, Mapping)
            and all(isinstance(text, str) for pair in units.items() for text in pair)
            and isinstance(registers, Mapping)
            and all(isinstance(name, str) and _are_numbers(of) for name, of in registers.items())
            and isinstance(switches, list | tuple)
            and all(isinstance(name, str) for name in switches)
        )
        if not sound:
            raise InputError(
                f"How a file is read must be what kad wrote. Received: {str(raw)[:200]}."
            )
        form = raw.get("form")
        return cls(
            **{name: raw.get(name) for name in texts},
            form=None if form is None else TimeForm.from_dict(form),
            missing=tuple(missing),
            units=dict(units),
            registers={name: tuple(numbers) for name, numbers in registers.items()},
            switches=tuple(switches),
        )


def learnt_reading(training: Mapping[str, Any]) -> Reading:
    """Returns how the rows of a training were read, from what a detector says of it.

    Raises:
        ModelFileError: It is damaged.
    """
    try:
        return Reading.from_dict(training.get("reading", {}))
    except (InputError, AttributeError, TypeError) as error:
        raise ModelFileError(
            f"How the training rows were read is damaged in the detector: {error} Export it again."
        ) from error


def _are_numbers(numbers: object) -> bool:
    return isinstance(numbers, list | tuple) and all(
        _is_word(number) and not isinstance(number, str) for number in numbers
    )


def _is_word(word: object) -> bool:
    if isinstance(word, bool):
        return False
    return isinstance(word, str) or (isinstance(word, int | float) and math.isfinite(word))
