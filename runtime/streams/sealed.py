"""Snapshots as bytes: two lines of text, a line of JSON, then arrays, all under a checksum.

    kad stream 3                     what it is, and the version of its form
    9f86d081…                        SHA-256 of all that follows
    {"reorder": 0, …, "arrays": {"state": [1, 12], …}}
    …                                the arrays in that order, little-endian

Nothing is compressed and nothing is executed, so that a snapshot is as large as what comes out.
"""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from runtime.errors import InputError

__all__ = ["MOST_BYTES", "damaged", "reading", "seal", "unseal"]

MOST_BYTES = 2**30
"""A snapshot is no larger."""
_MOST_HEADER = 2**22
_FIRST = {"stream": b"PK\x03\x04", "events": b'{"version": '}
"""How snapshots of version 1 began."""


def seal(kind: str, version: int, header: Mapping[str, Any], arrays: Mapping[str, Any]) -> bytes:
    """Returns a snapshot.

    Args:
        kind: What it is a snapshot of.
        version: Of its form.
        header: For JSON, without NaN.
        arrays: Numpy arrays.
    """
    shapes = {name: array.shape for name, array in arrays.items()}
    text = json.dumps({**header, "arrays": shapes}, allow_nan=False).encode()
    parts = [array.astype(array.dtype.newbyteorder("<")).tobytes() for array in arrays.values()]
    body = b"".join([text, b"\n", *parts])
    if len(text) > _MOST_HEADER or len(body) > MOST_BYTES - 200:
        raise InputError(
            f"A snapshot must not be larger than {MOST_BYTES} bytes, {_MOST_HEADER} of them names "
            f"and numbers. Received: {len(body)}, {len(text)}. Use several batches."
        )
    return f"kad {kind} {version}\n{hashlib.sha256(body).hexdigest()}\n".encode() + body


def unseal(
    kind: str, version: int, blob: object, dtypes: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """Returns the header and the arrays of a snapshot.

    Args:
        kind: What it must be a snapshot of.
        version: The version that it must have.
        blob: What `seal` returned.
        dtypes: The arrays that it must have, in order, as `f4`, `f8`, `i8` or `u1`.

    Raises:
        InputError: Anything else.
    """
    if not isinstance(blob, bytes | bytearray | memoryview):
        raise damaged(kind, blob, "no bytes")
    if memoryview(blob).nbytes > MOST_BYTES:
        raise damaged(kind, blob, f"more than {MOST_BYTES}")
    content = bytes(blob)
    first, _, rest = content[:200].partition(b"\n")
    name, _, found = first.decode("ascii", "replace").rpartition(" ")
    if kind in _FIRST and content.startswith(_FIRST[kind]):
        name, found = f"kad {kind}", "1"
    if name == f"kad {kind}" and found.isdecimal() and found != str(version):
        raise InputError(
            f"A snapshot of {_OF[kind]} must be of version {version}. Received: version "
            f"{found:.20}. {_ANEW[kind]}"
        )
    digest, _, _ = rest.partition(b"\n")
    if first != f"kad {kind} {version}".encode():
        raise damaged(kind, blob, "another beginning")
    body = content[len(first) + len(digest) + 2 :]
    if digest != hashlib.sha256(body).hexdigest().encode():
        raise damaged(kind, blob, "another checksum")
    with reading(kind, blob):
        end = body.index(b"\n", 0, _MOST_HEADER + 1)
        header: dict[str, Any] = json.loads(body[:end])
        shapes: dict[str, list[int]] = header.pop("arrays")
        if list(shapes) != list(dtypes):
            raise damaged(kind, blob, "other arrays")
        arrays, at = {}, end + 1
        for entry, dtype in dtypes.items():
            shape = tuple(shapes[entry])
            if not all(type(length) is int and 0 <= length <= MOST_BYTES for length in shape):
                raise damaged(kind, blob, "other sizes")
            count = math.prod(shape)
            array = np.frombuffer(body, f"<{dtype}", count, at) if count else np.empty(0, dtype)
            arrays[entry] = array.reshape(shape).astype(dtype)
            at += array.nbytes
        if at != len(body):
            raise damaged(kind, blob, "more than its arrays")
    return header, arrays


@contextmanager
def reading(kind: str, blob: object) -> Iterator[None]:
    """Everything that goes wrong inside says that the snapshot is none.

    Raises:
        InputError: Instead of any other error.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, _DamagedError):
            raise
        raise damaged(kind, blob, type(error).__name__) from error


class _DamagedError(InputError):
    """What `damaged` returns."""


def damaged(kind: str, blob: object, why: str) -> InputError:
    """Returns the error for bytes that `snapshot` did not return."""
    received = (
        f"{memoryview(blob).nbytes} bytes"
        if isinstance(blob, bytes | bytearray | memoryview)
        else f"a {type(blob).__name__}"
    )
    return _DamagedError(
        f"A snapshot of {_OF[kind]} must be the bytes that `snapshot` returned. "
        f"Received: {received}, {why}. {_ANEW[kind]}"
    )


_OF = {
    "stream": "a stream",
    "batch": "a batch",
    "events": "events",
    "monitor": "a monitor",
}
_ANEW = {
    "stream": "Start the stream anew.",
    "batch": "Start the batch anew.",
    "events": "Start anew.",
    "monitor": "Start the stream anew.",
}
