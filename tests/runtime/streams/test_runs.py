"""Which rows are of the same stream."""

import numpy as np

from runtime.streams.runs import places_within, runs_of


def test_rows_are_counted_within_their_streams():
    numbers = np.array([2, 5, 5, 7, 8, 8, 8])
    assert places_within(numbers).tolist() == [0, 0, 1, 0, 0, 1, 2]
    assert places_within(numbers[[0, 1, 3]]).tolist() == [0, 0, 0]
    assert places_within(numbers[:0]).tolist() == []


def test_streams_of_as_many_rows_go_together():
    within = places_within(np.array([2, 5, 5, 7, 8, 8, 8]))
    assert [rows.tolist() for rows in runs_of(within)] == [[[0], [3]], [[1, 2]], [[4, 5, 6]]]
