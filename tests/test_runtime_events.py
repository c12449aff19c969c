from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.budget import parse_false_alarms, severity_threshold
from runtime.errors import InputError
from runtime.events import EventDetector
from runtime.stream import Scores


def scores(severity, restart=(), channel_scores=None, start=0):
    severity = np.array(severity, np.float32)
    count = len(severity)
    parts = np.ones((count, 2), np.float32) if channel_scores is None else channel_scores
    flags = np.zeros(count, bool)
    flags[list(restart)] = True
    return Scores(
        times_ns=np.arange(start, start + count),
        values=np.zeros((count, 2)),
        score=severity,
        severity=severity,
        expected=np.zeros((count, 2), np.float32),
        channel_scores=np.array(parts, np.float32),
        alarm=severity >= 4,
        restart=flags,
        rows=np.arange(count),
    )


def events(severity, restart=(), channel_scores=None, **options):
    detector = EventDetector(["a", "b"], threshold=4.0, **options)
    return detector.update(scores(severity, restart, channel_scores)) + detector.finish()


def spans(found):
    return [(e.start_ns, e.end_ns) for e in found]


def test_hysteresis():
    """Opens at the threshold, lasts while severity is at or above release, peak kept."""
    (event,) = events([0, 3.5, 4, 3, 9, 3, 2, 3.5, 0])
    assert (event.start_ns, event.end_ns, event.peak_ns, event.steps) == (2, 5, 4, 4)
    assert event.peak_severity == 9


def test_merge_gap_and_min_duration():
    """Events a few steps apart become one; short ones are dropped after merging."""
    severity = [0, 5, 0, 0, 5, 0, 0, 0, 5, 0]
    assert spans(events(severity)) == [(1, 1), (4, 4), (8, 8)]
    assert spans(events(severity, merge_gap=2)) == [(1, 4), (8, 8)]
    assert spans(events(severity, merge_gap=2, min_duration=2)) == [(1, 4)]


def test_a_restart_closes_an_event():
    """An event never reaches across a restart of the stream."""
    assert spans(events([5, 5, 5, 5], restart=[2], merge_gap=3)) == [(0, 1), (2, 3)]
    assert spans(events([5, 5, 0, 5], restart=[2], merge_gap=3)) == [(0, 1), (3, 3)]


def test_channels_to_blame():
    """Those that make 80 % of the channel scores over the alarm steps, largest share first."""
    assert events([5, 3], channel_scores=[[1, 9], [90, 0]])[0].channels == ("b",)
    assert events([5, 5], channel_scores=[[4, 3], [0, 3]])[0].channels == ("b", "a")
    assert events([5], channel_scores=[[0, 0]])[0].channels == ("a",)


@settings(deadline=None)
@given(
    severity=st.lists(st.sampled_from([0.0, 3.0, 4.0, 6.0]), min_size=1, max_size=40),
    restart=st.sets(st.integers(0, 39), max_size=2),
    cuts=st.lists(st.integers(0, 40), max_size=6),
    merge_gap=st.integers(0, 3),
)
def test_any_chunking_gives_the_same_events(severity, restart, cuts, merge_gap):
    """Events do not depend on the blocks in which scores come."""
    restart = {i for i in restart if i < len(severity)}
    detector = EventDetector(["a", "b"], threshold=4.0, merge_gap=merge_gap)
    edges = sorted({0, len(severity), *(c for c in cuts if c < len(severity))})
    found = []
    for a, b in pairwise(edges):
        inside = [i - a for i in restart if a <= i < b]
        found += detector.update(scores(severity[a:b], inside, start=a))
    assert found + detector.finish() == events(severity, restart, merge_gap=merge_gap)


def test_an_event_is_reported_as_soon_as_it_cannot_go_on():
    """With merge_gap=1 it closes at the second step below the release level."""
    detector = EventDetector(["a", "b"], threshold=4.0, merge_gap=1)
    assert detector.update(scores([5, 0])) == []
    assert spans(detector.update(scores([0], start=2))) == [(0, 0)]


@pytest.mark.parametrize(
    "options", [{"release": 5.0}, {"release": 0.0}, {"min_duration": 0}, {"merge_gap": -1}]
)
def test_impossible_options_are_errors(options):
    """The message shows all options."""
    with pytest.raises(InputError, match="Events need"):
        EventDetector(["a"], threshold=4.0, **options)


@pytest.mark.parametrize(
    ("budget", "seconds"),
    [("1/week", 604_800), ("2/day", 43_200), ("0.5/h", 7200), ("1 / month", 2_592_000),
     ("3/MIN", 20), ("1/year", 31_536_000), ("1/s", 1), (".5/second", 2)],
)  # fmt: skip
def test_budgets(budget, seconds):
    """Counts per unit, as alarms per second."""
    assert parse_false_alarms(budget) == pytest.approx(1 / seconds)


@pytest.mark.parametrize("budget", ["", "1", "week", "1/fortnight", "0/day", "-1/day", "1//day"])
def test_other_budgets_name_the_accepted_form(budget):
    """The message says COUNT/UNIT and lists the units."""
    with pytest.raises(InputError, match=r"COUNT/UNIT.*week.*Received: "):
        parse_false_alarms(budget)


def test_threshold_of_a_budget():
    """One alarm per week of 5-minute samples is one in 2016."""
    assert severity_threshold("1/week", 300) == pytest.approx(np.log10(2016))
    with pytest.raises(InputError, match="less than one alarm per sample"):
        severity_threshold("1/min", 60)
