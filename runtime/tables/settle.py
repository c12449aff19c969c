"""How the columns of a table write their numbers, settled once from their first cells."""

from collections.abc import Mapping, Sequence

from runtime.errors import InputError
from runtime.tables.cells import CellStyle
from runtime.tables.numbers import (
    Decimal,
    both_readings,
    decimal_evidence,
    is_stated,
    unit_stated,
)
from runtime.tables.words import PLAIN_SWITCHES, SWITCH_PAIRS, SWITCHES

__all__ = ["settle"]


def settle(
    samples: Mapping[str, Sequence[str]],
    *,
    table: str,
    decimal: Decimal | None = None,
    units: Mapping[str, str] | None = None,
    switches: Sequence[str] = (),
    names: Mapping[str, str] | None = None,
    strict: bool = True,
) -> dict[str, CellStyle]:
    """Returns how each column writes its numbers.

    A column tells its decimal mark itself, where a cell has but one reading; cells such as `1,204`
    are read as the other columns are.

    Args:
        samples: First cells by the name of the column.
        table: What to call it in messages.
        decimal: Decimal mark of cells that leave it open, as the user or the detector says.
        units: Units that columns are read in, where they are known.
        switches: Columns that are known to say on and off.
        names: What to call the columns in messages, where that is not the key.
        strict: A column that leaves it open is an error; else such cells are, one by one.

    Raises:
        InputError: Both readings fit a column.
    """
    evidence = {name: decimal_evidence(cells) for name, cells in samples.items()}
    certain = {mark for marks in evidence.values() for mark in marks if len(mark) == 1}
    styles = {}
    for name, cells in samples.items():
        mark = _mark(evidence[name], certain, decimal)
        if mark is None and "?," in evidence[name] | ({"?,"} if "," in certain else set()):
            unclear = _unclear(cells, evidence[name], certain)
            if unclear is not None and strict:
                raise InputError(
                    f"Column {(names or {}).get(name, name)} of {table} must hold numbers that can "
                    "be read in one way. "
                    f"Received: {unclear!r}. {both_readings(unclear)}"
                )
        is_switch = name in switches or _is_switch(cells)
        unit = (units or {}).get(name) or unit_stated(cells)
        styles[name] = CellStyle(mark, unit, is_switch)
    return styles


def _mark(own: set[str], certain: set[str], said: Decimal | None) -> Decimal | None:
    sure = own & {".", ","}
    if len(sure) == 1:
        return "," if "," in sure else "."
    if len(sure) == 2 or said is not None:
        return said
    if "?," in own and len(certain) == 1:
        return "," if "," in certain else "."
    return "." if own == {"?."} and "," not in certain else None


def _unclear(cells: Sequence[str], own: set[str], certain: set[str]) -> str | None:
    if "?," in own:
        return next(cell.strip() for cell in cells if "?," in decimal_evidence([cell]))
    if own == {"?."} and "," in certain:
        return next(cell.strip() for cell in cells if "?." in decimal_evidence([cell]))
    return None


def _is_switch(cells: Sequence[str]) -> bool:
    known = SWITCHES.keys() | {"0", "1"}
    words = set()
    for cell in cells:
        word = cell.strip().lower()
        if word in known:
            words.add(word)
        elif is_stated(word):
            return False
    said = words & SWITCHES.keys()
    if not said:
        return False
    if said == words and len(said) == 1 and not said <= PLAIN_SWITCHES:
        # `non` or `zu` in every row may be any text.
        return False
    return any(said <= pair for pair in SWITCH_PAIRS)
