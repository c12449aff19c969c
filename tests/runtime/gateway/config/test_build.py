"""Tables of TOML to dataclasses."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from runtime.errors import ConfigError
from runtime.gateway.config.build import build


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    size: int = 1

    def __post_init__(self):
        if self.size < 0:
            raise ConfigError("`size` must be 0 or more. Received: less.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outer:
    name: str
    ratio: float = 0.5
    wait_s: float = 1.0
    longest_s: float | None = None
    on: bool = False
    count: int = 0
    file: Path = Path()
    maybe: Path | None = None
    kind: Literal["a", "b"] = "a"
    number: Literal[1, 2] = 1
    names: tuple[str, ...] = ()
    levels: Mapping[str, float] = field(default_factory=dict)
    inner: Inner = field(default_factory=Inner)
    each: Mapping[str, Inner] = field(default_factory=dict)
    several: tuple[Inner, ...] = ()


def test_every_type():
    """As the annotation says; durations as text or seconds."""
    made = build(
        Outer,
        {
            "name": "x", "ratio": 2, "wait_s": "15min", "longest_s": 90, "on": True, "count": 3,
            "file": "a/b", "maybe": "c", "kind": "b", "number": 2, "names": ["p", "q"],
            "levels": {"a": 1, "b": 2.5}, "inner": {"size": 4}, "each": {"z": {"size": 5}},
            "several": [{"size": 6}, {}],
        },
        "[outer]",
    )  # fmt: skip
    assert made == Outer(
        name="x", ratio=2.0, wait_s=900.0, longest_s=90.0, on=True, count=3, file=Path("a/b"),
        maybe=Path("c"), kind="b", number=2, names=("p", "q"), levels={"a": 1.0, "b": 2.5},
        inner=Inner(size=4), each={"z": Inner(size=5)}, several=(Inner(size=6), Inner()),
    )  # fmt: skip
    assert isinstance(made.ratio, float)
    assert build(Outer, {}, "[outer]", name="given").name == "given"


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ({}, "must have `name`"),
        ({"name": 3}, "`name` in [outer] of the configuration must be text. Received: 3."),
        ({"name": "x", "nmae": 1}, "Did you mean `name`?"),
        ({"name": "x", "zzz": 1}, "It has name, ratio"),
        ({"name": "x", "ratio": "1"}, "a number"),
        ({"name": "x", "ratio": True}, "a number"),
        ({"name": "x", "count": 1.0}, "a whole number"),
        ({"name": "x", "count": True}, "a whole number"),
        ({"name": "x", "on": 1}, "true or false"),
        ({"name": "x", "on": "yes"}, "true or false"),
        ({"name": "x", "wait_s": "soon"}, "`wait_s` in [outer]"),
        ({"name": "x", "wait_s": True}, "a duration"),
        ({"name": "x", "wait_s": [1]}, "a duration"),
        ({"name": "x", "longest_s": "x"}, "`longest_s` in [outer]"),
        ({"name": "x", "kind": "c"}, "one of a, b"),
        ({"name": "x", "number": True}, "one of 1, 2"),
        ({"name": "x", "number": 1.0}, "one of 1, 2"),
        ({"name": "x", "kind": ["a"]}, "one of a, b"),
        ({"name": "x", "names": "p"}, "a list"),
        ({"name": "x", "names": ["p", 1]}, "text"),
        ({"name": "x", "levels": [1]}, "a table"),
        ({"name": "x", "levels": {"a": "b"}}, "`levels.a`"),
        ({"name": "x", "inner": 3}, "a table"),
        ({"name": "x", "inner": {"sise": 3}}, "[outer].inner of the configuration has no key"),
        ({"name": "x", "inner": {"size": -1}}, "[outer].inner: `size` must be 0 or more"),
        ({"name": "x", "each": {"z": {"size": "a"}}}, "`size` in [outer].each.z"),
        ({"name": "x", "each": {"z": 1}}, "`each.z` in [outer]"),
        ({"name": "x", "several": {"size": 1}}, "a list"),
        ({"name": "x", "maybe": 1}, "`maybe` in [outer]"),
        ({"name": "x", "file": 1}, "`file` in [outer]"),
    ],
)
def test_what_does_not_fit_is_one_line_with_its_place(table, expected):
    """What was expected, what was received."""
    with pytest.raises(ConfigError) as caught:
        build(Outer, table, "[outer]")
    text = str(caught.value)
    assert expected in text
    assert "\n" not in text


def test_what_is_given_is_no_key():
    """A table cannot set it."""
    with pytest.raises(ConfigError, match="no key `name`"):
        build(Outer, {"name": "x"}, "[outer]", name="y")
