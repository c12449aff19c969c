"""Damaged snapshots: what `restore` must refuse, or continue as if nothing had happened."""

import argparse
import hashlib
import json
import sys
from collections import Counter
from dataclasses import fields

import numpy as np

from runtime.alarms.events import EventDetector
from runtime.errors import InputError
from runtime.model.policy import AlarmPolicy
from runtime.streams.batch import StreamBatch
from runtime.streams.scores import Scores
from runtime.streams.stream import Stream
from toys.streams import rows

NUMBERS = (-1, 0, 1, 2, 2**31, 2**53, 2**62, 2**63 - 1, -(2**63), 10**30, 1.5, 1e308, -1e308)
OTHERS = (None, True, "", "1", [], {}, [[]], float("nan"), float("inf"))


class Subject:
    """Something that was interrupted: its snapshot, and what it gives from there on."""

    def __init__(self, name, subject, restore, goes_on):
        self.name, self._restore, self._goes_on = name, restore, goes_on
        self.blob = subject.snapshot()
        self.expected = goes_on(restore(self.blob))

    def outcome(self, blob):
        """`refused`, `same` or `other`: what became of a snapshot. Any other error is raised."""
        error = None
        try:
            restored = self._restore(blob)
        except InputError as refusal:
            error = str(refusal)
        if error is not None:
            assert "\n" not in error
            assert len(error) < 2000
            return "refused"
        try:
            return "same" if self._goes_on(restored) == self.expected else "other"
        except InputError:  # it has other streams, or fewer
            return "other"


def subjects(detector):
    """Streams, a batch and events that hold rows, have missed some, and have an event open."""
    times, values = rows(40)
    channels = detector.channels
    found = []
    for reorder in (0, 4):
        stream = Stream(detector, reorder=reorder)
        stream.push_many(times[:30], values[:30])
        found.append(
            Subject(
                f"stream, reorder {reorder}",
                stream,
                lambda blob: Stream.restore(detector, blob),
                lambda other: _plain(other.push_many(times[30:], values[30:]), other.flush()),
            )
        )
    batch = StreamBatch(detector, ["x", "y", "z"], reorder=2)
    who = np.arange(66) % 3  # the last row of each waits: it comes after a gap
    batch.push_many(who, np.repeat(times[:22], 3), np.repeat(values[:22], 3, axis=0))
    found.append(
        Subject(
            "batch",
            batch,
            lambda blob: StreamBatch.restore(detector, blob),
            lambda other: _plain(
                other.push_many(np.arange(3), np.repeat(times[22:23], 3), values[22:25]).scores,
                other.flush().scores,
            ),
        )
    )
    scored = Stream(detector, threshold=2.0).push_many(times, values)
    policy = AlarmPolicy(merge_gap_steps=2, habituation_steps=5)
    events = EventDetector(channels, threshold=2.0, policy=policy, period_s=60)
    events.update(scored.taken(np.arange(20)))
    later = scored.taken(np.arange(20, len(scored)))
    found.append(
        Subject(
            "events",
            events,
            lambda blob: EventDetector.restore(channels, blob),
            lambda other: (other.update(later), other.finish(), other.snapshot()),
        )
    )
    return found


def damages(blob, rng, count):
    """Yields so many damaged copies: bytes changed anywhere, under the checksum as it was."""
    for _ in range(count):
        data = bytearray(blob)
        at = int(rng.integers(len(data)))
        match int(rng.integers(6)):
            case 0:
                data[at] ^= 1 << int(rng.integers(8))
            case 1:
                del data[at:]
            case 2:
                del data[at : at + int(rng.integers(1, 9))]
            case 3:
                data[at:at] = rng.bytes(int(rng.integers(1, 9)))
            case 4:
                other = int(rng.integers(len(data)))
                data[at], data[other] = data[other], data[at]
            case 5:
                data[at:] = rng.bytes(len(data) - at)
        yield bytes(data)


def forgeries(blob, rng, count):
    """Yields so many copies with another header, other arrays or other sizes, sealed anew."""
    _, _, body = blob.split(b"\n", 2)
    text, _, arrays = body.partition(b"\n")
    for _ in range(count):
        header, data = json.loads(text), bytearray(arrays)
        for _ in range(int(rng.integers(1, 3))):
            if rng.random() < 0.6:
                _change(header, rng)
            elif data:
                at = int(rng.integers(len(data)))
                data[at : at + 8] = rng.bytes(8) if rng.random() < 0.5 else b"\xff" * 7 + b"\x7f"
        yield sealed(blob, json.dumps(header).encode(), bytes(data))


def sealed(blob, text, arrays):
    """A snapshot of the same kind with another header and arrays, and the checksum for it."""
    first = blob.partition(b"\n")[0]
    body = text + b"\n" + arrays
    return b"\n".join([first, hashlib.sha256(body).hexdigest().encode(), body])


def bombs(blob):
    """Yields sealed copies that would take much time or memory, were they believed."""
    _, _, body = blob.split(b"\n", 2)
    text, _, arrays = body.partition(b"\n")
    header = json.loads(text)
    yield sealed(blob, b"[" * 100_000, arrays)
    yield sealed(blob, b'{"a":' * 100_000, arrays)
    yield sealed(blob, b" " * 2**23 + text, arrays)
    yield sealed(blob, text.replace(b"1", b"1" * 5000), arrays)
    yield sealed(blob, b"\xff\xfe" + text, arrays)
    yield sealed(blob, b"", b"")
    for name in header["arrays"]:
        for shape in ([2**40], [2**31, 2**31], [-1, -1], [0, 2**62], [1] * 99, 3, "9", None):
            forged = {**header, "arrays": {**header["arrays"], name: shape}}
            yield sealed(blob, json.dumps(forged).encode(), arrays)


def _change(node, rng):
    """Changes, drops or adds one entry of a JSON tree, at any depth."""
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        if not keys:
            return
        key = keys[int(rng.integers(len(keys)))]
        if not isinstance(node[key], dict | list) or not node[key] or rng.random() < 0.2:
            break
        node = node[key]
    choice = rng.random()
    if choice < 0.1:
        del node[key]
    elif choice < 0.15 and isinstance(node, dict):
        node["other"] = 1
    elif choice < 0.6:
        node[key] = NUMBERS[int(rng.integers(len(NUMBERS)))]
    elif choice < 0.8 and isinstance(node[key], int):
        node[key] += int(rng.integers(-2, 3))
    else:
        node[key] = OTHERS[int(rng.integers(len(OTHERS)))]


def _plain(*parts):
    """Scores to the last bit, for comparison."""
    return [getattr(p, f.name).tobytes() for p in parts for f in fields(Scores)]


def main():
    """Runs `scripts/fuzz snapshots`; exit code 1 where a damaged one is taken."""
    from runtime import Detector
    from toys.onnx_files import toy
    from toys.streams import DETECTOR

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("snapshots", type=int, nargs="?", default=6000)
    parser.add_argument("seed", type=int, nargs="?", default=1)
    arguments = parser.parse_args()
    wanted, seed = arguments.snapshots, arguments.seed
    every = [s for d in (DETECTOR, Detector(toy(("a", "b"), grid="rows"))) for s in subjects(d)]
    counts = Counter()
    for subject in every:
        for how in (damages, forgeries):
            rng = np.random.default_rng(seed)
            for blob in how(subject.blob, rng, -(-wanted // (2 * len(every)))):
                what = "unchanged" if blob == subject.blob else subject.outcome(blob)
                counts[how.__name__, what] += 1
    for (kind, what), number in sorted(counts.items()):
        sys.stdout.write(f"{kind:<12} {what:<20} {number}\n")
    sys.exit(any(k == "damages" and w not in ("unchanged", "refused") for k, w in counts))


if __name__ == "__main__":
    main()
