"""What a table holds: which columns are measurements, and what is odd about them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from kad.data.label_names import is_label, is_quality_name, sounds_like_label
from runtime.clock.find_numbers import could_be_times
from runtime.counted import counted, noun
from runtime.tables.cells import ColumnCells
from runtime.tables.notes import cell_notes
from runtime.tables.units import plain_unit, unit_factor

__all__ = ["Column", "survey"]

_NUMBERING = re.compile(
    r"|unnamed.*|index|idx|record|rec|row|rows?_?(id|no|nr|number)?|id|no\.?|nr\.?|#|seq|sequence|"
    r"counter|sample|lfd\.?[ _]?nr\.?|zeile",
    re.IGNORECASE,
)
_CODES = re.compile(r".*(status|state|mode|code|alarm|flag|zustand|betriebsart).*", re.IGNORECASE)
SENTINELS = (-9999.0, -999.0, -99999.0, 9999.0, 99999.0, 999.25, -999.25, 65535.0, 65534.0, 32767.0,
             -32768.0, 2147483647.0, 2147483648.0, -2147483648.0, 4294967295.0, 1e30, -1e30, 1e20,
             9.969209968386869e36, 3.4028234663852886e38, -3.4028234663852886e38)  # fmt: skip
"""What registers and loggers write in the place of a reading."""
_OPC = frozenset({0.0, 4, 8, 12, 16, 20, 24, 28, 64, 68, 80, 84, 88, 192, 216})
"""Quality codes of OPC: 192 is good."""
IMPOSSIBLE = 1000.0
"""So many times the middle nine tenths of its readings away, no sensor has another."""
_FEW = 10
_FEWEST = 20


@dataclass
class Column:
    """One column beside the times."""

    name: str
    why: str | None = None
    """Why it is left out; `None`: it is a channel."""
    notes: list[str] = field(default_factory=list)
    """What is odd about it."""
    unit: str | None = None
    """Unit that its cells, or a row below the header, state."""
    registers: tuple[float, ...] = ()
    """Numbers that a register without a value gives, which were taken for missing."""
    is_switch: bool = False
    """Whether it says on and off in words."""
    missing: int = 0
    """Cells without a reading."""
    least: float = np.nan
    most: float = np.nan


def survey(
    cells: Sequence[ColumnCells],
    values: np.ndarray,
    units: Sequence[str | None],
    *,
    chosen: bool,
) -> list[Column]:
    """Says what each column is.

    Args:
        cells: What the cells of each column were.
        values: Its numbers, float64 (rows, columns); units with several prefixes become one here.
        units: Units from a row below the header.
        chosen: The user named these columns: none is left out.
    """
    columns = []
    for place, reader in enumerate(cells):
        column = Column(reader.name, unit=units[place], is_switch=reader.style.switch)
        if len(reader.units) > 1 and (base := plain_unit(reader.units)) is not None:
            values[:, place] *= unit_factor(reader.style.unit or base, base) or 1.0
            column.unit = base
        elif reader.style.unit is not None:
            column.unit = reader.style.unit
        numbers = values[:, place]
        registers = _without_registers(numbers)
        column.registers = tuple(registers)
        known = numbers[np.isfinite(numbers)]
        column.missing = len(numbers) - len(known)
        if len(known):
            column.least, column.most = float(known.min()), float(known.max())
        if not chosen:
            column.why = _why(reader, numbers, known, alone=len(cells) == 1)
        if column.why is None:
            column.notes = notes_of(reader, numbers, known)
            column.notes += [
                f"{value:.10g} comes {counted(len(rows), 'time')}, first in row {rows[0]}: what a "
                "register without a value gives, taken as missing"
                for value, rows in registers.items()
            ]
        columns.append(column)
    return columns


def _why(reader: ColumnCells, numbers: np.ndarray, known: np.ndarray, *, alone: bool) -> str | None:
    """Returns why a column is no channel, where that is certain."""
    why = _mostly_text(reader, known) if len(known) else _no_numbers(reader)
    if why is None and len(known) < min(_FEWEST, 0.05 * len(numbers)):
        why = f"only {counted(len(known), 'reading')} in {counted(len(numbers), 'row')}"
    return why or _no_measurement(reader.name.strip(), numbers, known, alone=alone)


def _no_numbers(reader: ColumnCells) -> str:
    words = reader.counts.words
    if not reader.counts.worded + reader.bad_cells:
        return "no readings"
    if len(words) == 1 and not reader.counts.more_words and not reader.bad_cells:
        return f"constant text, {next(iter(words))!r}"
    return "lists" if reader.bad is not None and reader.bad[0].startswith("[") else "text"


def _mostly_text(reader: ColumnCells, known: np.ndarray) -> str | None:
    counts = reader.counts
    others = counts.worded + reader.bad_cells - reader.other_units
    if len(reader.units) > 3 and plain_unit(reader.units) is None:
        return "text that begins with numbers"
    is_varied = len(counts.words) > 2 * _FEW or reader.bad_cells > counts.worded
    if others > len(known) and (is_varied or len(known) < 0.05 * others):
        numbers = noun(len(known), "is a number", "are numbers")
        return f"text: {len(known)} of {counted(len(known) + others, 'cell')} {numbers}"
    return None


def _no_measurement(
    name: str, numbers: np.ndarray, known: np.ndarray, *, alone: bool
) -> str | None:
    """Returns what numbers are that nobody measured."""
    distinct = np.unique(known)
    if is_label(name) and _are_codes(distinct):
        return "looks like a label"
    is_quality = is_quality_name(name) and _are_codes(distinct) and len(distinct) <= _FEW
    if is_quality or (_CODES.fullmatch(name) and _are_opc(known, distinct)):
        return "looks like quality codes"
    if alone or len(numbers) < 3:
        return None
    is_whole = bool((known == np.rint(known)).all())
    is_numbering = is_whole and len(known) == len(numbers) and bool((np.diff(numbers) == 1).all())
    if is_numbering and (len(numbers) >= _FEW or _NUMBERING.fullmatch(name)):
        return "counts the rows"
    if len(known) == len(numbers) >= _FEWEST and (step := _equal_steps(numbers)):
        return f"rises by {step:g} in every row: name it with --time if it is the time"
    times = could_be_times(numbers) if len(known) >= 3 else None
    return None if times is None else f"looks like {times}"


def notes_of(reader: ColumnCells, numbers: np.ndarray, known: np.ndarray) -> list[str]:
    """Says what is odd about a channel."""
    counts = reader.counts
    notes = cell_notes(reader)
    empty = len(numbers) - len(known) - counts.worded
    if empty > 0.5 * len(numbers) and len(known):
        notes.append(f"one reading in {len(numbers) / len(known):.3g} rows")
    if len(known) < _FEW:
        return notes
    distinct = np.unique(known)
    if len(distinct) == 1:
        notes.append(f"constant, {distinct[0]:g}")
        return notes
    notes += _sentinels(known)
    is_coded = _looks_coded(reader.name, distinct)
    notes += [] if is_coded else _far_off(numbers, known)
    if _may_be_label(reader.name, distinct):
        notes.append(
            "may be a label, which the detector would see: leave it out with --channels if it is"
        )
    elif is_coded:
        shown = ", ".join(f"{value:g}" for value in distinct[:6])
        notes.append(
            f"looks like codes of a status ({shown}): jumps between codes are no measurement; "
            "leave it out with --channels if it is one"
        )
    elif _is_counter(known):
        notes.append(
            "looks like a counter: every new row is beyond all before; give its differences instead"
        )
    elif (level := _two_levels(numbers)) is not None:
        row, before, after = level
        notes.append(
            f"changes its level at row {row}, from {before:.4g} to {after:.4g}: both count as "
            "normal"
        )
    if (flat := _longest_flat(numbers)) is not None:
        first, length = flat
        notes.append(f"does not change for {length} rows from row {first} on")
    return notes


def _may_be_label(name: str, distinct: np.ndarray) -> bool:
    return len(distinct) <= 3 and _are_codes(distinct) and sounds_like_label(name)


def _are_opc(known: np.ndarray, distinct: np.ndarray) -> bool:
    return set(distinct.tolist()) <= _OPC and bool((known == 192).mean() > 0.5)


def _equal_steps(numbers: np.ndarray) -> float | None:
    """Returns the step of numbers that rise by the same in every row, as times do."""
    steps = np.diff(numbers)
    step = float(np.median(steps))
    tolerance = 1e-9 * float(np.abs(numbers).max())
    return step if step > tolerance and bool((np.abs(steps - step) <= tolerance).all()) else None


def _are_codes(distinct: np.ndarray) -> bool:
    return len(distinct) <= 2 * _FEW and bool((distinct == np.rint(distinct)).all())


def _looks_coded(name: str, distinct: np.ndarray) -> bool:
    if not _are_codes(distinct) or len(distinct) < 2 or len(distinct) > _FEW:
        return False
    if set(distinct.tolist()) <= {0.0, 1.0}:
        return False
    gaps = np.diff(distinct)
    is_sparse = gaps.max() >= 10 * gaps.min() and distinct.max() >= 16
    return is_sparse or bool(_CODES.fullmatch(name.strip()))


def _is_counter(known: np.ndarray) -> bool:
    """Whether a channel only rises, but for a few resets."""
    steps = np.diff(known)
    falls = int((steps < 0).sum())
    return bool((steps > 0).mean() > 0.6 and falls <= 0.01 * len(steps) + 1 and len(known) >= 50
                and np.median(np.abs(steps)) > 0)  # fmt: skip


def _without_registers(numbers: np.ndarray) -> dict[float, np.ndarray]:
    """Takes what no sensor of such readings gives; returns which numbers that were, and where."""
    known = numbers[np.isfinite(numbers)]
    if len(known) < 2 * _FEW:
        return {}
    low, high = np.quantile(known, [0.05, 0.95])
    far = IMPOSSIBLE * (high - low)
    found: dict[float, np.ndarray] = {}
    for value in SENTINELS if far else ():
        same = np.isclose(numbers, value, rtol=1e-6, atol=0)
        if same.any() and not low - far <= value <= high + far:
            for one in np.unique(numbers[same]).tolist():
                found[one] = np.flatnonzero(numbers == one)
            numbers[same] = np.nan
    return found


def _sentinels(known: np.ndarray) -> list[str]:
    low, high = np.quantile(known, [0.05, 0.95])
    spread = max(high - low, 1e-9 * max(abs(low), abs(high)))
    notes = []
    for value in SENTINELS:
        count = int(np.isclose(known, value, rtol=1e-6, atol=0).sum())
        if count and not low - 5 * spread <= value <= high + 5 * spread:
            notes.append(
                f"{value:g} comes {counted(count, 'time')}, which looks like no reading: say "
                "missing = "
                f"[{value:g}] in [data]"
            )
    return notes


def _far_off(numbers: np.ndarray, known: np.ndarray) -> list[str]:
    """Says which readings no sensor gives whose others are as these; training leaves them out."""
    low, high = np.quantile(known, [0.05, 0.95])
    far = IMPOSSIBLE * (high - low)
    is_far = (numbers > high + far) | (numbers < low - far)
    rows = np.flatnonzero(is_far & np.isfinite(numbers))
    if not far or not len(rows):
        return []
    some = counted(len(rows), "reading is", "readings are")
    first = f"first {numbers[rows[0]]:.6g} in row {rows[0]}"
    return [f"{some} over {IMPOSSIBLE:g} times the usual range away, {first}"]


def _two_levels(numbers: np.ndarray) -> tuple[int, float, float] | None:
    """Returns the row at which a channel goes to another level for good, and both levels."""
    rows = len(numbers)
    if rows < 100:
        return None
    edges = np.linspace(0, rows, 21).astype(int)
    blocks = [numbers[a:b][np.isfinite(numbers[a:b])] for a, b in pairwise(edges)]
    if any(len(block) < 3 for block in blocks):
        return None
    medians = np.array([np.median(block) for block in blocks])
    noise = float(np.median([block.std() for block in blocks]))
    jumps = np.abs(np.diff(medians))
    at = int(jumps.argmax())
    near = jumps[max(0, at - 1) : at + 2].sum()
    rest = jumps.sum() - near
    left, right = medians[: max(at, 1)], medians[at + 2 :]
    if not len(right) or noise == 0 or near < 6 * noise or rest > 0.5 * near:
        return None
    before, after = float(np.median(left)), float(np.median(right))
    middle = (before + after) / 2
    beyond = (numbers > middle) if after > before else (numbers < middle)
    window = slice(int(edges[max(at - 1, 0)]), int(edges[min(at + 3, 20)]))
    place = np.flatnonzero(beyond[window])
    return (window.start + int(place[0]), before, after) if len(place) else None


def _longest_flat(numbers: np.ndarray) -> tuple[int, int] | None:
    """Returns where a channel that else changes from row to row stands still longest."""
    same = np.concatenate([[False], np.diff(numbers) == 0])
    edges = np.flatnonzero(~same)
    lengths = np.diff(np.concatenate([edges, [len(same)]]))
    at = int(lengths.argmax())
    others = len(same) - int(lengths[at])
    if lengths[at] < max(30, 0.01 * len(numbers)) or others < _FEW:
        return None
    if int(same.sum()) - int(lengths[at]) + 1 > 0.3 * others:
        return None
    return int(edges[at]), int(lengths[at])
