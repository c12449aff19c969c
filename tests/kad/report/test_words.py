"""Numbers in words."""

import pytest

from kad.report.words import budget, count, duration, span


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (count(0, "event"), "no events"),
        (count(1, "event"), "1 event"),
        (count(1234, "event"), "1,234 events"),
        (duration(0.25), "0.25 s"),
        (duration(300), "5 min"),
        (duration(64_200), "17 h 50 min"),
        (duration(86_400), "1 day"),
        (duration(7 * 86_400 + 7200), "7 days 2 h"),
        (span(14 * 86_400), "14 days"),
        (span(86_400), "24 hours"),
        (budget("1/week"), "1 false alarm a week"),
        (budget("2/h"), "2 false alarms an hour"),
        (budget("1 % of time"), "1 % of the time in false alarms"),
        (budget("0.25%"), "0.25 % of the time in false alarms"),
    ],
)
def test_words(text, expected):
    """Numbers read as an operator would say them."""
    assert text == expected
