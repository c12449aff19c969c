"""What becomes of damaged detector files, by the thousand.

A damaged file is refused with a `KadError` of one line, or it scores exactly as the intact one
does; nothing is printed, nothing hangs. Files are judged in a process of their own, which may
crash.
"""

import argparse
import json
import os
import random
import selectors
import subprocess
import sys
import tempfile
from collections import Counter

import numpy as np

from runtime import EventDetector, KadError, Stream, event_threshold, verify
from runtime.model.compare import relative_gap
from runtime.model.detector import Detector
from runtime.model.verify import TOLERANCE
from toys.damage import REWRITTEN, WEIGHTS, bases, damaged

PATIENCE_S = 60.0
"""A file that takes longer hangs."""
HARMLESS = ("refused", "same", "verify")
"""What may become of a file: refused, the same numbers, or another file that `verify` refuses."""


def judge(base, content):
    """Says what becomes of a file; one of `HARMLESS` unless something is wrong."""
    try:
        detector = Detector(content)
        meta = detector.metadata
        out = detector.call(base.x, base.state)
        split = detector.step(base.x, base.state)
    except KadError as error:
        return "refused" if "\n" not in str(error) else "ERROR of two lines"
    numbers = zip(out, split, base.expected, strict=True)
    for got, again, wanted in numbers:
        if not np.array_equal(got, wanted) or relative_gap(again, wanted) > TOLERANCE:
            return "OTHER NUMBERS"
    try:
        _used(detector)
        event_threshold(
            meta.false_alarms,
            period_s=meta.period_s,
            calibration=meta.calibration,
            policy=meta.alarm,
        )
        EventDetector.of(meta)
        passed = verify(detector).passed
    except KadError as error:
        return "verify" if "\n" not in str(error) else "ERROR of two lines"
    return "same" if passed else "verify"


def _used(detector):
    """Uses what a program uses of a file."""
    stream = Stream(detector)
    for minute in range(3):
        stream.push(minute * detector.metadata.period_s, [20.0] * len(detector.channels))
    detector.metadata.alarm.text(detector.metadata.period_s)
    detector.metadata.to_json().encode()
    repr(detector)


def work(seed, start, stop, weights):
    """Judges files and prints a line for each: its number, its damage, what became of it."""
    answers, intact = os.fdopen(os.dup(1), "w", buffering=1), bases()
    with tempfile.TemporaryFile() as printed:
        os.dup2(printed.fileno(), 1)
        os.dup2(printed.fileno(), 2)
        for number in range(start, stop):
            kind, base, content = damaged(intact, random.Random(f"{seed}/{number}"), weights)  # noqa: S311
            answers.write(f"{number} {kind} ")
            answers.flush()
            try:
                verdict = judge(base, content)
            except Exception as error:  # noqa: BLE001
                verdict = f"ERROR {type(error).__name__}: {' '.join(str(error).split())[:150]}"
            if os.fstat(printed.fileno()).st_size:
                verdict = "PRINTED"
                os.ftruncate(printed.fileno(), 0)
            answers.write(f"{verdict}\n")


def fuzz(files, seed=1, *, weights=None, progress=lambda _: None):
    """Returns how many files of each kind of damage came to what, and the bad ones by number.

    Args:
        files: How many.
        seed: Of all of them.
        weights: As `WEIGHTS`.
        progress: Is given the number of files that are done.
    """
    weights = weights or WEIGHTS
    counts, bad, done = Counter(), {}, 0
    while done < files:
        command = [sys.executable, "-m", "toys.fuzz", "work", str(seed), str(done), str(files)]
        with subprocess.Popen(
            [*command, json.dumps(weights)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={
                **os.environ,
                "OMP_NUM_THREADS": "1",
                "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            },
        ) as worker:
            line = b""
            for line in _lines(worker):
                if not line.endswith(b"\n"):
                    break
                number, kind, verdict = line.decode().strip().split(" ", 2)
                counts[kind, verdict.partition(":")[0]] += 1
                if verdict not in HARMLESS:
                    bad[int(number)] = f"{kind} {verdict}"
                done = int(number) + 1
                progress(done)
            if done < files:
                verdict = "HANG" if worker.poll() is None else f"CRASH: {worker.returncode}"
                worker.kill()
                if not line or line.endswith(b"\n"):
                    raise RuntimeError(f"{verdict} at {done}: {worker.stderr.read().decode()}")
                kind = line.decode().split()[1]
                counts[kind, verdict.partition(":")[0]] += 1
                bad[done] = f"{kind} {verdict}"
                done += 1
    return counts, bad


def _lines(worker):
    """Yields the lines of a worker; the last one is not whole where it crashed or hangs."""
    rest = b""
    with selectors.DefaultSelector() as ready:
        ready.register(worker.stdout, selectors.EVENT_READ)
        while ready.select(PATIENCE_S):
            block = os.read(worker.stdout.fileno(), 2**16)
            if not block:
                worker.wait()
                break
            *lines, rest = (rest + block).split(b"\n")
            for line in lines:
                yield line + b"\n"
    yield rest


def show(counts, bad):
    """Returns the counts as text."""
    verdicts = sorted({verdict for _, verdict in counts}, key=lambda v: (v not in HARMLESS, v))
    kinds = sorted({kind for kind, _ in counts})
    rows = [["", "files", *verdicts]]
    for kind in kinds:
        numbers = [counts[kind, verdict] for verdict in verdicts]
        rows.append([kind, sum(numbers), *numbers])
    totals = [sum(row[i] for row in rows[1:]) for i in range(1, len(rows[0]))]
    rows.append(["all", *totals])
    table = ["".join(f"{cell!s:>{12 if i else 10}}" for i, cell in enumerate(row)) for row in rows]
    shown = [f"{number}: {what}" for number, what in sorted(bad.items())[:40]]
    return "\n".join(table + shown)


def main():
    """Runs `scripts/fuzz`: as many files as were asked for; exit code 1 where one ends badly."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=int, nargs="?", default=20_000)
    parser.add_argument("seed", type=int, nargs="?", default=1)
    arguments = parser.parse_args()
    counts, bad = fuzz(
        arguments.files,
        arguments.seed,
        weights=WEIGHTS | REWRITTEN,
        progress=lambda done: done % 1000 or sys.stderr.write(f"{done} files\n"),
    )
    sys.stdout.write(show(counts, bad) + "\n")
    ours = [what for what in bad.values() if what.split()[0] not in REWRITTEN]
    sys.exit(bool(ours))


if __name__ == "__main__":
    if sys.argv[1:2] == ["work"]:
        work(*map(int, sys.argv[2:5]), json.loads(sys.argv[5]))
    else:
        main()
