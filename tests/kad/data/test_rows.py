"""Rows as numbers and as times."""

import numpy as np
import pandas as pd
import pytest

from kad.data.rows import select_rows
from runtime.errors import InputError
from toys.series import wave


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("10:20", (10, 20)),
        (":5", (0, 5)),
        ("45:", (45, 50)),
        ("2025-01-01 00:10:00:2025-01-01 00:20:00", (10, 20)),
        ("2025-01-01T00:10:2025-01-01T00:20", (10, 20)),
        (":2025-01-01 00:05:00", (0, 5)),
    ],
)
def test_training_rows_as_numbers_and_as_times(rows, expected):
    """START:END is half-open in both forms."""
    frame = wave(50)
    pd.testing.assert_frame_equal(select_rows(frame, rows), frame.iloc[slice(*expected)])


def test_epoch_times_select_training_rows():
    """Numbers beyond the number of rows are times where the index has numbers."""
    frame = wave(50).set_index(1_700_000_000 + 60.0 * np.arange(50))
    chosen = select_rows(frame, "1700000600:1700001200")
    pd.testing.assert_frame_equal(chosen, frame.iloc[10:20])


@pytest.mark.parametrize("rows", ["60:70", "2024-01-01:2024-02-01", "yesterday", "5"])
def test_empty_or_unreadable_rows_are_refused(rows):
    """No rows, or no range, is an error that shows the forms."""
    with pytest.raises(InputError, match="--train"):
        select_rows(wave(50), rows)
