"""Text cells of our CSVs that a spreadsheet would run: written as text, and read back.

A cell that begins with `=`, `+`, `-` or `@`, also after white space, is a formula to a spreadsheet,
whoever wrote it: the name of a channel comes from a stranger's file. One apostrophe before it makes
it text there. Names that begin with apostrophes before such a sign get one more, so that reading
takes away what writing added and nothing else. Numbers are never touched: they are not text.
"""

import re

__all__ = ["as_text", "from_text"]

_FORMULA = re.compile(r"'*(?:\s*[=+\-@＝＋－＠]|[\t\r\n])")


def as_text(cell: str) -> str:
    """Returns a text cell as it is written.

    Args:
        cell: The name of a channel or other text, before it is quoted.
    """
    return f"'{cell}" if _FORMULA.match(cell) else cell


def from_text(cell: str) -> str:
    """Returns the text cell that `as_text` wrote; any other comes back as it is."""
    return cell[1:] if cell[:1] == "'" and _FORMULA.match(cell[1:]) else cell
