"""What will be written, and how long a start takes: figures that were measured once."""

import pytest

from runtime.gateway.journal.estimate import Fleet, estimate

TABLE = {
    ("vae-lstm", 8): (4746, 47.5, [(5.5, 14), (1.8, 43), (0.5, 171)]),
    ("rnn", 8): (2306, 27.2, [(2.7, 8), (0.9, 24), (0.2, 98)]),
    ("ensemble", 1): (25884, 63, [(29.8, 19), (9.9, 57), (2.5, 227)]),
    ("ensemble", 8): (205308, 225, [(236.5, 68), (78.8, 202), (19.7, 810)]),
}
"""Numbers of a state, µs a row; GB a day of snapshots and seconds, every 5, 15 and 60 minutes."""


@pytest.mark.parametrize("case", TABLE)
def test_a_thousand_streams_at_one_hertz(case):
    """Bytes a day of the snapshots, and seconds of replay, for three intervals."""
    state_size, row_us, expected = TABLE[case]
    fleet = Fleet(streams=1000, channels=case[1], period_s=1, state_size=state_size, row_us=row_us)
    found = [
        estimate([fleet], commits_per_s=1, snapshot_interval_s=60 * minutes)
        for minutes in (5, 15, 60)
    ]
    assert [
        (round(each.snapshot_bytes_a_day / 1e9, 1), round(each.replay_s)) for each in found
    ] == expected
    assert found[0].snapshot_bytes == state_size * 4000


@pytest.mark.parametrize(("commits", "expected"), [(1, 4.5), (10, 7.7)])
def test_the_journal_of_a_thousand_streams(commits, expected):
    """Rows of 48 bytes, and a block of the file system for each commit."""
    fleet = Fleet(streams=1000, channels=8, period_s=1, state_size=4746, row_us=47)
    found = estimate([fleet], commits_per_s=commits, snapshot_interval_s=900)
    assert round(found.journal_bytes_a_day / 1e9, 1) == expected
    assert found.warnings() == []


def test_warnings_say_what_to_do():
    """Above 10 GB a day, above 60 s; each for what causes it."""
    heavy = Fleet(streams=1000, channels=8, period_s=1, state_size=205308, row_us=225)
    flash, start = estimate([heavy], commits_per_s=1, snapshot_interval_s=900).warnings()
    assert flash == (
        "At most 10 GB a day should be written, for flash wears out. Received: 83.3 GB "
        "(journal 4.5, snapshots 78.8). Take snapshots less often, or a detector with a smaller "
        "state."
    )
    assert start.startswith("A start should replay at most 60 s. Received: 202 s.")
    light = Fleet(streams=5000, channels=8, period_s=1, state_size=10, row_us=1)
    assert (
        "Commit less often"
        in estimate([light], commits_per_s=10, snapshot_interval_s=900).warnings()[0]
    )


def test_without_a_journal_and_with_several_models():
    """Nothing is replayed then; models add up; no more commits than rows."""
    fleet = Fleet(streams=10, channels=1, period_s=60, state_size=100, row_us=50)
    alone = estimate([fleet], commits_per_s=10, snapshot_interval_s=900)
    both = estimate([fleet, fleet], commits_per_s=10, snapshot_interval_s=900)
    assert both.bytes_a_day == pytest.approx(2 * alone.bytes_a_day)
    assert both.replay_s == pytest.approx(2 * alone.replay_s)
    assert alone.journal_bytes_a_day == pytest.approx(10 / 60 * (20 + 4096) * 86400)
    without = estimate([fleet], commits_per_s=10, snapshot_interval_s=900, journal=False)
    assert (without.journal_bytes_a_day, without.replay_s) == (0, 0)
    assert estimate([], commits_per_s=1, snapshot_interval_s=900).bytes_a_day == 0
