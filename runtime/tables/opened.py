"""Opening a table: plain, compressed, or something else that has to be exported first."""

import gzip
import importlib
import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from runtime.errors import InputError

__all__ = ["PARQUET_MAGICS", "open_table"]

PARQUET_MAGICS = (b"PAR1", b"ARROW1")
_EXCEL = "In Excel, choose Save as, CSV UTF-8; in LibreOffice, Save as, Text CSV."
_START = 512
_ARCHIVES = (b"\x1f\x8b", b"PK\x03\x04", b"\x28\xb5\x2f\xfd")
_TAR = b"ustar"
_OTHERS = {
    b"\xd0\xcf\x11\xe0": f"an Excel file (.xls). {_EXCEL}",
    b"SQLite format 3": "a SQLite database. Export the table as CSV.",
    b"\x89HDF\r\n": "an HDF5 file. Export the table as CSV.",
    b"\x93NUMPY": "a NumPy array. Save it with numpy.savetxt, with a header.",
    b"%PDF": "a PDF document. Export the table as CSV.",
    b"BZh": "a bzip2 archive. Unpack it, or compress it with gzip.",
    b"\xfd7zXZ": "an xz archive. Unpack it, or compress it with gzip.",
    b"7z\xbc\xaf": "a 7-Zip archive. Unpack it, or compress it with gzip.",
    _TAR: "a tar archive. Unpack it.",
    b"TDSm": "a TDMS file. Export it as CSV.",
}


@contextmanager
def open_table(path: str | Path) -> Iterator[BinaryIO]:
    """Opens a table: `.gz`, `.zip` with one file and, where Python has it, `.zst` are unpacked.

    What a file is, its first bytes say, not its name.

    Raises:
        InputError: It cannot be opened, or is no text; the message says how to export it.
    """
    try:
        file = Path(path).open("rb")  # noqa: SIM115 - closed below
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(
            f"The data must be a CSV or JSON-lines file that can be read. "
            f"Received: {path}, {reason}."
        ) from error
    with file:
        # A pipe may bring less than was asked for; peeking takes nothing from it.
        start = file.peek(_START)[:_START] if Path(path).is_file() else b""
        if start[:2] == b"\x1f\x8b":
            with gzip.open(file) as unpacked:
                yield _checked(unpacked, path)
        elif start[:4] == b"PK\x03\x04":
            with _member(file, path) as unpacked:
                yield _checked(unpacked, path)
        elif start[:4] == b"\x28\xb5\x2f\xfd":
            with _zstd(file, path) as unpacked:
                yield _checked(unpacked, path)
        else:
            _check_text(start, path)
            yield file


def _check_text(start: bytes, path: str | Path) -> None:
    """Refuses what is no text, by its first bytes; the message says how to export it."""
    for magic, what in _OTHERS.items():
        if start.startswith(magic) or (magic == _TAR and start[257:].startswith(magic)):
            raise InputError(f"{path} must be CSV or JSON lines. Received: {what}")
    if start.startswith(PARQUET_MAGICS):
        raise InputError(
            f"{path} must be CSV or JSON lines here. Received: a Parquet or Arrow file. "
            "kad reads those (kad score, with pyarrow installed); or write it as CSV."
        )


@contextmanager
def _member(file: BinaryIO, path: str | Path) -> Iterator[Any]:
    try:
        with zipfile.ZipFile(file) as archive:
            names = [i.filename for i in archive.infolist() if not i.is_dir()]
            if any(name.startswith("xl/") for name in names):
                raise InputError(
                    f"{path} must be CSV or JSON lines. Received: an Excel file (.xlsx). {_EXCEL}"
                )
            if any(name == "content.xml" for name in names):
                raise InputError(
                    f"{path} must be CSV or JSON lines. Received: an OpenDocument file. {_EXCEL}"
                )
            tables = [n for n in names if not n.startswith("__MACOSX/")]
            if len(tables) != 1:
                raise InputError(
                    f"{path} must hold one file. Received: {len(tables)}, "
                    f"{', '.join(tables)[:200]}. Unpack the one that is meant."
                )
            with archive.open(tables[0]) as unpacked:
                yield unpacked
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        raise InputError(f"{path} cannot be unpacked: {error}.") from error


def _zstd(file: BinaryIO, path: str | Path) -> Any:
    try:
        module = importlib.import_module("compression.zstd")
    except ImportError as error:
        raise InputError(
            f"{path} is compressed with Zstandard, which Python reads from 3.14 on. Unpack it with "
            "zstd -d, or compress it with gzip."
        ) from error
    return module.open(file)


def _checked(unpacked: Any, path: str | Path) -> BinaryIO:
    file = io.BufferedReader(_Checked(unpacked, path), 1 << 18)
    start = file.peek(_START)
    if start.startswith(_ARCHIVES):
        raise InputError(f"{path} must hold a table. Received: an archive in it. Unpack it once.")
    _check_text(start, path)
    return cast("BinaryIO", file)


class _Checked(io.RawIOBase):
    """A stream whose damage is a clear error."""

    def __init__(self, stream: Any, path: str | Path) -> None:
        super().__init__()
        self._stream = stream
        self._path = path

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._stream.read(len(buffer))
        except (OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:
            raise InputError(f"{self._path} cannot be unpacked: {error}.") from error
        buffer[: len(data)] = data
        return len(data)
