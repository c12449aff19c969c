"""SenML, RFC 8428: base fields hold until they are replaced."""

import re
from typing import Any

from runtime.gateway.payloads.shapes.part import ABSENT, Context, Part, Parts, wrong_shape
from runtime.gateway.samples import BadInputError

__all__ = ["senml"]

_RELATIVE = 2**28
_EDGES = ":/.-_"
_CUT = re.compile(r"(.*)[:/.]([^:/.]+)", re.DOTALL)


def senml(tree: Any, context: Context) -> Parts:
    """Reads a pack of records. A time below 2^28 s is relative to now."""
    if type(tree) is not list:
        yield wrong_shape("An array of SenML records", tree)
        return
    base: dict[str, Any] = {}
    groups: dict[tuple[Any, ...], Part] = {}
    for item in context.bounded(tree):
        if type(item) is not dict:
            yield wrong_shape("A SenML record (an object)", item)
            continue
        base |= {key: item[key] for key in ("bn", "bt", "bu", "bv") if key in item}
        if not {"n", "v", "vb", "vs"}.intersection(item):
            continue  # base fields alone
        try:
            names, channel = _name(base.get("bn", ""), item.get("n", ""), context)
            value, (time_ns, relative) = _value(item, base), _time(item, base, context)
        except BadInputError as error:
            yield error
            continue
        key = (time_ns, relative, *sorted(names.items()))
        if key not in groups:
            stated = ABSENT if time_ns is None else time_ns
            groups[key] = Part({}, stated, time_ns, names, {}, is_relative=relative)
        groups[key].fields[channel] = value  # type: ignore[index]
        unit = item.get("u", base.get("bu", ""))
        if type(unit) is str and unit:
            groups[key].units[channel] = unit  # type: ignore[index]
    yield from groups.values()


def _name(base: Any, own: Any, context: Context) -> tuple[dict[str, str], str]:
    if type(base) is not str or type(own) is not str or not base + own:
        raise wrong_shape("A SenML name", [base, own])
    if context.splitter.is_said(base + own):
        return context.splitter.split(base + own)
    if base and own and not set(":/.").intersection(own):
        return {"device": base.rstrip(_EDGES) or base}, own
    found = _CUT.fullmatch(base + own)
    return ({}, base + own) if found is None else ({"device": found[1]}, found[2])


def _value(item: dict[str, Any], base: dict[str, Any]) -> Any:
    for key in ("v", "vb", "vs"):
        if key in item:
            value = item[key]
            break
    else:
        value = 0 if "bv" in base else None
    more = base.get("bv", 0)
    if type(value) in (int, float) and type(more) in (int, float) and more:
        try:
            return value + more
        except OverflowError:
            return None
    return value


def _time(item: dict[str, Any], base: dict[str, Any], context: Context) -> tuple[int | None, bool]:
    if "t" not in item and "bt" not in base:
        return None, False
    times = context.times
    parts = [time for time in (base.get("bt", 0), item.get("t", 0)) if time != 0]
    time_ns = sum(times.seconds(time) for time in parts)
    if abs(time_ns) < _RELATIVE * 10**9:
        return context.now_ns + time_ns, True
    return time_ns, False
