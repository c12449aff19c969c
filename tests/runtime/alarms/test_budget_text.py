"""Budgets as people write them."""

import pytest

from runtime.alarms.budget_text import parse_false_alarms
from runtime.errors import InputError


@pytest.mark.parametrize(
    ("budget", "seconds"),
    [("1/week", 604_800), ("2/day", 43_200), ("0.5/h", 7200), ("1 / month", 2_592_000),
     ("3/MIN", 20), ("2/d", 43_200), ("1/year", 31_536_000), ("1/s", 1), (".5/second", 2)],
)  # fmt: skip
def test_budgets(budget, seconds):
    """Counts per unit, as alarms per second."""
    assert parse_false_alarms(budget) == pytest.approx(1 / seconds)


@pytest.mark.parametrize("budget", ["", "1", "week", "1/fortnight", "0/day", "-1/day", "1//day"])
def test_other_budgets_name_the_accepted_form(budget):
    """The message says COUNT/UNIT and lists the units."""
    with pytest.raises(InputError, match=r"COUNT/UNIT.*week.*Received: "):
        parse_false_alarms(budget)
