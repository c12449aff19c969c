"""What the metadata of a detector file must be, entry by entry, before anything is made of it."""

import re
import reprlib
from collections.abc import Iterable, Mapping
from itertools import pairwise
from math import prod
from typing import Any, Literal, get_args

from runtime.clock.grid import GridKind
from runtime.model import limits

__all__ = ["Role", "check_column", "check_metadata"]

Role = Literal["channel", "context"]

_WHOLE = {
    "max_steps": (1, limits.CHUNK_STEPS),
    "state_size": (1, limits.STATE_SIZE),
    "warmup_steps": (0, limits.STEPS),
    "max_gap_steps": (0, limits.STEPS),
    "reorder": (0, limits.STEPS),
}
_NUMBERS = {"period_s": limits.PERIOD_S, "threshold": limits.THRESHOLD}
_NAMES = ("detector", "false_alarms")
_HASHES = ("graph_sha256", "networks_sha256", "weights_sha256", "step_of")
_MAPPINGS = ("alarm", "calibration", "training")
_COUNT = {"name": "count", "shape": [1], "offset": 0, "keeps": False}
_HASH = re.compile("[0-9a-f]{64}")
_SEVEREST = {
    "steps": re.compile(r"(?:[0-9]{1,12}(?: [1-9][0-9]{0,11})*)?"),
    "severity": re.compile(r"(?:[0-9]{1,6}(?:\.[0-9]{1,9})?(?: [0-9]{1,6}(?:\.[0-9]{1,9})?)*)?"),
    "restarts": re.compile(r"(?:[0-9]{1,9}(?: [0-9]{1,9})*)?"),
}


def check_metadata(raw: Mapping[str, Any]) -> None:
    """Checks the entries that are there, of schema 1 or 2.

    Args:
        raw: The metadata as its JSON has it.

    Raises:
        ValueError: An entry of another type, or beyond its bounds. The text says which.
    """
    for name, (least, most) in _WHOLE.items():
        if name in raw:
            _whole(name, raw[name], least, most)
    for name, (low, high) in _NUMBERS.items():
        _number(name, raw[name], low, high)
    for name in _NAMES:
        _name(name, raw[name])
    for name in _HASHES:
        if name in raw and not (name == "step_of" and raw[name] is None):
            _need(_is_hash(raw[name]), f"{name} must be a SHA-256 as 64 hex digits", raw[name])
    for name in _MAPPINGS:
        _need(isinstance(raw.get(name, {}), dict), f"{name} must be an object", raw.get(name))
    grid = raw.get("grid", "time")
    _need(grid in get_args(GridKind), f"grid must be one of {get_args(GridKind)}", grid)
    _check_inputs(raw["inputs"])
    if "state" in raw:
        _check_state(raw["state"], raw["state_size"])
    for name, value in raw.get("alarm", {}).items():
        if name.endswith("_steps"):
            _whole(f"alarm.{name}", value, 0, limits.POLICY_STEPS)
    if "severest" in raw.get("calibration", {}):
        _check_severest(raw["calibration"]["severest"])
    if "expected" in raw.get("calibration", {}):
        _check_expected(raw["calibration"]["expected"])


def check_column(name: object, unit: object = None) -> None:
    """Checks what a column is called. Names may have line breaks, as spreadsheets give them.

    Args:
        name: The column's name.
        unit: Its unit, where known.

    Raises:
        ValueError: No text, too long, or with control characters. The text says which.
    """
    plain = re.sub(r"[\t\r\n]", " ", name) if isinstance(name, str) else name
    _name("a column's name", plain)
    if unit is not None:
        _name("a column's unit", unit)


def _check_inputs(inputs: object) -> None:
    is_list = isinstance(inputs, list) and 0 < len(inputs) <= limits.INPUTS
    _need(is_list, f"inputs must be a list of 1 to {limits.INPUTS} columns", inputs)
    for column in _objects("inputs", inputs, {"name"}, {"name", "role", "unit"}):
        check_column(column["name"], column.get("unit"))
        role = column.get("role", "channel")
        _need(role in get_args(Role), f"input roles must be among {get_args(Role)}", role)
    columns = list(_objects("inputs", inputs, set(), {"name", "role", "unit"}))
    roles = [column.get("role", "channel") for column in columns]
    names = [column["name"] for column in columns]
    _need("channel" in roles, "inputs must list at least one channel", roles)
    _need(roles == sorted(roles), "context columns must come after the channels", roles)
    _need(len(set(names)) == len(names), "input names must differ", names)


def _check_state(parts: object, size: int) -> None:
    keys = {"name", "shape", "offset", "keeps"}
    is_list = isinstance(parts, list) and 0 < len(parts) <= limits.STATE_PARTS
    _need(is_list, f"state must be a list of 1 to {limits.STATE_PARTS} parts", parts)
    names, end = set(), 0
    for part in _objects("state", parts, keys, keys):
        _name("a part's name", part["name"])
        _need(part["name"] not in names, "names of parts of the state must differ", part["name"])
        names.add(part["name"])
        shape = part["shape"]
        is_shape = isinstance(shape, list) and all(type(n) is int and n >= 0 for n in shape)
        _need(is_shape and len(shape) <= 8, "a part's shape must be whole numbers", shape)
        _need(type(part["keeps"]) is bool, "keeps must be true or false", part["keeps"])
        is_next = type(part["offset"]) is int and part["offset"] == end
        _need(is_next, f"a part must begin where the one before ends, at {end}", part["offset"])
        end += prod(shape)
        _need(end <= size, f"the parts of the state must fill {size} numbers", end)
    _need(end == size, f"the parts of the state must fill {size} numbers", end)
    is_count = isinstance(parts, list) and parts[0] == _COUNT
    _need(is_count, f"the first part of the state must be {_COUNT}", _first(parts))


def _check_severest(rows: object) -> None:
    keys = {"rows", "level", "steps", "severity", "restarts"}
    (found,) = _objects("calibration.severest", [rows], keys, keys)
    _number("calibration.severest.level", found["level"], 0, limits.THRESHOLD[1])
    # Up to 100 kB of numbers: their text says all that is asked, in a third of the time.
    counts = {}
    for name, form in _SEVEREST.items():
        text, entry = found[name], f"calibration.severest.{name}"
        is_text = isinstance(text, str) and form.fullmatch(text) is not None
        _need(is_text, f"{entry} must be numbers in order, with spaces between", text)
        counts[name] = text.count(" ") + 1 if text else 0
        most = limits.CALIBRATION_ROWS
        _need(counts[name] <= most, f"{entry} must be at most {most} numbers", counts[name])
    kept = counts["severity"]
    _whole("calibration.severest.rows", found["rows"], kept, limits.POLICY_STEPS)
    _need(counts["steps"] == kept, f"calibration.severest must have {kept} steps", counts["steps"])
    places = [int(place) for place in found["restarts"].split()]
    is_rising = all(a < b for a, b in pairwise([*places, kept]))
    _need(is_rising, f"calibration.severest.restarts must be places below {kept}", places)


def _check_expected(expected: object) -> None:
    keys = {"level", "events_per_week", "time_share"}
    (found,) = _objects("calibration.expected", [expected], keys, keys)
    _number("calibration.expected.level", found["level"], 0, 1)
    for name, most in (("events_per_week", limits.EVENTS_PER_WEEK), ("time_share", 1)):
        entry, three = f"calibration.expected.{name}", found[name]
        is_three = isinstance(three, list) and len(three) == 3
        _need(is_three, f"{entry} must be what is expected, and its ends", three)
        for number in three:
            _number(entry, number, 0, most)


def _objects(
    name: str, items: object, required: set[str], known: set[str]
) -> Iterable[dict[str, Any]]:
    for item in items if isinstance(items, list) else ():
        is_one = isinstance(item, dict) and required <= item.keys() <= known
        _need(is_one, f"{name} must have {', '.join(sorted(known))}", item)
        yield item


def _whole(name: str, value: object, least: int, most: int) -> None:
    is_one = type(value) is int and least <= value <= most
    _need(is_one, f"{name} must be a whole number from {least} to {most}", value)


def _number(name: str, value: object, low: float, high: float) -> None:
    is_one = isinstance(value, int | float) and type(value) is not bool and low <= value <= high
    _need(is_one, f"{name} must be a number from {low:g} to {high:g}", value)


def _name(name: str, value: object) -> None:
    is_one = isinstance(value, str) and len(value) <= limits.NAME_CHARS
    is_one = is_one and not any(char < " " or "\x7f" <= char <= "\x9f" for char in str(value))
    _need(is_one, f"{name} must be plain text of at most {limits.NAME_CHARS} characters", value)


def _is_hash(value: object) -> bool:
    return isinstance(value, str) and _HASH.fullmatch(value) is not None


def _first(parts: object) -> object:
    return parts[0] if isinstance(parts, list) else parts


def _need(holds: bool, wanted: str, received: object) -> None:  # noqa: FBT001
    if not holds:
        raise ValueError(f"{wanted}, not {reprlib.repr(received)[:80]}")
