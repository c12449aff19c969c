"""Numbers of each stream."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.errors import InputError
from runtime.gateway.rules.roster import Roster, rounds_of

COLUMNS = {"a": ("f8", np.nan), "b": ("i8", -1)}


def test_rows_are_found_again_and_used_again():
    """Those of forgotten streams begin anew."""
    roster = Roster(COLUMNS, 2)
    rows = roster.numbers([f"s{i}" for i in range(300)])
    assert rows.tolist() == list(range(300))
    roster["b"][rows, 1] = rows
    assert roster["b"][roster.numbers(["s299", "s7"])].tolist() == [[-1, 299], [-1, 7]]
    roster.forget(["s7", "none"])
    assert "s7" not in roster
    assert len(roster) == 299
    assert roster.numbers(["new", "s8"]).tolist() == [7, 8]
    assert roster["b"][7].tolist() == [-1, -1]
    assert np.isnan(roster["a"][7]).all()


def test_states_are_of_some_streams_or_all():
    """Those that are restored come beside the others, or in their place."""
    roster, other = Roster(COLUMNS, 1), Roster(COLUMNS, 1)
    roster["b"][roster.numbers("xyz"), 0] = [1, 2, 3]
    other["b"][other.numbers("ay"), 0] = [8, 9]
    other.restore(roster.state(["z", "y", "unknown"]), lambda _: True)
    assert other.streams == ("a", "y", "z")
    assert other["b"][other.numbers("ayz"), 0].tolist() == [8, 2, 3]
    with pytest.raises(InputError, match="out of their ranges"):
        other.restore(roster.state(), lambda arrays: bool((arrays["b"] < 3).all()))
    assert "x" not in other


@given(st.lists(st.integers(0, 4), max_size=20))
def test_rounds_have_no_stream_twice(numbers):
    """Each stream's rows in their order, every row once."""
    found = [np.arange(len(numbers))[at] for at in rounds_of(np.array(numbers, np.intp))]
    assert sorted(np.concatenate([[], *found]).tolist()) == list(range(len(numbers)))
    for at in found:
        assert len({numbers[i] for i in at}) == len(at)
    for stream in set(numbers):
        rows = [int(i) for at in found for i in at if numbers[i] == stream]
        assert rows == sorted(rows)
