import numpy as np
import pytest

from runtime.clock.runs import in_order, new_slots, steps_from

NONE = np.empty(0, np.int64)


def test_steps_are_those_from_row_to_row():
    """The first is counted from the latest slot before."""
    assert steps_from(3, np.array([4, 4, 7, 6])).tolist() == [1, 0, 3, -1]


@pytest.mark.parametrize(
    ("slots", "expected"),
    [([4, 5, 6], 3), ([4, 4, 6], 3), ([4, 6, 5], 2), ([2, 3], 0), ([4, 8], 1)],
)
def test_a_run_in_order_ends_with_a_row_before_the_last_or_too_far(slots, expected):
    """After slot 3, at most three slots at once."""
    assert in_order(np.array(slots), high=3, furthest=3) == expected


@pytest.mark.parametrize(
    ("slots", "held", "expected"),
    [
        ([5, 4, 7, 6], [], 4),
        ([5, 4, 5, 6], [], 2),
        ([5, 4, 6], [4], 1),
        ([7, 4], [], 1),
        ([5, 3], [], 1),
        ([5, 9, 6], [], 1),
    ],
)
def test_new_slots_end_with_one_that_is_closed_too_far_or_had(slots, held, expected):
    """From slot 4 on, two later ones close a slot."""
    held = np.array(held, np.int64)
    found = new_slots(np.array(slots), held, first=4, high=4, reorder=3, furthest=3)
    assert found == expected


def test_no_row_is_held_at_first():
    """All rows may be new."""
    slots = np.array([1, 0, 3, 2])
    assert new_slots(slots, NONE, first=0, high=-1, reorder=2, furthest=3) == 4
