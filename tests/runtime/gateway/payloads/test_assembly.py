"""Channels that come one by one become rows: complete, late, partial, in any order."""

import json
import math
import random
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.errors import InputError
from runtime.gateway.payloads.assembly import Assembly
from runtime.gateway.samples import Quality, Reading

SECOND = 10**9
START = 1_772_359_200 * SECOND
CHANNELS = ("a", "b", "c")
ARRIVAL = int(Quality.ARRIVAL)


def part(time_s, stream="p7", quality=0, **values):
    return Reading(stream, START + round(time_s * SECOND), values, quality)


def plain(rows):
    return [
        (r.stream, (r.time_ns - START) / SECOND, str(r.values.tolist()), r.quality) for r in rows
    ]


def test_a_whole_reading_passes_at_once():
    made = Assembly(CHANNELS, period_s=1.0)
    (row,) = made.add(part(0.25, c=3.0, a=1.0, b=2), 0.0)
    assert row[:2] == ("p7", START + SECOND // 4)
    np.testing.assert_array_equal(row.values, [1.0, 2.0, 3.0])
    assert row.values.dtype == np.float64
    assert (row.quality, len(made), made.next_due_s) == (0, 0, math.inf)


def test_parts_become_a_row():
    """At the earliest time of its parts, with what is known of each."""
    made = Assembly(CHANNELS, period_s=1.0)
    assert made.add(part(10.02, a=1.0), 0.0) == []
    assert made.add(part(10.0, b=2.0, quality=ARRIVAL * 4), 0.1) == []
    assert made.next_due_s == 1.0
    rows = made.add(part(10.01, c=math.nan), 0.2)
    wanted = ARRIVAL * 4 | Quality.MISSING
    assert plain(rows) == [("p7", 10.0, "[1.0, 2.0, nan]", wanted)]
    assert made.take_counts() == {}


def test_what_does_not_come_in_time_is_partial_and_later_late():
    made = Assembly(CHANNELS, period_s=1.0, lateness_s=0.5)
    made.add(part(10, a=1.0), 100.0)
    made.add(part(10, b=2.0), 100.4)
    assert made.due(100.49) == []
    assert plain(made.due(100.5)) == [("p7", 10.0, "[1.0, 2.0, nan]", Quality.PARTIAL)]
    assert made.add(part(10, c=3.0), 100.6) == []
    assert made.take_counts() == {"partial": 1, "late": 1}
    assert len(made) == 0


def test_rows_of_a_stream_come_in_order():
    """One that is done waits for an earlier one that still may be; other streams do not."""
    made = Assembly(CHANNELS, period_s=1.0)
    made.add(part(10, a=1.0, b=1.0), 0.0)
    assert made.add(part(11, a=2.0, b=2.0, c=2.0), 0.5) == []
    assert len(made.add(part(11, stream="p8", a=2.0, b=2.0, c=2.0), 0.5)) == 1
    assert [row[1] for row in plain(made.add(part(10, c=1.0), 0.9))] == [10.0, 11.0]
    made.add(part(12, a=1.0), 1.0)
    made.add(part(13, a=1.0, b=1.0, c=1.0), 1.1)
    assert [row[1:] for row in plain(made.due(2.0))] == [
        (12.0, "[1.0, nan, nan]", Quality.PARTIAL),
        (13.0, "[1.0, 1.0, 1.0]", 0),
    ]


def test_a_channel_that_comes_twice():
    made = Assembly(CHANNELS, period_s=1.0)
    made.add(part(10, a=1.0), 0.0)
    made.add(part(10, a=9.0), 0.0)
    made.add(part(10.1, a=2.0), 0.0)
    rows = made.add(part(10, b=1.0, c=1.0), 0.0)
    assert plain(rows) == [("p7", 10.0, "[2.0, 1.0, 1.0]", 0)]
    assert made.take_counts() == {"duplicate": 2}


def test_without_times_of_their_own_they_go_by_arrival():
    """A channel that comes again begins the next row."""
    made = Assembly(CHANNELS, period_s=1.0)
    for now_s, name in ((0.0, "a"), (0.9, "b")):
        assert made.add(part(now_s, quality=ARRIVAL, **{name: now_s}), now_s) == []
    (row,) = made.add(part(1.4, quality=ARRIVAL, c=1.4), 1.4)
    assert plain([row]) == [("p7", 0.0, "[0.0, 0.9, 1.4]", ARRIVAL)]
    made.add(part(2.0, quality=ARRIVAL, a=2.0), 2.0)
    rows = made.add(part(2.1, quality=ARRIVAL, a=2.1), 2.1)
    assert plain(rows) == [("p7", 2.0, "[2.0, nan, nan]", ARRIVAL | Quality.PARTIAL)]
    assert made.due(3.05) == []
    assert len(made.due(3.1)) == 1
    assert made.take_counts() == {"partial": 2}


def test_only_expected_channels_are_waited_for():
    made = Assembly(CHANNELS, period_s=1.0, expected=["a", "b"])
    made.add(part(10, a=1.0), 0.0)
    assert plain(made.add(part(10, b=2.0), 0.0)) == [
        ("p7", 10.0, "[1.0, 2.0, nan]", Quality.MISSING)
    ]


def test_there_is_a_bound():
    made = Assembly(CHANNELS, period_s=1.0, most=2)
    assert made.add(part(10, stream="x", a=1.0), 0.0) == []
    assert made.add(part(10, stream="y", a=1.0), 0.0) == []
    assert [row.stream for row in made.add(part(10, stream="z", a=1.0), 0.0)] == ["x"]
    assert made.take_counts() == {"overflow": 1, "partial": 1}
    assert [row.stream for row in made.forget("z")] == ["z"]
    assert (len(made), made.forget("z")) == (1, [])


def test_many_open_rows_of_a_stream_take_no_longer():
    """A batch of ten thousand samples that lack a channel."""
    made, rows = Assembly(CHANNELS, period_s=1.0), []
    begun = time.process_time()
    for step in reversed(range(10_000)):
        rows += made.add(part(step, a=1.0, b=2.0), 0.0)
    rows += made.due(2.0)
    assert time.process_time() - begun < 5
    assert [row.time_ns for row in rows] == [START + step * SECOND for step in range(10_000)]
    assert {row.quality for row in rows} == {Quality.PARTIAL}


def test_open_rows_survive_a_restart():
    made, again = (Assembly(CHANNELS, period_s=1.0) for _ in range(2))
    made.add(part(10, a=1.0), 50.0)
    made.add(part(10, b=math.nan, quality=32), 50.1)
    made.add(part(11, stream="p8", quality=ARRIVAL, c=2.0), 50.2)
    pending = json.loads(json.dumps(made.pending(), allow_nan=False))
    again.restore(pending, 3.0)
    assert again.pending() == made.pending()
    assert plain(again.add(part(10, c=5.0), 3.1)) == plain(made.add(part(10, c=5.0), 50.3))
    assert again.due(3.9) == []
    assert plain(again.due(4.0)) == plain(made.due(60.0))
    other = Assembly(("a", "q"), period_s=1.0)
    other.restore(pending, 0.0)
    assert (len(other), other.take_counts()["unknown"]) == (1, 2)
    for wrong in ([{}], [5], [{**pending[0], "values": {"a": "x"}}]):
        with pytest.raises(InputError, match="what an assembly gave"):
            again.restore(wrong, 0.0)


def test_what_cannot_be():
    for said in ({"period_s": 0.0}, {"lateness_s": -1.0}, {"expected": ["q"]}, {"most": 0}):
        with pytest.raises(InputError, match="Received"):
            Assembly(CHANNELS, **{"period_s": 1.0, **said})
    with pytest.raises(InputError, match="needs a time"):
        Assembly(CHANNELS, period_s=1.0).add(Reading("p7", None, {"a": 1.0}), 0.0)
    made = Assembly(CHANNELS, period_s=1.0)
    assert made.add(part(1, q=1.0), 0.0) == []
    assert made.take_counts() == {"unknown": 1}


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    steps=st.integers(1, 6),
    streams=st.integers(1, 3),
    jitter_ms=st.integers(0, 240),
    lost=st.floats(0, 0.3),
    restart=st.booleans(),
)
def test_any_order_within_lateness_gives_the_same_rows(
    seed, steps, streams, jitter_ms, lost, restart
):
    """Parts of all streams and times in any order, some lost, with a restart or without."""
    dice = random.Random(seed)  # noqa: S311
    parts = [
        part(step + dice.randint(0, jitter_ms) / 1000, stream=f"s{s}", **{name: dice.random()})
        for step in range(steps)
        for s in range(streams)
        for name in CHANNELS
        if dice.random() >= lost
    ]

    def run(order, cut):
        made, rows = Assembly(CHANNELS, period_s=1.0, lateness_s=5.0), []
        for place, reading in enumerate(order):
            if place == cut:
                pending = json.loads(json.dumps(made.pending()))
                made = Assembly(CHANNELS, period_s=1.0, lateness_s=5.0)
                made.restore(pending, place / len(order))
            rows += made.add(reading, place / len(order))
        rows += made.due(20.0)
        assert (len(made), made.next_due_s) == (0, math.inf)
        return sorted(plain(rows))

    shuffled = dice.sample(parts, len(parts))
    wanted = run(parts, None)
    assert run(shuffled, len(parts) // 2 if restart else None) == wanted
    assert sum(text.count("nan") for _, _, text, _ in wanted) == 3 * len(wanted) - len(parts)
