"""Several names in one cell: `a;b`, a record of CSV by itself.

A name with a semicolon, a quotation mark or a line break is quoted as CSV quotes it, and one that a
spreadsheet would run is text, see `runtime.tables.formulas`. So every list is read back as it was.
"""

import csv
import io
from collections.abc import Sequence

from runtime.tables.formulas import as_text, from_text

__all__ = ["join_names", "split_names"]


def join_names(names: Sequence[str]) -> str:
    """Returns names as one cell, before that is quoted itself; no names are an empty cell."""
    if not names:
        return ""
    cell = io.StringIO()
    csv.writer(cell, delimiter=";", lineterminator="\r\n").writerow(map(as_text, names))
    return cell.getvalue().removesuffix("\r\n")


def split_names(cell: str) -> list[str]:
    """Returns the names that `join_names` wrote."""
    rows = csv.reader(io.StringIO(cell, newline=""), delimiter=";")
    return [from_text(name) for row in rows for name in row]
