"""Arrays packed as text or bytes, and unpacked without trusting them.

What `np.savez` and `np.savez_compressed` write is a zip of `.npy` members. numpy's own reader
allocates what a header declares and inflates whatever comes: here all sizes are checked before
anything is inflated, and nothing but plain numbers and text is an array.
"""

import base64
import binascii
import io
import re
import struct
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["pack_text", "unpack", "unpack_text"]

MOST_ARRAYS = 64
"""Arrays in one npz."""

_END = struct.Struct("<4s4H2LH")
_MEMBER = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_STORED, _DEFLATED = 0, 8
# Deflate cannot do better than 258 bytes of 2 bits.
_BEST_RATIO = 1_032
_NPY = b"\x93NUMPY\x01\x00"
_HEADER = re.compile(
    r"\{'descr': '([<>|][biufU]\d{1,9})', 'fortran_order': (True|False), "
    r"'shape': \(((?:\d{1,18}, ?)*(?:\d{1,18})?)\), \} *\n"
)


def pack_text(arrays: Mapping[str, npt.NDArray[Any]]) -> str:
    """Returns arrays as base64 of a compressed npz, for an entry of a detector file."""
    blob = io.BytesIO()
    np.savez_compressed(blob, allow_pickle=False, **arrays)
    return base64.b64encode(blob.getvalue()).decode("ascii")


def unpack_text(text: str, *, most_bytes: int) -> dict[str, npt.NDArray[Any]]:
    """Reads what `pack_text` wrote; see `unpack`."""
    # A third more for base64, and what a zip says about each array.
    if len(text) > 2 * most_bytes + 1_024 * MOST_ARRAYS:
        raise ValueError(f"{len(text)} characters")
    try:
        blob = base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError("text that is no base64") from None
    return unpack(blob, most_bytes=most_bytes)


def unpack(blob: bytes, *, most_bytes: int) -> dict[str, npt.NDArray[Any]]:
    """Reads an npz of numbers and text, as `np.savez` and `np.savez_compressed` write it.

    Args:
        blob: The npz.
        most_bytes: Bytes that all arrays may have together, before they are unpacked.

    Returns:
        Arrays by name; they may be written to.

    Raises:
        ValueError: Anything else: damaged, larger, of objects. The text says what came.
    """
    try:
        members = _members(blob)
        declared = sum(size for _, _, size, _ in members.values())
        if declared > most_bytes + 256 * len(members):
            raise ValueError(f"arrays of {declared} bytes")
        return {name: _array(_content(*member)) for name, member in members.items()}
    except (struct.error, zlib.error, UnicodeDecodeError):
        raise ValueError("a damaged npz") from None


def _members(blob: bytes) -> dict[str, tuple[memoryview, int, int, int]]:
    """Returns the packed bytes, method, size and checksum of each member."""
    view = memoryview(blob)
    if len(blob) < _END.size or blob[-_END.size :][:4] != b"PK\5\6":
        raise ValueError("no npz")
    _, _, _, _, count, length, start, _ = _END.unpack_from(blob, len(blob) - _END.size)
    end = len(blob) - _END.size
    if count > MOST_ARRAYS or start + length != end:
        raise ValueError(f"a damaged npz, or {count} arrays")
    members: dict[str, tuple[memoryview, int, int, int]] = {}
    at = start
    for _ in range(count):
        signature, _, _, flags, method, _, _, crc, packed, size, *rest = _MEMBER.unpack_from(
            blob, at
        )
        named, extra, comment, _, _, _, local = rest
        at += _MEMBER.size
        name = bytes(view[at : at + named]).decode()
        at += named + extra + comment
        _, *_, local_named, local_extra = _LOCAL.unpack_from(blob, local)
        data = local + _LOCAL.size + local_named + local_extra
        if (
            (signature, blob[local : local + 4]) != (b"PK\1\2", b"PK\3\4")
            or flags & 1
            or method not in (_STORED, _DEFLATED)
            or max(at, data + packed) > end
            or size > (packed if method == _STORED else _BEST_RATIO * packed)
            or not name.endswith(".npy")
            or name.removesuffix(".npy") in members
        ):
            raise ValueError("a damaged npz")
        members[name.removesuffix(".npy")] = view[data : data + packed], method, size, crc
    if at != end:
        raise ValueError("a damaged npz")
    return members


def _content(packed: memoryview, method: int, size: int, crc: int) -> bytes:
    content = bytes(packed)
    if method == _DEFLATED:
        inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        content = inflate.decompress(packed, size + 1)
    if len(content) != size or zlib.crc32(content) != crc:
        raise ValueError("a damaged npz")
    return content


def _array(content: bytes) -> npt.NDArray[Any]:
    start = len(_NPY) + 2
    if content[: len(_NPY)] != _NPY:
        raise ValueError("a member that is no array")
    end = start + int.from_bytes(content[len(_NPY) : start], "little")
    header = _HEADER.fullmatch(content[start:end].decode("latin-1"))
    if header is None:
        raise ValueError("an array that is neither numbers nor text")
    try:
        dtype = np.dtype(header[1])
    except TypeError:
        raise ValueError(f"an array of {header[1]}") from None
    shape = tuple(int(size) for size in header[3].split(",") if size.strip())
    # Python's numbers do not overflow, those of numpy do.
    count = 1
    for size in shape:
        count *= size
    if count * dtype.itemsize != len(content) - end:
        raise ValueError(f"an array of {dtype} {shape} in {len(content) - end} bytes")
    flat = np.frombuffer(content, dtype, offset=end)
    array = flat.reshape(shape[::-1]).T if header[2] == "True" else flat.reshape(shape)
    return array.copy("C")
