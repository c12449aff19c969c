"""One row of values, as programs have it."""

from collections import deque
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from runtime.errors import InputError
from runtime.streams.row import row_of

NAN = float("nan")


@pytest.mark.parametrize(
    "values",
    [
        [1.0, 2.0],
        (1, 2),
        [1, 2.0],
        [np.float32(1), np.int64(2)],
        [Decimal(1), Fraction(2)],
        np.array([1, 2]),
        np.array([1, 2], np.uint8),
        np.array([1, 2], np.float16),
        np.array([1, 2], object),
        deque([1, 2]),
        range(1, 3),
        {"a": 1, "b": 2},
        {"b": np.float64(2), "a": 1},
    ],
)
def test_numbers_of_any_kind_are_taken(values):
    """In a sequence, an array or a mapping."""
    row = row_of(values, ("a", "b"))
    assert row.dtype == np.float64
    assert row.tolist() == [[1.0, 2.0]]


@pytest.mark.parametrize(
    "values",
    [[None, 2.0], [NAN, 2.0], {"b": 2.0}, {"a": None, "b": 2},
     np.ma.array([7.0, 2.0], mask=[True, False]), np.array([None, 2.0])],
)  # fmt: skip
def test_none_nan_and_what_is_absent_are_missing(values):
    """So is what a masked array masks."""
    np.testing.assert_array_equal(row_of(values, ("a", "b")), [[NAN, 2.0]])


@pytest.mark.parametrize(
    "value",
    ["1", "", True, np.True_, b"1", 1j, np.complex64(1), 10**400, np.timedelta64(1),
     np.datetime64("2024"), object(), [1.0], np.array([1.0]), Decimal("sNaN")],
)  # fmt: skip
def test_what_is_no_number_is_refused(value):
    """In a list and by name; text that looks like a number and bools too."""
    for values in ([1.0, value], (value, None), {"a": value}):
        with pytest.raises(InputError, match="must be numbers, one for each of a, b. Received: "):
            row_of(values, ("a", "b"))


@pytest.mark.parametrize(
    "values",
    ["12", b"12", bytearray(b"12"), {1.0, 2.0}, None, 1.0, iter([1, 2]), np.array([True, False]),
     np.array(["1", "2"]), np.array([1j, 2]), np.array([1, 2], "m8[s]"), np.array(None)],
)  # fmt: skip
def test_what_is_no_row_is_refused(values):
    """Text, sets, iterators, arrays of something else."""
    with pytest.raises(InputError, match="must be numbers"):
        row_of(values, ("a", "b"))


@pytest.mark.parametrize("values", [[], [1.0], [1.0] * 3, np.ones((1, 2)), np.array(1.0)])
def test_another_number_of_values_is_refused(values):
    """Nothing is padded or cut."""
    with pytest.raises(InputError, match="must have 2 numbers"):
        row_of(values, ("a", "b"))


def test_arrays_are_copied():
    """The caller may fill its buffer anew."""
    buffer = np.array([1.0, 2.0])
    row = row_of(buffer, ("a", "b"))
    buffer[:] = 9
    assert row.tolist() == [[1.0, 2.0]]
