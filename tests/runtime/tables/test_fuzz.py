"""Damaged tables read, or are refused in one line; `scripts/fuzz tables` tries more."""

import random

import pytest

from runtime.tables.reader import TableReader
from toys.table_damage import fuzz, judge, small_tables


def test_damaged_tables_read_or_are_refused():
    """In training, as a file and as a pipe: no other error, no warning, no file that hangs."""
    counts, bad = fuzz(200, seed=3, tables=small_tables())
    assert not bad, bad
    assert sum(counts.values()) == 200
    assert counts["read/read/read"] > 25
    assert counts["refused/refused/refused"] > 25


def test_intact_tables_read(tmp_path):
    """What is damaged can be read, but for the long table, which is refused by name at first."""
    for name, content in small_tables().items():
        assert judge(content, tmp_path, random.Random(1)) == "read/read/read", name  # noqa: S311


def test_the_judge_can_find_something(monkeypatch, tmp_path):
    """What is no KadError comes through."""

    def broken(_):
        raise ZeroDivisionError

    monkeypatch.setattr(TableReader, "open", broken)
    with pytest.raises(ZeroDivisionError):
        judge(b"time,a\n0,1\n60,2\n", tmp_path, random.Random(1))  # noqa: S311
