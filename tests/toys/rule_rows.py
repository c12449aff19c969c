"""Rows of a few streams in any order, cut in any way: for rules that must not care."""

import json
from itertools import pairwise

import numpy as np
from hypothesis import strategies as st

SECOND = 10**9
STREAMS = ("p", "q", "r")
VALUES = (np.nan, -50.0, -2.0, 0.0, 1.0, 1.5, 9.0, 11.0, 50.0, np.inf)


@st.composite
def cut_rows(draw, *, back=-3):
    """Names (rows,), times in ns, values (rows, 2), and where they are cut.

    Args:
        draw: Of hypothesis.
        back: How far clocks may go back from row to row, in seconds.
    """
    rows = draw(
        st.lists(
            st.tuples(
                st.sampled_from(STREAMS),
                st.integers(back, 6),
                st.sampled_from(VALUES),
                st.sampled_from(VALUES),
            ),
            max_size=40,
        )
    )
    times = np.cumsum([step for _, step, _, _ in rows]).astype(np.int64) * SECOND
    values = np.array([row[2:] for row in rows]).reshape(-1, 2)
    cuts = draw(st.lists(st.integers(0, len(rows)), max_size=6))
    return [row[0] for row in rows], times, values, sorted({0, len(rows), *cuts})


def in_parts(make, names, times, values, cuts):
    """Calls `update` on each part; between parts, the rule goes through JSON, a stream at a time.

    Returns:
        What each call returned with its first row, and the rule.
    """
    rule, got = make(), []
    for a, b in pairwise(cuts):
        got.append((a, rule.update(names[a:b], times[a:b], values[a:b])))
        states = [json.loads(json.dumps(rule.state([n]), allow_nan=False)) for n in STREAMS]
        rule = make()
        for state in reversed(states):
            rule.restore(state)
    return got, rule


def moved(changes, first):
    """Changes with the rows of the whole instead of the part's."""
    return [change._replace(row=change.row + first) for change in changes]
