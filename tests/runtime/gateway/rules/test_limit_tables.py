"""Limits as they are set."""

import math

import numpy as np
import pytest

from runtime.errors import ConfigError
from runtime.gateway.rules.limit_tables import ChannelLimits, LimitTables


@pytest.mark.parametrize(
    "options",
    [{"high": math.nan}, {"low": "3"}, {"high": True}, {"low": 5, "high": 5},
     {"high": 5, "high_high": 4}, {"low_low": 1, "low": 0}, {"low": 0, "high": 2, "deadband": 2},
     {"deadband": -1}, {"on_delay_s": -1}, {"off_delay_s": 1e9}],
)  # fmt: skip
def test_limits_are_checked(options):
    """In a line."""
    with pytest.raises(ConfigError, match=r"must.*Received"):
        ChannelLimits(**options)


def test_the_last_limits_that_fit_count():
    """All streams of a call at once; those that are taken away give way to what was before."""
    tables = LimitTables(("temp", "flow"), {"temp": ChannelLimits(high=1)})
    assert tables.which(["a", "b"]) is None
    assert tables.of(None).limit(2, 7, 0) == 1
    tables.override("a*", {"temp": ChannelLimits(high=2)})
    tables.override("*b", {"flow": ChannelLimits(low=3, off_delay_s=4)})
    which = tables.which(["ab", "a", "c", "b"])
    table = tables.of(which)
    assert table.trips[2, :, 0].tolist() == [math.inf, 2, 1, math.inf]
    assert table.trips[1, :, 1].tolist() == [3, -math.inf, -math.inf, 3]
    assert table.off_ns[:, 1].tolist() == [4 * 10**9, 0, 0, 4 * 10**9]
    assert table.limit(1, 3, 1) == 3
    assert math.isnan(table.limit(2, 0, 0))
    tables.override("*b", None)
    tables.forget(["a", "none"])
    assert tables.of(tables.which(["ab", "b"])).trips[2, :, 0].tolist() == [2, 1]
    assert list(tables.overrides) == ["a*"]
    assert np.isfinite(tables.of(None).deadband).all()
    with pytest.raises(ConfigError, match="by name or pattern"):
        tables.override("", {})
