"""Durations as people write them."""

import numpy as np
import pytest

from runtime.clock.durations import parse_duration
from runtime.errors import InputError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [(90, 90), ("90", 90), ("2h", 7200), ("1.5 days", 129_600), ("3d", 259_200), ("20 MIN", 1200),
     ("0", 0), (0.5, 0.5), ("2 weeks", 1_209_600)],
)  # fmt: skip
def test_durations(text, seconds):
    """Seconds, or a number and a unit."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "h", "-1", -1, "2 fortnights", True, None, np.inf, np.nan, "1h30", 10**400, "9" * 400],
)
def test_other_durations_are_errors(text):
    """The message lists the units."""
    with pytest.raises(InputError, match=r"A duration must be .*hour.* Received: "):
        parse_duration(text)
