"""Random tables in random dialects, with what was written in them."""

import json
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
START = datetime(2024, 3, 14, 22, tzinfo=UTC)
NAMES = (
    *("flow", "Druck (bar)", "Temp, °C", "a;b", "P1 'main'", "=1+1", "@x", "Überlauf", "x|y"),
    *(
        "  padded",
        "col\nbreak",
        'say "no"',
        "Störgröße",
        "1st",
        "signal_7",
        "流量",
        "vibration.rms",
    ),
)
MISSING = ("", "NaN", "Bad", "N/A", "---", "#N/A", "No Data", "k. A.")
TIMES = {
    "iso": lambda t: f"{t:%Y-%m-%d %H:%M:%S}",
    "iso Z": lambda t: f"{t:%Y-%m-%dT%H:%M:%SZ}",
    "iso UTC": lambda t: f"{t:%Y-%m-%d %H:%M:%S} UTC",
    "iso offset": lambda t: f"{t + timedelta(hours=2):%Y-%m-%dT%H:%M:%S}+02:00",
    "slashes": lambda t: f"{t.year}/{t.month}/{t.day} {t.hour}:{t:%M:%S}",
    "German": lambda t: f"{t:%d.%m.%Y %H:%M:%S}",
    "month first": lambda t: (
        f"{t:%m/%d/%Y} {t.hour % 12 or 12}:{t:%M:%S} {'PM' if t.hour > 11 else 'AM'}"
    ),
    "month name": lambda t: f"{t.day:02}-Mar-{t.year} {t:%H:%M:%S}",
    "digits": lambda t: f"{t:%Y%m%d%H%M%S}",
    "epoch s": lambda t: str(int((t - EPOCH).total_seconds())),
    "epoch ms": lambda t: str(1000 * int((t - EPOCH).total_seconds())),
    "local": lambda t: f"{t + timedelta(hours=1):%Y-%m-%d %H:%M:%S}",
}
"""Forms of times; `local` is the clock of Berlin, in winter."""
GROUPS = {".": ("", "", ",", "Indian", " ", "'"), ",": ("", "", ".", " ", "'")}
"""What parts thousands, by the decimal mark."""
DELIMITERS = {".": (",", ";", "\t", "|"), ",": (";", "\t", "|")}


@dataclass
class Written:
    """A table as bytes, and what it says."""

    content: bytes
    names: list[str]
    times_s: list[int]
    rows: list[list[float | None]]
    form: str
    about: dict = field(default_factory=dict)


@st.composite
def tables(draw):
    """Draws a table: names, values, dialect, form of times, missing style."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True))
    count = draw(st.integers(24, 60))
    decimals = draw(st.sampled_from((1, 2, 4)))
    form = draw(st.sampled_from(sorted(TIMES)))
    step = draw(st.sampled_from((60, 300, 3600)))
    seed = random.Random(draw(st.integers(0, 999)))  # noqa: S311
    word = draw(st.sampled_from(MISSING))
    times = [START + timedelta(seconds=step * i) for i in range(count)]
    most = draw(st.sampled_from((60, 60, 6e6)))
    rows = [
        [
            None if seed.random() < 0.05 else round(seed.uniform(-most, most), decimals)
            for _ in names
        ]
        for _ in times
    ]
    rows[0] = [round(seed.uniform(1, 60), decimals) for _ in names]
    about = {"form": form, "word": word, "decimals": decimals}
    if draw(st.integers(0, 4)) == 0:
        content = _json(draw, names, times, rows, form)
    else:
        content = _csv(draw, names, times, rows, form, word, decimals, about)
    seconds = [int((t - EPOCH).total_seconds()) for t in times]
    return Written(content, [n.strip() for n in names], seconds, rows, form, about)


def _json(draw, names, times, rows, form):
    objects = [
        {"time": TIMES[form](t)} | {n.strip(): v for n, v in zip(names, row, strict=True)}
        for t, row in zip(times, rows, strict=True)
    ]
    if draw(st.booleans()):
        return json.dumps(objects, indent=draw(st.sampled_from((None, 1)))).encode()
    return "\n".join(json.dumps(one, ensure_ascii=False) for one in objects).encode()


def _csv(draw, names, times, rows, form, word, decimals, about):
    mark = draw(st.sampled_from(".,"))
    delimiter = draw(st.sampled_from(DELIMITERS[mark]))
    end = draw(st.sampled_from(("\n", "\r\n", "\r")))
    plain = not any(mark in name for mark in '"\n' for name in names)
    quoting = draw(st.sampled_from(("needed", "all", *["apostrophes"] * plain)))
    group = draw(st.sampled_from(GROUPS[mark]))
    minus = draw(st.sampled_from(("before", "before", "behind", "brackets")))
    encoding = draw(st.sampled_from(("utf-8", "utf-8-sig", "utf-16")))
    about |= {"mark": mark, "delimiter": delimiter, "end": end, "encoding": encoding}
    about |= {"quoting": quoting, "group": group, "minus": minus}

    def cell(text):
        if quoting == "apostrophes":
            return "'" + text.replace("'", "''") + "'"
        needs = any(mark in text for mark in f'{delimiter}"\n')
        return '"' + text.replace('"', '""') + '"' if needs or quoting == "all" else text

    def line(cells):
        return delimiter.join(map(cell, cells))

    lines = []
    if draw(st.booleans()):
        lines += ["# exported by hand", ""]
    if draw(st.booleans()):
        lines += ["Plant 7"]
    header = [line(["timestamp", *names])]
    units = draw(st.sampled_from(("none", "plain", "note")))
    if units != "none":
        note = ["see the manual"] if units == "note" else []
        header.append(line(["", *("bar" for _ in names), *note]))
    lines += header
    joined = draw(st.sampled_from((0, 0, len(times) // 2)))
    about |= {"units": units, "joined": joined}
    for place, (time, row) in enumerate(zip(times, rows, strict=True)):
        if joined and place == joined:
            lines += ["Total 27 rows", "", "Plant 7 again", *header]
        values = (word if v is None else _number(v, decimals, mark, group, minus) for v in row)
        lines.append(line([TIMES[form](time), *values]))
    if draw(st.booleans()):
        lines[-1] += end
    return end.join(lines).encode(encoding)


def _number(value, decimals, mark, group, minus):
    whole, _, rest = f"{abs(value):.{decimals}f}".partition(".")
    if group:
        size, between = (2, ",") if group == "Indian" else (3, group)
        head, parts = whole[:-3], [whole[-3:]]
        while head:
            head, parts = head[:-size], [head[-size:], *parts]
        whole = between.join(parts)
    text = whole + mark + rest
    signs = {"before": f"-{text}", "behind": f"{text}-", "brackets": f"({text})"}
    return signs[minus] if value < 0 else text
