"""Conditions on readings, such as `speed > 100 and not door`: a small grammar, nothing executed.

    condition   = all {"or" all}
    all         = one {"and" one}
    one         = "not" one | "(" condition ")" | term [comparison term]
    term        = name | number | "true" | "false"
    comparison  = ">" | ">=" | "<" | "<=" | "==" | "!="

A name is letters, digits, `_`, `.` and `-`, not beginning with a digit or a dash, or anything
between double quotes. A name alone is true where its reading is neither 0 nor missing.
"""

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from runtime.errors import ConfigError, shown

__all__ = ["Condition", "parse_condition"]

_MOST_CHARACTERS = 1000
_MOST_DEPTH = 20
_TOKEN = re.compile(
    r"""\s*(?:(?P<number>[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?(?![\w.]))"""
    r"""|"(?P<quoted>[^"]+)"|(?P<name>[^\W\d][\w.-]*)|(?P<sign>>=|<=|==|!=|>|<|\(|\)))"""
)
_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}
_WORDS = ("and", "or", "not", "true", "false")

Truth = npt.NDArray[np.bool_]
_Part = Callable[[Mapping[str, npt.NDArray[np.float64]]], tuple[Truth, Truth]]
"""From columns to what is true, and what is known: three-valued logic."""


class Condition:
    """A condition on readings, for many rows at once.

    Args:
        text: As it was written.
        names: The readings that it needs, in order of first use.
        part: What evaluates it.
    """

    def __init__(self, text: str, names: tuple[str, ...], part: _Part) -> None:
        self.text, self.names, self._part = text, names, part

    def __repr__(self) -> str:
        return f"Condition({self.text!r})"

    def of(self, columns: Mapping[str, npt.NDArray[np.float64]]) -> tuple[Truth, Truth]:
        """Evaluates it, with missing readings as unknown: `false and unknown` is false.

        Args:
            columns: Of each of `names`, float64 (rows,); NaN is missing.

        Returns:
            Where it is true (rows,), and where that is known (rows,).
        """
        true, known = self._part(columns)
        return true & known, known


class _Token(NamedTuple):
    kind: str
    text: str


class _Parser:
    def __init__(self, text: str) -> None:
        self.text, self.names, self.depth = text, dict[str, None](), 0
        self.tokens: list[_Token] = []
        at = 0
        while text[at:].strip():
            found = _TOKEN.match(text, at)
            if not found:
                raise self.error(text[at:].strip())
            kind = str(found.lastgroup)
            word = found[kind]
            is_word = kind == "name" and word.lower() in _WORDS
            self.tokens.append(_Token("word", word.lower()) if is_word else _Token(kind, word))
            at = found.end()

    def error(self, rest: str) -> ConfigError:
        return ConfigError(
            "A condition must be readings, numbers, comparisons (>, >=, <, <=, ==, !=), and, or, "
            f"not and parentheses, such as `speed > 100 and not door`. Received: "
            f"{shown(self.text)}, which cannot be read from {shown(rest or 'its end')} on."
        )

    def unexpected(self) -> ConfigError:
        return self.error(" ".join(token.text for token in self.tokens))

    def take(self, kind: str, *texts: str) -> str | None:
        if self.tokens and self.tokens[0].kind == kind and self.tokens[0].text in texts:
            return self.tokens.pop(0).text
        return None

    def condition(self) -> _Part:
        parts = [self.all()]
        while self.take("word", "or"):
            parts.append(self.all())
        return parts[0] if len(parts) == 1 else _any_of(parts)

    def all(self) -> _Part:
        parts = [self.one()]
        while self.take("word", "and"):
            parts.append(self.one())
        return parts[0] if len(parts) == 1 else _not(_any_of([_not(part) for part in parts]))

    def one(self) -> _Part:
        self.depth += 1
        if self.depth > _MOST_DEPTH:
            raise self.unexpected()
        if self.take("word", "not"):
            part = _not(self.one())
        elif self.take("sign", "("):
            part = self.condition()
            if not self.take("sign", ")"):
                raise self.unexpected()
        else:
            part = self.compared()
        self.depth -= 1
        return part

    def compared(self) -> _Part:
        left = self.term()
        sign = self.take("sign", *_COMPARISONS)
        if sign is None:
            if isinstance(left, float):
                raise self.unexpected()
            return _compared(operator.ne, left, 0.0)
        return _compared(_COMPARISONS[sign], left, self.term())

    def term(self) -> str | float:
        if not self.tokens:
            raise self.error("")
        kind, text = self.tokens[0]
        if kind == "word" and text in ("true", "false"):
            self.tokens.pop(0)
            return float(text == "true")
        if kind in ("sign", "word"):
            raise self.unexpected()
        self.tokens.pop(0)
        if kind == "number":
            return float(text)
        self.names[text] = None
        return text


def parse_condition(text: object) -> Condition:
    """Reads a condition.

    Args:
        text: Such as `speed > 100`, `running`, `"main pump" == 1 or mode >= 2`.

    Raises:
        ConfigError: No text, no condition, one without a reading, or one over 1,000 characters.
    """
    if not isinstance(text, str) or not text.strip() or len(text) > _MOST_CHARACTERS:
        raise ConfigError(
            f"A condition must be text of 1 to {_MOST_CHARACTERS} characters, such as "
            f"`speed > 100`. Received: {shown(text)}."
        )
    parser = _Parser(text)
    part = parser.condition()
    if parser.tokens:
        raise parser.unexpected()
    if not parser.names:
        raise ConfigError(
            "A condition must name a reading, such as `speed` in `speed > 100`. "
            f"Received: {shown(text)}."
        )
    return Condition(text, tuple(parser.names), part)


def _compared(compare: Callable[[Any, Any], Any], left: str | float, right: str | float) -> _Part:
    def part(columns: Mapping[str, npt.NDArray[np.float64]]) -> tuple[Truth, Truth]:
        a, b = (columns[side] if isinstance(side, str) else side for side in (left, right))
        known = ~(np.isnan(a) | np.isnan(b))
        return np.asarray(compare(a, b)) & known, np.asarray(known)

    return part


def _not(inner: _Part) -> _Part:
    def part(columns: Mapping[str, npt.NDArray[np.float64]]) -> tuple[Truth, Truth]:
        true, known = inner(columns)
        return known & ~true, known

    return part


def _any_of(parts: list[_Part]) -> _Part:
    def part(columns: Mapping[str, npt.NDArray[np.float64]]) -> tuple[Truth, Truth]:
        each = [one(columns) for one in parts]
        true = np.logical_or.reduce([true & known for true, known in each])
        every = np.logical_and.reduce([known for _, known in each])
        return true, true | every

    return part
