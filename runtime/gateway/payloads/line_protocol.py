r"""InfluxDB line protocol, read and written.

`measurement[,tag=value…] field=value[,field=value…] [timestamp]`. A backslash escapes comma and
space in a measurement, and `=` too in keys and tags; any other backslash is itself. In a string
field only `\"` and `\\` are escapes.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, SupportsFloat, SupportsIndex

from runtime.errors import shown
from runtime.gateway.samples import BadInputError

__all__ = ["Point", "read_line", "read_lines", "write_point"]

Value = float | int | bool | str


class Point(NamedTuple):
    """One line."""

    measurement: str
    tags: dict[str, str]
    fields: dict[str, Value]
    time: int | None
    """As it stands, in the precision of the writer; None: it has none."""


# Possessive, so that no text makes them try twice.
_MEASUREMENT = re.compile(r"(?:[^\\, ]++|\\[, ]|\\)++")
_KEY = re.compile(r"(?:[^\\,= ]++|\\[,= ]|\\)++")
_STRING = re.compile(r'"((?:[^"\\]++|\\.)*+)"', re.DOTALL)
_BARE = re.compile(r"[^, ]++")
_FLOAT = re.compile(r"[+-]?(?:\d++\.?\d*+|\.\d++)(?:[eE][+-]?\d++)?", re.ASCII)
_WHOLE = re.compile(r"([+-]?\d{1,20})([iu])", re.ASCII)
_TIME = re.compile(r"[+-]?\d{1,20}", re.ASCII)
_ESCAPED = re.compile(r"\\([,= ])")
_ESCAPED_NAME = re.compile(r"\\([, ])")
_ESCAPED_TEXT = re.compile(r'\\(["\\])')
_BOOLEANS = {
    **dict.fromkeys(("t", "T", "true", "True", "TRUE"), True),
    **dict.fromkeys(("f", "F", "false", "False", "FALSE"), False),
}
_SHOWN = 80
_BREAKS = re.compile(r"[\r\n]+")


def read_lines(lines: Iterable[str]) -> Iterator[Point | BadInputError]:
    """Yields the points of lines, and for each bad line an error of the kind `line_protocol`."""
    for raw in lines:
        line = raw.removesuffix("\r").lstrip(" ")
        if not line or line.startswith("#") or line.isspace():
            continue
        try:
            yield read_line(line)
        except BadInputError as error:
            yield error


def read_line(line: str) -> Point:
    """Reads one line, without its end.

    Raises:
        BadInputError: `line_protocol`.
    """
    if "\\" not in line and '"' not in line and (point := _simple(line)) is not None:
        return point
    found = _MEASUREMENT.match(line)
    if found is None:
        raise _bad(line, "a measurement")
    measurement, at = _plain(_ESCAPED_NAME, found[0]), found.end()
    tags: dict[str, str] = {}
    while line[at : at + 1] == ",":
        key, at = _token(line, at + 1, "a tag's key")
        if line[at : at + 1] != "=":
            raise _bad(line, "a tag key=value")
        tags[key], at = _token(line, at + 1, "a tag's value")
    if line[at : at + 1] != " ":
        raise _bad(line, "a space before the fields")
    at = _skip(line, at)
    fields: dict[str, Value] = {}
    while True:
        key, at = _token(line, at, "a field's key")
        if line[at : at + 1] != "=":
            raise _bad(line, "a field key=value")
        fields[key], at = _value(line, at + 1)
        if line[at : at + 1] != ",":
            break
        at += 1
    rest = line[at:]
    if rest and not rest.startswith(" "):
        raise _bad(line, "a space before the time")
    rest = rest.strip(" ")
    if rest and not _TIME.fullmatch(rest):
        raise _bad(line, "a whole number as time")
    return Point(measurement, tags, fields, int(rest) if rest else None)


def _simple(line: str) -> Point | None:
    """Reads the common line: no escapes, no texts, floats alone; None where it is another."""
    head, *rest = line.split(" ")
    if not 0 < len(rest) < 3 or "" in rest:
        return None
    measurement, *pairs = head.split(",")
    tags: dict[str, str] = {}
    for pair in pairs:
        key, _, text = pair.partition("=")
        if not key or not text or "=" in text:
            return None
        tags[key] = text
    fields: dict[str, Value] = {}
    for pair in rest[0].split(","):
        key, _, text = pair.partition("=")
        if not key or not _FLOAT.fullmatch(text):
            return None
        fields[key] = number = float(text)
        if not math.isfinite(number):
            return None
    if len(rest) < 2:
        return Point(measurement, tags, fields, None) if measurement else None
    time = rest[1]
    return (
        Point(measurement, tags, fields, int(time))
        if measurement and _TIME.fullmatch(time)
        else None
    )


def write_point(
    measurement: str,
    tags: Mapping[str, str],
    fields: Mapping[str, SupportsFloat | SupportsIndex | str],
    time_ns: int | None,
    *,
    digits: int | None = None,
) -> str:
    """Writes one line, without its end; empty where no field has a value.

    Tags are sorted, empty tags left out, as are fields that are NaN or infinite. Whole numbers of
    Python become `1i`, bools `true`. What the form cannot hold is changed: line breaks become
    spaces, backslashes at the end of a name are dropped, `#` at the start gets `_` before it.

    Args:
        measurement: Its name; empty: `_`.
        tags: By key.
        fields: By key; numbers, bools or text.
        time_ns: Nanoseconds since 1970-01-01 UTC; None: the receiver's clock.
        digits: Significant digits of numbers that are not whole ones of Python; None: all.
    """
    parts = []
    for key, value in fields.items():
        text = _written(value, digits)
        if text:
            parts.append(f"{_escaped(key)}={text}")
    if not parts:
        return ""
    name = _name(measurement).replace(",", "\\,").replace(" ", "\\ ")
    head = [f"_{name}" if name.startswith("#") else name]
    head += [
        f"{_escaped(key)}={_escaped(tags[key])}"
        for key in sorted(tags)
        if tags[key].strip("\\\r\n")
    ]
    time = "" if time_ns is None else f" {int(time_ns)}"
    return f"{','.join(head)} {','.join(parts)}{time}"


def _token(line: str, at: int, wanted: str) -> tuple[str, int]:
    found = _KEY.match(line, at)
    if found is None:
        raise _bad(line, wanted)
    return _plain(_ESCAPED, found[0]), found.end()


def _plain(escaped: re.Pattern[str], text: str) -> str:
    return escaped.sub(r"\1", text) if "\\" in text else text


def _value(line: str, at: int) -> tuple[Value, int]:
    if line[at : at + 1] == '"':
        found = _STRING.match(line, at)
        if found is None:
            raise _bad(line, "the closing quote of a string")
        return _plain(_ESCAPED_TEXT, found[1]), found.end()
    found = _BARE.match(line, at)
    if found is None:
        raise _bad(line, "a field's value")
    text = found[0]
    if _FLOAT.fullmatch(text) and math.isfinite(number := float(text)):
        return number, found.end()
    if text in _BOOLEANS:
        return _BOOLEANS[text], found.end()
    if whole := _WHOLE.fullmatch(text):
        number = int(whole[1])
        low, high = (-(2**63), 2**63) if whole[2] == "i" else (0, 2**64)
        if low <= number < high:
            return number, found.end()
    raise _bad(line, f"a number, a quoted text or a boolean instead of {shown(text[:40])}")


def _skip(line: str, at: int) -> int:
    while line[at : at + 1] == " ":
        at += 1
    return at


def _bad(line: str, wanted: str) -> BadInputError:
    text = line if len(line) <= _SHOWN else line[:_SHOWN] + "…"
    return BadInputError("line_protocol", f"Line protocol needs {wanted}. Received: {shown(text)}.")


def _written(value: SupportsFloat | SupportsIndex | str, digits: int | None) -> str:
    if isinstance(value, str):
        text = _BREAKS.sub(" ", value).replace("\\", "\\\\").replace('"', '\\"')
        return f'"{text}"'
    if type(value).__name__ in ("bool", "bool_"):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"{value}i" if -(2**63) <= value < 2**63 else ""
    number = float(value)
    if not math.isfinite(number):
        return ""
    return repr(number) if digits is None else f"{number:.{digits}g}"


def _name(text: str) -> str:
    return _BREAKS.sub(" ", text).rstrip("\\") or "_"


def _escaped(text: str) -> str:
    return _name(text).replace(",", "\\,").replace("=", "\\=").replace(" ", "\\ ")
