"""Damaged tables by the thousand: each reads, or is refused with a `KadError` of one line.

Each is read as training reads a file, as the gateway reads a file, and as a live pipe in small
pieces. `scripts/fuzz tables [N] [SEED]` is the long form.
"""

import argparse
import csv
import gzip
import io
import json
import random
import resource
import signal
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path

import numpy as np

from kad.data.tables import read_table
from runtime.errors import InputError, KadError
from runtime.tables.notes import cell_notes, notes_of
from runtime.tables.opened import open_table
from runtime.tables.reader import TableReader

PATIENCE_S = 20
"""A file that takes more seconds of the processor hangs."""
MEMORY_KB = 200_000
"""More than any of these small files may take."""
CASES = Path(__file__).parents[3] / "shared" / "cases"
_ODD = (
    *(
        b'"',
        b",",
        b";",
        b"\t",
        b"\r",
        b"\n",
        b"\0",
        b"\\",
        b"'",
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
        b"#",
    ),
    *(b"\xff", b"\xfe", b"\xef\xbb\xbf", b"\xc3", b"\xe2\x88\x92", b"\xc2\xa0", b"-", b"(", b"%"),
    *(b"nan", b"inf", b"1e999", b"9" * 400, b"-9999", b"OL", b"Bad", b"kW", b"true", b"null"),
    *(b"2024-13-45", b"24:00", b"99:99", b"1,204", b"1.204,5", b"sep=;\n", b"NaN", b"-", b"[" * 40),
)


class HangError(Exception):
    """A file that took longer than `PATIENCE_S`."""


def small_tables():
    """Returns small intact tables of many kinds, by name."""
    rng = np.random.default_rng(4)
    rows = [(60 * i, *rng.normal(20, 1, 2).round(2).tolist()) for i in range(40)]
    clock = [f"2024-03-{4 + i // 24:02d} {i % 24:02d}:05:00" for i in range(40)]
    german = [f"{4 + i // 24:02d}.03.2024 {i % 24:02d}:05" for i in range(40)]

    dated = list(zip(clock, rows, strict=True))

    def lines(head, body, end="\n"):
        return (head + end + end.join(body) + end).encode()

    tables = {
        "plain": lines("time,a,b", [f"{t},{a},{b}" for t, a, b in rows]),
        "dated": lines("time,a,b", [f"{c},{a},{b}" for c, (_, a, b) in dated]),
        "german": lines(
            "Datum;Fluss, m3/h;Druck",
            [f"{c};{a:.2f};{b:.2f}".replace(".", ",").replace(",03,2024", ".03.2024")
             for c, (_, a, b) in zip(german, rows, strict=True)],
            "\r\n",
        ),
        "units": lines(
            "time;power;pump",
            [f"{c};{a * 60:.0f} W;{'ON' if a > 20 else 'OFF'}" for c, (_, a, _) in dated],
        ),
        "quoted": lines(
            '"time","a","note"', [f'"{c}","{a}","x ""y"", z"' for c, (_, a, _) in dated]
        ),
        "titled": b"# made by hand\nPlant 7\n\n" + lines(
            "TIMESTAMP,RECORD,a,b", [f'"{c}",{i},{a},{b}' for i, (c, (_, a, b)) in
                                     enumerate(dated)]),
        "spaces": lines("time  a  b", [f"{c}  {a}   {b}" for c, (_, a, b) in dated]),
        "words": lines("time\ta\tb", [f"{c}\t{a}\t{'Bad' if i % 3 else b}" for i, (c, (_, a, b)) in
                                      enumerate(dated)]),
        "jsonl": lines('{"boot": 1}', [json.dumps({"time": c, "a": a, "o": {"b": b}})
                                       for c, (_, a, b) in dated]),
        "array": json.dumps([{"time": c, "a": str(a), "b": b} for c, (_, a, b) in
                             dated], indent=1).encode(),
        "series": json.dumps({n: [{"ts": 1709510400000 + 60000 * i, "value": str(r[k])}
                                  for i, r in enumerate(rows)]
                              for k, n in ((1, "a"), (2, "b"))}).encode(),
        "long": lines("time,tag,value", [f"{c},{n},{v}" for c, (_, a, b) in dated
                                         for n, v in (("a", a), ("b", b))]),
        "none": lines("1;2,5", [f"{i};{a}".replace(".", ",") for i, (_, a, _) in enumerate(rows)]),
    }  # fmt: skip
    tables["utf16"] = tables["dated"].decode().encode("utf-16")
    tables["gzip"] = gzip.compress(tables["dated"], mtime=0)
    return tables


def intact():
    """Returns the small tables, and the files with known outcomes where they are at hand."""
    tables = small_tables()
    if CASES.exists():
        with (CASES / "cases.csv").open(newline="") as file:
            for row in csv.DictReader(file):
                lines = (CASES / row["file"]).read_bytes().splitlines(keepends=True)
                tables[row["file"]] = b"".join(
                    lines
                    if len(lines) < 60 or row["file"] == "utf16.txt"
                    else lines[:40] + lines[-8:]
                )
    return tables


def mutated(tables, rng):
    """Returns the name of a table, and it with a few faults."""
    name = rng.choice(list(tables))
    content = bytearray(tables[name])
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        content = _once(content, tables, rng)
    return name, bytes(content)


def _once(content, tables, rng):
    size = len(content)
    # Much of what decides how a table is read lies at its beginning.
    at = rng.randrange(size + 1) if rng.random() < 0.6 else rng.randrange(min(size, 300) + 1)
    length = rng.choice((1, 1, 2, 5, 30, 400))
    way = rng.randrange(9)
    if way == 0 and at < size:
        content[at] ^= 1 << rng.randrange(8)
    elif way == 1:
        content[at:at] = rng.choice(_ODD) * rng.choice((1, 1, 1, 2, 20))
    elif way == 2:
        del content[at : at + length]
    elif way == 3:
        content[at:at] = content[at : at + length]
    elif way == 4:
        content = content[:at] if rng.random() < 0.7 else content[at:]
    elif way == 5:
        content[at : at + length] = rng.randbytes(length)
    elif way == 6:
        content[at : at + 1] = rng.choice(_ODD)
    else:
        lines = content.split(b"\n")
        others = lines if way == 7 else tables[rng.choice(list(tables))].split(b"\n")
        start = rng.randrange(len(others))
        place = rng.randrange(len(lines) + 1)
        lines[place:place] = others[start : start + rng.choice((1, 1, 2, 10))]
        content = bytearray(b"\n".join(lines))
    return content


class Trickle(io.RawIOBase):
    """A pipe that gives pieces of random sizes."""

    def __init__(self, raw, rng):
        self._raw, self._rng = io.BytesIO(raw), rng

    def read(self, _limit=-1):
        return self._raw.read(self._rng.choice((1, 7, 64, 500, 5000)))


def judge(content, folder, rng):
    """Returns what came of a table, as `read/file/live`; one word for each way to read it.

    Raises:
        Exception: Anything but a `KadError` of one line.
    """
    path = Path(folder) / "table.csv"
    path.write_bytes(content)
    channels, learnt, said = ["a"], None, []
    for options in ({}, {"long": True}):
        try:
            table = read_table(path, **options)
            table.report.lines()
            json.dumps(table.report.to_dict(), allow_nan=False)
            channels, learnt = list(table.frame.columns), table.reading
            said.append("read")
            break
        except KadError as error:
            said.append(_one_line(error))
    for live in (False, True):
        try:
            with open_table(path) as file:
                content = file.read()
            source = Trickle(content, rng) if live else io.BytesIO(content)
            reader = TableReader(source, channels, period_s=60.0, learnt=learnt, live=live)
            for block in reader:
                if block.values.shape != (len(block.times_ns), len(channels)):
                    raise AssertionError(f"a block of {block.values.shape}")
            notes_of(reader)
            for cells in reader.cells:
                cell_notes(cells)
            said.append("read")
        except KadError as error:
            said.append(_one_line(error))
    return "/".join((said[-3], *said[-2:]))


def _one_line(error):
    text = str(error)
    if "\n" in text or len(text) > 4000:
        raise AssertionError(f"an error of {len(text)} characters: {text[:300]!r}")
    return "refused" if isinstance(error, InputError) else type(error).__name__


def fuzz(files, seed=1, *, tables=None, progress=lambda _: None):
    """Returns how many tables came to what, and the bad ones: their number, name, error.

    Args:
        files: How many.
        seed: Of all of them.
        tables: Intact ones.
        progress: Is given the number of files that are done.
    """
    tables = tables or intact()
    counts, bad = Counter(), {}
    before = signal.signal(signal.SIGPROF, _hangs)
    try:
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("error")
            for number in range(files):
                rng = random.Random(f"{seed}/{number}")  # noqa: S311
                name, content = mutated(tables, rng)
                signal.setitimer(signal.ITIMER_PROF, PATIENCE_S)
                try:
                    counts[judge(content, folder, rng)] += 1
                except Exception as error:  # noqa: BLE001
                    counts["BAD"] += 1
                    place = error.__traceback__
                    while place.tb_next is not None:
                        place = place.tb_next
                    where = f"{Path(place.tb_frame.f_code.co_filename).name}:{place.tb_lineno}"
                    bad[number] = f"{name}: {type(error).__name__} at {where}: {str(error)[:150]}"
                finally:
                    signal.setitimer(signal.ITIMER_PROF, 0)
                progress(number + 1)
    finally:
        signal.signal(signal.SIGPROF, before)
    return counts, bad


def damaged_table(number, seed=1, tables=None):
    """Returns the name and the content of one of them again."""
    return mutated(tables or intact(), random.Random(f"{seed}/{number}"))  # noqa: S311


def _hangs(*_):
    raise HangError


def main():
    """Runs `scripts/fuzz tables`; exit code 1 where one ends badly or memory runs away."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=int, nargs="?", default=21_000)
    parser.add_argument("seed", type=int, nargs="?", default=1)
    arguments = parser.parse_args()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    counts, bad = fuzz(
        arguments.files,
        arguments.seed,
        progress=lambda done: done % 1000 or sys.stderr.write(f"{done} tables\n"),
    )
    more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    for what, number in counts.most_common():
        sys.stdout.write(f"{what:<28} {number}\n")
    for number, what in list(bad.items())[:60]:
        sys.stdout.write(f"{number}: {what}\n")
    sys.stdout.write(f"{more / 1000:.0f} MB more than at the beginning\n")
    sys.exit(bool(bad) or more > MEMORY_KB)


if __name__ == "__main__":
    main()
