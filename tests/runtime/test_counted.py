"""Counts in words."""

import re
from pathlib import Path

from runtime.counted import counted, noun

ROOT = Path(__file__).parents[2]
BY_HAND = re.compile(r"""['"]s['"] ?\*|['"]{2} if \w+ == 1 else ['"]s['"]""")


def test_one_is_no_plural():
    """None and several are."""
    assert [counted(n, "row") for n in (0, 1, 2)] == ["0 rows", "1 row", "2 rows"]
    assert counted(1, "cell is a word", "cells are words") == "1 cell is a word"
    assert counted(3, "cell is a word", "cells are words") == "3 cells are words"
    assert (noun(1, "day"), noun(1.5, "day")) == ("day", "days")


def test_there_is_one_way_to_count():
    """No other file puts an s behind a noun by itself."""
    files = [path for room in ("runtime", "kad", "export") for path in (ROOT / room).rglob("*.py")]
    found = [str(path) for path in files if BY_HAND.search(path.read_text(encoding="utf-8"))]
    assert len(files) > 100
    assert found == []
