"""Conditions on readings."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.errors import ConfigError
from runtime.gateway.rules.expressions import parse_condition

NAN = math.nan


def truth(text, **readings):
    """True, False, or None where it is unknown."""
    condition = parse_condition(text)
    columns = {name: np.array([float(readings[name])]) for name in condition.names}
    true, known = condition.of(columns)
    assert true.shape == known.shape == (1,)
    return bool(true[0]) if known[0] else None


@pytest.mark.parametrize(
    ("text", "readings", "expected"),
    [
        ("speed > 100", {"speed": 100.5}, True),
        ("speed > 100", {"speed": 100}, False),
        ("speed>=100", {"speed": 100}, True),
        ("100 <= speed", {"speed": 99}, False),
        ("speed == -1e2", {"speed": -100}, True),
        ("speed != .5", {"speed": 0.5}, False),
        ("running", {"running": 1}, True),
        ("running", {"running": 0}, False),
        ("running == true", {"running": 1}, True),
        ("not running", {"running": 0}, True),
        ("a > b", {"a": 2, "b": 1}, True),
        ("a > 1 AND b > 1 or c", {"a": 2, "b": 0, "c": 1}, True),
        ("a > 1 and (b > 1 or c)", {"a": 0, "b": 0, "c": 1}, False),
        ("not a and b", {"a": 1, "b": 1}, False),
        ("P7.speed-rpm < 3", {"P7.speed-rpm": 2}, True),
        ('"main pump" == 1', {"main pump": 1}, True),
        ('"and" > 0', {"and": 1}, True),
        ("drehzahl_ü > 1", {"drehzahl_ü": 2}, True),
        ("speed > 100", {"speed": NAN}, None),
        ("speed != 100", {"speed": NAN}, None),
        ("not speed", {"speed": NAN}, None),
        ("a and b", {"a": 0, "b": NAN}, False),
        ("a and b", {"a": 1, "b": NAN}, None),
        ("a or b", {"a": 1, "b": NAN}, True),
        ("a or b", {"a": 0, "b": NAN}, None),
    ],
)
def test_conditions(text, readings, expected):
    """Comparisons, words, parentheses, quoted names; what is missing is unknown."""
    assert truth(text, **readings) is expected


@pytest.mark.parametrize(
    "text",
    ["", "  ", None, 5, "speed >", "> 3", "speed > 3 4", "(speed", "speed)", "speed = 3", "3 > 2",
     "speed > 3 and", "not", "5", "true", "speed > 3x", "__import__('os')", "a[0] > 1", "a + 1 > 2",
     "1 < a < 3", "(" * 50 + "a" + ")" * 50, "not " * 50 + "a", "a or " * 300 + "a", '"a'],
)  # fmt: skip
def test_what_is_no_condition_is_refused_in_a_line(text):
    """And says what one looks like."""
    with pytest.raises(ConfigError, match="A condition must .*Received") as error:
        parse_condition(text)
    assert "\n" not in str(error.value)


@given(st.text(alphabet="ab1.<>=!()\" -'andornt", max_size=40))
def test_any_text_is_read_or_refused(text):
    """Nothing else happens."""
    try:
        condition = parse_condition(text)
    except ConfigError:
        return
    true, known = condition.of({name: np.array([0.0, NAN]) for name in condition.names})
    assert not (true & ~known).any()
