"""Detector files and what can be done to them: bytes, fields, metadata, vectors.

Damage is made from a seed alone. Where it is done to entries, the hashes are written anew, so that
what reads the entries is tried and not the hash.
"""

import base64
import hashlib
import json
from contextlib import suppress
from copy import deepcopy
from pathlib import Path

import numpy as np

from runtime.alarms.calibration_rows import CalibrationRows
from runtime.model.arrays import pack_text, unpack_text
from runtime.model.container import read_container, seal
from runtime.model.detector import Detector
from runtime.model.policy import AlarmPolicy
from toys.onnx_files import toy, upgraded

GOLDEN = Path(__file__).parents[1] / "golden"
WEIGHTS = {
    "bytes": 30,
    "fields": 15,
    "metadata": 30,
    "text": 10,
    "vectors": 15,
}
"""Kinds of damage, and how many of a hundred files have it."""
REWRITTEN = {"graph": 1, "schema1": 1}
"""Kinds that no hash can find: whoever damages the graph writes the hash anew, or there is none."""
ODD = (
    *(None, True, False, 0, -1, 1, 2, 7, 1.5, -0.0, 1e-300, 1e300, 10**18, 2**63, 10**400),
    *("", "1", "NaN", "x", "\ud800", "a\nb", "\0", "x" * 5000, "1/week", "count", "0" * 64),
    *([], {}, [1], [[]], {"a": 1}, [None] * 50, float("nan"), float("inf")),
)


class Base:
    """An intact file in its parts, and what it scores."""

    def __init__(self, content):
        self.content = content
        entries = read_container(content).entries
        bare = b"".join(_entry(key, value) for key, value in entries.items())
        assert content.endswith(bare), "onnx writes the entries last"
        self.graph = content[: len(content) - len(bare)]
        self.entries = entries
        detector = Detector(content)
        rng = np.random.default_rng(5)
        self.x = rng.normal(20, 3, (2, 5, len(detector.metadata.inputs))).astype(np.float32)
        self.x[0, 3, 0] = np.nan
        self.state = detector.initial_state(2)
        self.expected = detector.call(self.x, self.state)

    def rebuilt(self, entries, graph=None):
        """Bytes of a file with these entries and the hashes that it would have."""
        graph = self.graph if graph is None else graph
        with suppress(ValueError, AttributeError, RecursionError):
            raw = json.loads(entries["kad"])
            if raw.get("graph_sha256") == json.loads(self.entries["kad"]).get("graph_sha256"):
                digest = hashlib.sha256(graph).hexdigest()
                entries["kad"] = entries["kad"].replace(raw["graph_sha256"], digest)
        with suppress(UnicodeEncodeError):
            entries = seal(entries)
        return graph + b"".join(_entry(key, value) for key, value in entries.items())


def bases():
    """The intact files: a toy with everything, a detector, and one of schema 1."""
    rows = CalibrationRows.of([np.arange(40) % 9 / 3.0], rows=40).to_dict()
    whole = toy(
        ("a", "b"),
        ("time_of_day_sin",),
        alarm=AlarmPolicy(refractory_steps=7, habituation_steps=3),
        calibration={"rows": 40, "quantiles": {"0.5": 1.25}, "severest": rows},
        training={"rows": 600, "grid": {"received": 600}, "versions": {"kad": "0.1.0"}},
    )
    return {
        "toy": Base(whole),
        "gaussian": Base(upgraded((GOLDEN / "detectors" / "gaussian.onnx").read_bytes())),
        "schema1": Base((GOLDEN / "schema1.onnx").read_bytes()),
    }


def damaged(intact, rng, weights):
    """Returns a kind of damage, the file it was done to, and the damaged file."""
    kind = rng.choices(list(weights), weights.values())[0]
    name = "toy"
    if kind in ("bytes", "fields"):
        name = rng.choice(("toy", "gaussian"))
    elif kind == "schema1":
        name = "schema1"
    base = intact[name]
    entries = dict(base.entries)
    if kind in ("bytes", "schema1"):
        content = _bytes(base.content, rng)
    elif kind == "fields":
        content = _fields(base.content, rng, depth=rng.randrange(5))
    elif kind == "graph":
        if rng.random() < 0.5:
            flipped = bytearray(base.graph)
            flipped[rng.randrange(len(flipped))] ^= 1 << rng.randrange(8)
            graph = bytes(flipped)
        else:
            graph = _fields(base.graph, rng, depth=rng.randrange(1, 5))
        content = base.rebuilt(entries, graph)
    elif kind == "metadata":
        raw = json.loads(entries["kad"])
        for _ in range(rng.choice((1, 1, 1, 2, 4))):
            raw = _tree(raw, rng)
        entries["kad"] = json.dumps(raw, ensure_ascii=rng.random() < 0.5)
        content = base.rebuilt(entries)
    elif kind == "text":
        text = _bytes(entries["kad"].encode(), rng)
        entries["kad"] = text.decode(errors="replace")
        content = base.rebuilt(entries)
    else:
        key = rng.choice(("kad.golden", "kad.golden", "kad.warm"))
        entries[key] = _vectors(entries[key], rng)
        content = base.rebuilt(entries)
    return kind, base, content


def _bytes(content, rng):
    """Flips, cuts, inserts, deletes or swaps."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 8))):
        if not data:
            break
        at, size = rng.randrange(len(data)), rng.choice((1, 2, 3, 16, 300))
        way = rng.randrange(7)
        if way < 2:
            data[at] ^= 1 << rng.randrange(8)
        elif way == 2:
            data[at] = rng.randrange(256)
        elif way == 3:
            del data[at:]
        elif way == 4:
            data[at:at] = rng.randbytes(size)
        elif way == 5:
            del data[at : at + size]
        else:
            other = rng.randrange(len(data))
            data[at : at + size], data[other : other + size] = (
                data[other : other + size],
                data[at : at + size],
            )
    return bytes(data)


def _fields(content, rng, depth):
    """Leaves out, doubles, swaps or renumbers a field of a message inside the file."""
    try:
        fields = list(_split(content))
    except IndexError:
        fields = []
    if not fields:
        return _bytes(content, rng)
    at = rng.randrange(len(fields))
    number, wire, body = fields[at]
    way = rng.randrange(6)
    if depth and wire == 2:
        fields[at] = number, wire, _fields(body, rng, depth - 1)
    elif way == 0:
        del fields[at]
    elif way == 1:
        fields.insert(rng.randrange(len(fields) + 1), fields[at])
    elif way == 2:
        other = rng.randrange(len(fields))
        fields[at], fields[other] = fields[other], fields[at]
    elif way == 3:
        fields[at] = rng.choice((number + 1, 5, 13, 14, 20, 25, 2**20)), wire, body
    elif way == 4:
        fields[at] = number, rng.randrange(8), body
    else:
        fields[at] = number, wire, _bytes(body, rng)
    return b"".join(_field(*field) for field in fields)


def _tree(raw, rng):
    """Changes one value, somewhere in some JSON."""
    places = [()]
    for place in places:
        item = _at(raw, place)
        if isinstance(item, dict):
            places += [(*place, key) for key in item]
        elif isinstance(item, list):
            places += [(*place, i) for i in range(len(item))]
    place = rng.choice(places[1:] or places)
    if not place:
        return deepcopy(rng.choice(ODD))
    holder, key = _at(raw, place[:-1]), place[-1]
    value, way = holder[key], rng.randrange(6)
    if way == 0:
        del holder[key]
    elif way == 1 and isinstance(value, str) and value:
        at = rng.randrange(len(value))
        holder[key] = value[:at] + rng.choice((" ", "9", "-", ".", "")) + value[at + 1 :]
    elif way == 1 and isinstance(value, int | float):
        holder[key] = value * rng.choice((0, -1, 0.5, 2, 3, 1e9, 1 + 1e-9))
    elif way == 2:
        holder[key] = deepcopy(_at(raw, rng.choice(places)))
    elif way == 3 and isinstance(holder, dict):
        holder[rng.choice(("name", "schema", "extra", key + "s"))] = value
    elif way == 3:
        holder.append(value)
    else:
        holder[key] = deepcopy(rng.choice(ODD))
    try:
        json.dumps(raw)
    except (ValueError, RecursionError):
        return [raw["detector"]] if isinstance(raw, dict) and "detector" in raw else []
    return raw


def _vectors(text, rng):
    """Changes golden vectors or a warm state: their text, their bytes, or their arrays."""
    way = rng.randrange(4)
    if way == 0:
        return _bytes(text.encode(), rng).decode(errors="replace")
    if way == 1:
        return base64.b64encode(_bytes(base64.b64decode(text), rng)).decode()
    arrays = unpack_text(text, most_bytes=2**24)
    name = rng.choice(list(arrays))
    array = arrays[name]
    change = rng.randrange(9)
    if change == 0:
        del arrays[name]
    elif change == 1:
        arrays["other"] = array
    elif change == 2:
        with np.errstate(all="ignore"):
            arrays[name] = array.astype(rng.choice(("f8", "f2", "i4", ">f4", "U8", "?")))
    elif change == 3:
        arrays[name] = array[:0] if rng.random() < 0.5 else array[..., :1]
    elif change == 4:
        arrays[name] = np.concatenate([array, array])
    elif change == 5:
        arrays[name] = array.T if rng.random() < 0.5 else array.ravel()
    elif change == 6:
        arrays[name] = np.zeros((1, rng.choice((10**3, 10**6)), 3), np.float32)
    else:
        flat = array.copy().reshape(-1)
        flat[rng.randrange(len(flat))] = rng.choice((0, 1, -1, np.nan, np.inf, 3e38, 20.5))
        arrays[name] = flat.reshape(array.shape)
    return pack_text(arrays)


def _at(raw, place):
    for key in place:
        raw = raw[key]
    return raw


def _varint(value):
    more = _varint(value >> 7) if value > 127 else b""
    return bytes([value & 127 | (128 if more else 0)]) + more


def _field(number, wire, body):
    return _varint(number << 3 | wire) + (_varint(len(body)) if wire == 2 else b"") + body


def _entry(key, value):
    parts = _field(1, 2, key.encode()), _field(2, 2, value.encode(errors="surrogatepass"))
    return _field(14, 2, b"".join(parts))


def _split(content):
    """Yields number, wire type and content of each field; IndexError where there are none."""
    at = 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = content[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(content):
        tag, start = number(), at
        wire = tag & 7
        if wire == 0:
            number()
        elif wire == 2:
            size = number()
            start, at = at, at + size
        elif wire in (1, 5):
            at += 8 if wire == 1 else 4
        else:
            raise IndexError(at)
        if at > len(content):
            raise IndexError(at)
        yield tag >> 3, wire, content[start:at]
