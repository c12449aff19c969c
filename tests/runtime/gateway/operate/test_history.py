"""Histories: the right extremes, any order, bounded memory."""

import numpy as np
import pytest

from runtime.errors import InputError
from runtime.gateway.operate.history import History

START_NS = 1_772_359_200_000_000_000  # a whole minute
MINUTE_NS = 60 * 10**9


def at(*minutes):
    return START_NS + np.array([round(m * MINUTE_NS) for m in minutes], dtype=np.int64)


def test_extremes_of_each_bucket():
    """Least and highest of each minute; a minute without a row is NaN."""
    history = History(hours=0.1)
    history.update(["a"] * 5, at(0, 0.5, 0.9, 2, 2.5), np.array([3.0, 1.0, 2.0, 5.0, 4.0]))
    line = history.sparkline("a")
    assert line.start_ns == START_NS - 3 * MINUTE_NS
    assert line.bucket_s == 60
    np.testing.assert_array_equal(line.low, np.float32([np.nan] * 3 + [1, np.nan, 4]))
    np.testing.assert_array_equal(line.high, np.float32([np.nan] * 3 + [3, np.nan, 5]))


def test_any_order_and_any_chunks_give_the_same():
    """Rows of many streams, shuffled and cut, against a plain computation."""
    random = np.random.default_rng(1)
    names = [f"s{i}" for i in random.integers(0, 7, 4000)]
    times = START_NS + random.integers(0, 90 * MINUTE_NS, 4000)
    values = random.exponential(1, 4000)
    values[::50] = np.nan
    history = History(hours=0.5)
    for part in np.array_split(random.permutation(4000), 37):
        history.update([names[i] for i in part], times[part], values[part])
    for name in set(names):
        mine = np.array([n == name for n in names]) & ~np.isnan(values)
        buckets = times[mine] // MINUTE_NS
        line = history.sparkline(name)
        first = line.start_ns // MINUTE_NS
        assert first == buckets.max() - 29
        for place in range(30):
            here = values[mine][buckets == first + place].astype(np.float32)
            expected = [here.min(), here.max()] if len(here) else [np.nan, np.nan]
            np.testing.assert_array_equal([line.low[place], line.high[place]], expected)


def test_old_absurd_and_missing_rows_leave_no_trace():
    """Rows older than what is kept, times before 1970, NaN; the rest stays."""
    history = History(hours=0.1)
    history.update(["a"], at(100), np.array([2.0]))
    before = history.sparkline("a")
    late = np.array([at(10)[0], at(94)[0], -5, -(2**62)])
    history.update(["a"] * 4, late, np.array([9.0, 9.0, 9.0, 9.0]))
    history.update(["a"], at(100), np.array([np.nan]))
    after = history.sparkline("a")
    np.testing.assert_array_equal(after.high, before.high)
    assert after.start_ns == before.start_ns


def test_fewer_points_keep_the_extremes_and_their_places():
    """Neighbours are joined at fixed times: the picture does not tremble as time goes on."""
    history = History(hours=2)
    values = np.random.default_rng(2).random(400)
    seen = {}
    for minute in range(400):
        history.update(["a"], at(minute), values[minute : minute + 1])
        line = history.sparkline("a", points=13)
        assert len(line.high) <= 13
        assert line.start_ns % round(line.bucket_s * 1e9) == 0
        for place, high in enumerate(line.high[1:-1].tolist(), start=1):
            start = line.start_ns + place * round(line.bucket_s * 1e9)
            if not np.isnan(high) and minute > 130:
                assert seen.setdefault(start, high) == high
    assert np.nanmax(line.high) == np.float32(values[-120:].max())


def test_a_thousand_streams_stay_below_20_mb():
    """Eight hours of minutes; arrays that grow included."""
    history = History()
    names = [f"s{i}" for i in range(1000)]
    history.update(names, np.full(1000, START_NS), np.ones(1000))
    assert len(history) == 1000
    assert history.nbytes < 10e6


def test_streams_beyond_the_cap_are_counted():
    """The first streams stay; a forgotten one makes room, and leaves nothing to the next."""
    history = History(hours=0.1, most=2)
    history.update(["a", "b", "c"], at(0, 0, 0), np.array([1.0, 2.0, 3.0]))
    assert history.refused == 1
    assert history.sparkline("c") is None
    history.forget("a")
    history.forget("never")
    history.update(["c"], at(-2), np.array([7.0]))
    assert history.sparkline("a") is None
    assert np.nansum(history.sparkline("c").high) == 7
    assert history.refused == 1


def test_nothing_known():
    """An empty tick, and a stream that never had a severity."""
    history = History()
    history.update([], np.array([], dtype=np.int64), np.array([]))
    history.update(["a"], at(0), np.array([np.nan]))
    assert history.sparkline("a") is None


@pytest.mark.parametrize("arguments", [{"bucket_s": 1}, {"hours": 0}, {"hours": float("nan")}])
def test_refused(arguments):
    """Buckets and hours out of their range."""
    with pytest.raises(InputError, match="buckets of at least 5 s"):
        History(**arguments)
