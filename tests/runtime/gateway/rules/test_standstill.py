"""Machines that stop and run again, with their detector."""

from collections import defaultdict
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("onnx")

from runtime.gateway.rules.running import Running, RunningRule, Verdict
from runtime.gateway.rules.standstill import push_judged
from runtime.streams.batch import StreamBatch
from runtime.streams.scores import Scores
from toys.streams import DETECTOR, MINUTE, same

RULE = RunningRule(signal="a > 1", on_delay_s=60, off_delay_s=60, near_s=300)


def scored(names, times, values, cuts, reorder):
    """Scores of each stream, and the verdicts."""
    running = Running(RULE, ("a", "b"))
    batch = StreamBatch(DETECTOR, sorted(set(names)), reorder=reorder)
    parts, verdicts = defaultdict(list), []
    for start, end in pairwise(cuts):
        at = slice(start, end)
        found = running.judge(names[at], times[at], values[at])
        verdicts += found.tolist()
        for scores in push_judged(batch, names[at], times[at], values[at], found):
            for name, part in scores.by_stream().items():
                parts[name].append(part)
    for name, part in batch.flush().by_stream().items():
        parts[name].append(part)
    return {name: Scores.joined(each) for name, each in parts.items()}, verdicts, batch


@settings(deadline=None, max_examples=40)
@given(
    runs=st.lists(
        st.tuples(st.sampled_from("pqr"), st.integers(1, 4), st.sampled_from([0.0, 9.0, np.nan])),
        max_size=25,
    ),
    cuts=st.lists(st.integers(0, 100), max_size=6),
    reorder=st.sampled_from([0, 2]),
)
def test_any_split_gives_the_same_scores(runs, cuts, reorder):
    """Of interleaved streams that stop and run again, more than once in a call."""
    turns = [(name, value) for name, count, value in runs for _ in range(count)]
    names = [name for name, _ in turns]
    clock = defaultdict(int)
    times = np.zeros(len(turns), np.int64)
    for row, name in enumerate(names):
        clock[name] += 1 + (row % 11 == 10) * 40
        times[row] = clock[name] * MINUTE
    rng = np.random.default_rng(3)
    values = np.array([[value, rng.normal()] for _, value in turns]).reshape(-1, 2)
    whole, expected, before = scored(names, times, values, [0, len(turns)], reorder)
    edges = sorted({0, len(turns), *(min(cut, len(turns)) for cut in cuts)})
    parts, verdicts, after = scored(names, times, values, edges, reorder)
    assert verdicts == expected
    assert parts.keys() == whole.keys()
    for name, scores in parts.items():
        same(scores, whole[name])
    assert after.counts == before.counts


def test_a_stop_of_a_night_restarts_nothing():
    """The rows of the stop are not scored, and no step is missing."""
    speeds = np.array([9.0] * 20 + [0.0] * 500 + [9.0] * 20)
    times = np.arange(540) * MINUTE
    values = np.stack([speeds, np.sin(times / MINUTE)], axis=1)
    scores, verdicts, batch = scored(["p"] * 540, times, values, [0, 540], 0)
    assert verdicts.count(Verdict.STOP) == verdicts.count(Verdict.RESUME) == 1
    assert scores["p"].restart.tolist() == [True] + [False] * 39
    assert (batch.counts.missing, batch.counts.restarts) == (0, 0)
    assert scores["p"].times_ns[[19, 20, 21]].tolist() == [19 * MINUTE, 20 * MINUTE, 521 * MINUTE]
