"""What the board makes of outputs: rows that never came, and rates within a bound."""

import pytest

from runtime.gateway.operate.families import Families
from runtime.gateway.operate.metrics import Registry
from runtime.gateway.outputs import Outputs
from runtime.gateway.pipeline import board as module
from runtime.gateway.pipeline.board import Board
from runtime.gateway.samples import Quality
from toys.gateway_outputs import SECOND, T0, notice, scored


@pytest.fixture
def families():
    return Families(Registry())


@pytest.fixture
def board(families):
    return Board(
        "gw",
        "0",
        channels={"pump": ("flow", "temp")},
        units={},
        periods_ns={"pump": SECOND},
        families=families,
    )


def see(board, names, seconds, quality, *, filled=False):
    rows = scored(names, times=[T0 + SECOND * s for s in seconds], quality=quality)
    if filled:
        rows.scores.rows[:] = -1
    board.see(Outputs(sequence=1, scored=(rows,)))


def test_slots_that_were_filled_are_rows_that_never_came(board, families):
    see(board, ["a", "a", "b"], [1, 2, 1], Quality.GAP, filled=True)
    assert families.holes.value == 3


def test_what_was_too_long_to_be_filled_counts_by_its_length(board, families):
    """From the step before, in the same outputs or in earlier ones; at least one."""
    long = Quality.GAP | Quality.RESTART
    see(board, ["a", "b"], [0, 0], 0)
    see(board, ["a", "b", "b"], [10, 5, 8], [long, 0, long])
    assert families.holes.value == 9 + 2
    see(board, ["new"], [0], long)
    assert families.holes.value == 12


def test_the_rate_is_of_the_last_minute_and_forgets_the_rest(board, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    for second in range(300):
        now[0] = float(second)
        see(board, ["a", "b"], [second, second], 0)
    assert len(board._rates) <= 62
    assert board.overview().rate == pytest.approx(2.0, rel=0.05)


def test_streams_are_counted_by_what_they_are(board):
    """Silent ones, those that warm up, and those that are gone for good."""
    see(board, ["a", "b"], [1, 1], 0)
    rows = scored(["c"], times=T0, warm=False)
    board.see(Outputs(sequence=2, scored=(rows,), online=[("b", False)]))
    states = board.states()
    assert (states["scored"], states["silent"], states["warming"]) == (1, 1, 1)
    board.see(Outputs(sequence=3, gone=["b", "c"]))
    assert sum(board.states().values()) == 1
    assert board.stream("c") is None
    see(board, ["b"], [2], 0)
    assert board.states()["scored"] == 2


def test_an_event_is_open_until_it_ends_and_counted_once(board, families):
    """Repeats of a start are not counted again; one without words gets a sentence."""
    start = notice("a", text="", model="9f2c41d07a3e")
    board.see(Outputs(sequence=1, events=[start]))
    board.see(Outputs(sequence=1, events=[start], repeat=True))
    (found,) = board.overview().events
    assert found.id == start.id
    assert "flow" in found.text
    assert families.events.of("9f2c41d07a3e", "anomaly").value == 1
    see(board, ["a"], [1], 0)
    board.see(Outputs(sequence=2, events=[notice("a", phase="end")]))
    assert board.overview().events == []
    assert [one.id for one in board.stream("a").ended] == [start.id]
