"""Budgets as people write them."""

import pytest

from runtime.alarms.budget_text import (
    parse_budget,
    parse_false_alarms,
    rates_text,
    shares_text,
)
from runtime.errors import InputError


@pytest.mark.parametrize(
    ("budget", "seconds"),
    [("1/week", 604_800), ("2/day", 43_200), ("0.5/h", 7200), ("1 / month", 2_592_000),
     ("3/MIN", 20), ("2/d", 43_200), ("1/year", 31_536_000), ("1/s", 1), (".5/second", 2)],
)  # fmt: skip
def test_budgets(budget, seconds):
    """Counts per unit, as alarms per second."""
    assert parse_false_alarms(budget) == pytest.approx(1 / seconds)


@pytest.mark.parametrize(
    "budget",
    ["", "1", "week", "1/fortnight", "0/day", "-1/day", "1//day", "0 %", "100 %", "1 % of day"],
)
def test_other_budgets_name_the_accepted_form(budget):
    """The message says COUNT/UNIT and lists the units."""
    with pytest.raises(InputError, match=r"COUNT/UNIT.*week.*Received: "):
        parse_false_alarms(budget)


@pytest.mark.parametrize(
    ("budget", "share"),
    [
        ("1 % of time", 0.01),
        ("0.5% of the time", 0.005),
        ("2 percent", 0.02),
        (" .1%OF TIME ", 0.001),
    ],
)
def test_budgets_of_time(budget, share):
    """A share of the time, per sample the same at any sampling period."""
    read = parse_budget(budget)
    assert (read.text, read.per_s) == (budget, None)
    assert read.share == pytest.approx(share)
    assert read.per_sample(60.0) == read.per_sample(1.0) == read.share
    with pytest.raises(InputError, match=r"a budget of events.*Received"):
        parse_false_alarms(budget)


def test_budgets_of_events_are_rates():
    """Per sample, as often as there are samples."""
    read = parse_budget("2/min")
    assert read.share is None
    assert read.per_sample(3.0) == pytest.approx(0.1)


def test_what_is_to_be_expected_in_words():
    """In the unit in which the upper end is one or more."""
    week = 604_800.0
    assert rates_text(0.41 / week, 2.04 / week) == "0.41 to 2 events a week"
    assert rates_text(2 / week, 21 / week) == "0.29 to 3 events a day"
    assert rates_text(0.1 / week, 0.5 / week) == "5.2 to 26 events a year"
    assert shares_text(0.00212, 0.0149) == "0.21 to 1.5 %"
