"""Text forms of times as expressions with named parts: y m d mon, h mi s f, ap, z zs zh zm."""

import re
from functools import cache

from runtime.clock.forms import TimeForm
from runtime.clock.words import WEEKDAY
from runtime.errors import InputError, shown

__all__ = ["patterns"]

_D = r"(?P<d>[0-9]{1,2})"
_M = r"(?P<m>[0-9]{1,2})"
_Y = r"(?P<y>[0-9]{4}|[0-9]{2})"
_S1, _S2 = r"(?P<sep1>[./-]) ?", r"(?P<sep2>[./-]) ?"
_MON = r"(?P<mon>[^\W\d_]{3,12})"
_WEEKDAY = rf"(?:{WEEKDAY}\.?,?[ ]+)?"
_DASHES = r"(?:[:.h]|(?P<dash>-)(?=[0-9]{2}-[0-9]{2}(?![0-9])))", r"(?(dash)-|[:.m])"
_MINUTES = (
    rf"(?:{_DASHES[0]}(?P<mi>[0-9]{{2}})"
    rf"(?:{_DASHES[1]}(?P<s>[0-9]{{2}})s?(?:[.,:](?P<f>[0-9]{{1,18}}))?)?)"
)
_HALF = r"(?: ?Uhr)?(?: ?(?P<ap>[AaPp]\.? ?[Mm]\.?))?"
_TIME = rf"(?P<h>[0-9]{{1,2}}){_MINUTES}?{_HALF}"
_END = rf"(?P<h>[0-9]{{1,2}})(?:{_MINUTES}{_HALF}| ?(?:Uhr|h|[AaPp]\.? ?[Mm]\.?))"
"""Of an interval: 08-10 may be minutes."""
_ZONE = (
    r"(?: ?(?P<z>[A-Za-z]{1,4}))?(?: ?(?P<zs>[+-])(?P<zh>[0-9]{1,2})(?::?(?P<zm>[0-9]{2}))?)?"
    r"(?: ?[\[(](?P<zone>[\w/+ -]+)[\])])?"
)
_JOIN = r"(?:[Tt]|,? +(?:at |um |- )?|, ?|[:_-])"
_TO = r"\s*(?:-|–|—|/|->|→|~|\.{2,3}|\bto\b|\bbis\b|\buntil\b)\s*"

_DATES = {
    "iso": (
        r"(?P<y>[0-9]{4})(?P<sep1>[./:-]) ?" + _M + r"(?P<sep2>[./:-]) ?" + _D + r"\.?",
        r"(?P<y>[0-9]{4})[年년] ?" + _M + r"[月월] ?" + _D + r"[日일]",
    ),
    "day-first": (_D + _S1 + _M + _S2 + _Y + r"\.?",),
    "month-first": (_M + _S1 + _D + _S2 + _Y,),
    "year-first": (r"(?P<y>[0-9]{2})" + _S1 + _M + _S2 + _D,),
    "digits": (r"(?P<y>[0-9]{4})(?P<m>[0-9]{2})(?P<d>[0-9]{2})",),
    "month-name": (
        _D + rf"(?:st|nd|rd|th|\.)?[ /.-]*(?:of |de )?{_MON}\.?,?[ /.-]*(?:de )?" + _Y,
        _MON + r"\.?[ -]*" + _D + r"(?:st|nd|rd|th)?,?[ /-]+" + _Y,
        r"(?P<y>[0-9]{4})[ /.-]?" + _MON + r"\.?[ /.-]?" + _D,
    ),
}
_FRACTION = r"(?:[.,]?(?P<f>[0-9]{1,9}))?"
_COMPACT = (
    _DATES["digits"][0]
    + rf"(?:[Tt _-]?(?P<h>[0-9]{{2}})(?:(?P<mi>[0-9]{{2}})(?:(?P<s>[0-9]{{2}}){_FRACTION})?)?)?"
)
_PART = r"(?:[.,](?P<f>[0-9]{1,18}))?"
_CLOCKS = (
    rf"(?P<neg>-)?(?P<h>[0-9]{{1,7}}):(?P<mi>[0-9]{{2}})(?::(?P<s>[0-9]{{2}}))?{_PART}",
    (
        r"(?P<neg>-)?(?P<dd>[0-9]{1,6})(?:\.| ?days?,? ?|d,? ?|:| )\+?"
        rf"(?P<h>[0-9]{{1,2}}):(?P<mi>[0-9]{{2}}):(?P<s>[0-9]{{2}}){_PART}"
    ),
)

_DIRECTIVES = {
    "Y": r"(?P<y>[0-9]{4})", "y": r"(?P<y>[0-9]{2})", "m": r" ?(?P<m>[0-9]{1,2})",
    "d": r" ?(?P<d>[0-9]{1,2})", "e": r" ?(?P<d>[0-9]{1,2})", "j": r"(?P<j>[0-9]{1,3})",
    "b": r"(?P<mon>[^\W\d_]+\.?)", "B": r"(?P<mon>[^\W\d_]+\.?)", "h": r"(?P<mon>[^\W\d_]+\.?)",
    "H": r" ?(?P<h>[0-9]{1,2})", "I": r" ?(?P<h>[0-9]{1,2})", "M": r"(?P<mi>[0-9]{1,2})",
    "S": r"(?P<s>[0-9]{1,2})", "f": r"(?P<f>[0-9]{1,18})", "p": r"(?P<ap>[AaPp]\.? ?[Mm]\.?)",
    "z": r"(?:(?P<z>[Zz])|(?P<zs>[+-])(?P<zh>[0-9]{2}):?(?P<zm>[0-9]{2}))",
    "Z": r"(?P<zone>[A-Za-z]{1,5})", "a": r"[^\W\d_]+\.?", "A": r"[^\W\d_]+\.?", "%": "%",
}  # fmt: skip
_SHORT = {"F": "%Y-%m-%d", "T": "%H:%M:%S", "R": "%H:%M", "D": "%m/%d/%y", "n": " ", "t": " "}


@cache
def patterns(form: TimeForm) -> tuple[re.Pattern[str], ...]:
    """Returns the expressions of a form's cells; the first that matches a whole cell is meant.

    Args:
        form: Of text, not of numbers.

    Raises:
        InputError: A `strptime` format with a directive that is not known.
    """
    if form.kind == "strptime":
        texts = [_of_format(form.format)]
    elif form.kind == "clock":
        texts = list(_CLOCKS)
    else:
        texts = _of_dates(form.kind)
    if form.interval:
        texts = [text for start in texts for text in _intervals(start)]
    return tuple(re.compile(text, re.IGNORECASE) for text in texts)


def _of_dates(kind: str) -> list[str]:
    texts = [_COMPACT + _ZONE] if kind == "digits" else []
    for date in _DATES[kind]:
        texts.append(f"{_WEEKDAY}{date}(?:{_JOIN}{_TIME}{_ZONE})?")
        texts.append(f"{_TIME}{_ZONE},? +{_WEEKDAY}{date}")
    if kind == "month-name":  # ctime, date
        texts.append(f"{_WEEKDAY}{_MON} +{_D} {_TIME}{_ZONE} {_Y}")
        texts.append(f"{_D}/{_MON}/{_Y}:{_TIME}{_ZONE}")  # logs of web servers
    return texts


def _intervals(start: str) -> tuple[str, str]:
    bare = start.replace(_ZONE, "")
    end = f"(?:{_nameless(bare)}|{_nameless(_END)})"
    return f"{bare}{_TO}{end}{_ZONE}", f"{start}{_TO}(?:{_nameless(start)}|{_nameless(_END)})"


def _nameless(text: str) -> str:
    return re.sub(r"\?P<\w+>", "?:", text.replace(_DASHES[1], "[:.m-]"))


def _of_format(text: str) -> str:
    for letter, long in _SHORT.items():
        text = text.replace(f"%{letter}", long)
    parts: list[str] = []
    for part in re.split(r"(%-?.)", text):
        if part[:1] == "%" and len(part) > 1:
            if part[-1] not in _DIRECTIVES:
                raise InputError(
                    f"time_format takes the directives %{' %'.join(_DIRECTIVES)}, as strptime. "
                    f"Received: {shown(part)} in {shown(text)}."
                )
            parts.append(_DIRECTIVES[part[-1]])
        else:
            parts.append(re.sub(r"(?:\\ |\s)+", r"\\s+", re.escape(part)))
    joined = "".join(parts)
    names = re.findall(r"\?P<(\w+)>", joined)
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(
            f"time_format must name each part once. Received: {shown(text)}, with {twice[0]} twice."
        )
    if not names:
        raise InputError(
            "time_format must be a format of strptime such as '%d/%m/%Y %H:%M', or one of the "
            f"kinds day-first, month-first, year-first. Received: {shown(text)}."
        )
    return joined
