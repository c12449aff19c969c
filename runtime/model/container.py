"""The bytes of a detector file: its entries, the hash of its graph, what it may not have.

An ONNX file is a protobuf message. This reads as much of the wire format as the questions need,
with the standard library alone and without copying weights, before ONNX Runtime sees the file.
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple, TypeAlias

from runtime.errors import ModelFileError
from runtime.model.limits import ENTRIES, GRAPH_DEPTH

__all__ = ["SEAL_KEY", "Container", "check_seal", "graph_digest", "read_container", "seal"]

SEAL_KEY = "kad.sha256"
"""Key of the SHA-256 of kad's other entries."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_WIDTH = {_FIXED64: 8, _FIXED32: 4}
_GRAPH_FIELD, _METADATA_PROPS = 7, 14

_Fields: TypeAlias = "dict[int, _Fields | str]"

# Of each message, the fields that may hold what is refused: messages, or a reason. The numbers are
# those of onnx.proto.
_EXTERNAL: Final = "data outside the file (external data)"
_TENSOR: _Fields = {13: _EXTERNAL, 14: _EXTERNAL}
_SPARSE: _Fields = {1: _TENSOR, 2: _TENSOR}
_GRAPH: _Fields = {5: _TENSOR, 15: _SPARSE}
_ATTRIBUTE: _Fields = {5: _TENSOR, 6: _GRAPH, 10: _TENSOR, 11: _GRAPH, 22: _SPARSE, 23: _SPARSE}
_GRAPH[1] = {5: _ATTRIBUTE}
_MODEL: _Fields = {7: _GRAPH, 20: "training information", 25: "functions of its own"}


class Container(NamedTuple):
    """What the bytes of a detector file say without ONNX Runtime."""

    entries: dict[str, str]
    """The `metadata_props`."""
    graph_sha256: str
    """SHA-256 of everything else in the file; see `graph_digest`."""


class _WireError(Exception):
    """The bytes are no such message; the text says why."""


def read_container(content: bytes, name: str = "the detector") -> Container:
    """Reads the entries of a detector file, and refuses what no detector has.

    Args:
        content: The file.
        name: What to call it in errors.

    Raises:
        ModelFileError: No ONNX file, a damaged one, or one with external data, functions of its
            own or training information.
    """
    try:
        _walk(content)
        return _read(content)
    except _WireError as error:
        raise ModelFileError(
            f"{name} must be an ONNX file that kad exported. Received: {len(content)} bytes, "
            f"{error}. The file is truncated, damaged or something else: copy or export it again."
        ) from None


def graph_digest(content: bytes) -> str:
    """Returns the `graph_sha256` of an ONNX file: of all its fields but `metadata_props`.

    SHA-256, as hex, over the bytes of every field of the file's outermost message except
    `metadata_props`, each as it stands in the file (tag, length, content), in the file's order.
    """
    return read_container(content).graph_sha256


def seal(entries: Mapping[str, str]) -> dict[str, str]:
    """Returns the entries of a file with the hash that `check_seal` looks for."""
    kept = {key: value for key, value in entries.items() if key != SEAL_KEY}
    return {**kept, SEAL_KEY: _sealed(kept)}


def check_seal(entries: Mapping[str, str], name: str) -> None:
    """Checks that kad's entries are those that were exported.

    Raises:
        ModelFileError: They are not, or have no hash.
    """
    if entries.get(SEAL_KEY) != _sealed(entries):
        raise ModelFileError(
            f"The metadata of {name} must have the SHA-256 in its entry `{SEAL_KEY}`. Received: "
            f"{'another' if SEAL_KEY in entries else 'no such entry'}. The file was damaged or "
            "changed: copy or export it again."
        )


def _sealed(entries: Mapping[str, str]) -> str:
    digest = hashlib.sha256()
    for key in sorted(entries):
        if (key == "kad" or key.startswith("kad.")) and key != SEAL_KEY:
            digest.update(f"{key}\0{entries[key]}\0".encode())
    return digest.hexdigest()


def _read(content: bytes) -> Container:
    digest, has_graph = hashlib.sha256(), False
    entries: dict[str, str] = {}
    for number, start, stop, body in _top_level(content):
        has_graph |= number == _GRAPH_FIELD
        if number == _METADATA_PROPS:
            key, value = _entry(content, body, stop)
            if key in entries or len(entries) == ENTRIES:
                raise _WireError(f"the entry {key[:40]!r} twice, or more than {ENTRIES}")
            entries[key] = value
        else:
            digest.update(memoryview(content)[start:stop])
    if not has_graph:
        raise _WireError("no graph")
    return Container(entries, digest.hexdigest())


def _top_level(content: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Yields each field's number, start, end, and the start of what it holds."""
    at, end = 0, len(content)
    while at < end:
        start = at
        tag, at = _varint(content, at, end)
        body, at = _value(content, tag & 7, at, end)
        if tag >> 3 == _METADATA_PROPS and tag & 7 != _BYTES:
            raise _WireError("a field of another type")
        yield _number(tag), start, at, body


def _entry(content: bytes, at: int, end: int) -> tuple[str, str]:
    """Reads one of `metadata_props`: a key and a value."""
    found: dict[int, str] = {}
    while at < end:
        tag, at = _varint(content, at, end)
        number = _number(tag)
        body, at = _value(content, tag & 7, at, end)
        if tag & 7 != _BYTES or number not in (1, 2) or number in found:
            raise _WireError("an entry of another form")
        try:
            found[number] = content[body:at].decode()
        except UnicodeDecodeError:
            raise _WireError("an entry that is no UTF-8") from None
    return found.get(1, ""), found.get(2, "")


def _walk(content: bytes) -> None:
    """Goes through graphs, nodes and tensors; raises where one has what is refused."""
    waiting: list[tuple[int, int, _Fields, int]] = [(0, len(content), _MODEL, 0)]
    while waiting:
        at, end, fields, depth = waiting.pop()
        while at < end:
            tag = content[at]
            at += 1
            if tag > 127:
                tag, at = _varint(content, at - 1, end)
            wire = tag & 7
            if wire == _BYTES and at < end and content[at] < 128:
                # Nearly all fields of a graph are short: not worth two calls each.
                body = at + 1
                at = body + content[at]
                if at > end:
                    raise _WireError("a field beyond its end")
            else:
                body, at = _value(content, wire, at, end)
            inner = fields.get(tag >> 3)
            if isinstance(inner, dict):
                if wire != _BYTES or depth == GRAPH_DEPTH:
                    raise _WireError(f"graphs nested deeper than {GRAPH_DEPTH}, or of another type")
                waiting.append((body, at, inner, depth + 1))
            # `data_location` may say that the data is here, in as many words.
            elif inner and (wire != _VARINT or any(byte & 127 for byte in content[body:at])):
                raise _WireError(inner)
            elif tag < 8:
                raise _WireError("a field without a number")


def _number(tag: int) -> int:
    number = tag >> 3
    if not 0 < number < 2**29:
        raise _WireError("a field without a number")
    return number


def _value(content: bytes, wire: int, at: int, end: int) -> tuple[int, int]:
    """Returns where a field's content starts and ends."""
    if wire == _BYTES:
        size, body = _varint(content, at, end)
        stop = body + size
    elif wire == _VARINT:
        body, (_, stop) = at, _varint(content, at, end)
    elif wire in _WIDTH:
        body, stop = at, at + _WIDTH[wire]
    else:
        raise _WireError(f"a field of the unknown type {wire}")
    if stop > end:
        raise _WireError("a field beyond its end")
    return body, stop


def _varint(content: bytes, at: int, end: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at == end:
            break
        byte = content[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise _WireError("a number without an end")
