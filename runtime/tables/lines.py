"""A file or a pipe as whole lines of text, as many at a time as have arrived."""

import re
from collections.abc import Collection, Iterator, Sequence
from typing import BinaryIO

from runtime.errors import InputError

__all__ = ["Lines"]

_READ_SIZE = 1 << 18
_LINE_LIMIT = 1 << 24
_PROBED = 2000
_MOST_TITLES = 50
_ROW = re.compile(r"\s*[\"'+-]?\d.*[,;\t|]|\{")
_APOSTROPHES = re.compile(r"(^|[,;\t|]) *'((?:[^']|'')*)'(?= *(?:[,;\t|]|$))")
_UNSEEN = "\ufeff\u200b\u200e\u200f\u2060"
_TEXT = re.compile(r"(^|[,;\t|])'(?=\d[\d .T+-]*[:/-][\d .:/TZ+-]*(?:[,;\t|]|$))")
_KEPT = re.compile(r'(^|[,;\t])="', re.MULTILINE)


class Lines:
    """Reads whole lines: UTF-8, UTF-16 or Windows-1252, ended by LF, CRLF or CR.

    Zero bytes, with which a file is padded after a power cut, are taken away and counted.

    Args:
        file: The open file or pipe, binary.
        name: What to call it in messages.
        live: Lines are handed on as they arrive.
    """

    def __init__(self, file: BinaryIO, name: str, *, live: bool = False) -> None:
        self._read = getattr(file, "read1", file.read)
        self.name = name
        self.row = 1
        """Number of the next line; its reader counts on."""
        self.zeros = 0
        """Zero bytes that were taken away."""
        self.encoding = "utf-8"
        """What the text is written in."""
        self.is_whole = True
        """Whether the last line was ended; known at the end."""
        self._is_plain = True
        self._begun = False
        self._live = live
        self._held = b""

    def head(self, wanted: Collection[str] = ()) -> list[str]:
        """Returns the first lines: up to two thousand of a file, of a pipe no more than needed.

        Args:
            wanted: Columns of the header; a pipe's first lines are taken until they have come.

        Raises:
            InputError: Nothing, or no lines.
        """
        self._held = self._first()
        self.encoding, mark = _encoding(self._held)
        self._held = self._held[mark:]
        lines: list[str] = []
        for some in self._chunks(first=True):
            lines += some
            stated = [line for line in lines if line.strip()]
            if len(stated) > _PROBED or (self._live and _is_begun(stated, wanted)):
                break
        if not any(line.strip() for line in lines):
            raise InputError(
                f"{self.name} must be CSV with a header, or JSON lines. Received: an empty file."
            )
        return lines

    def batches(self, head: list[str]) -> Iterator[list[str]]:
        """Yields whole lines, those of `head` first.

        Raises:
            InputError: A line without an end, or text in no encoding that is read.
        """
        self._begun = True
        yield head
        yield from self._chunks(first=False)

    def _first(self) -> bytes:
        chunk: bytes = self._read(_READ_SIZE)
        head = chunk
        while chunk and len(head) < 4:
            chunk = self._read(_READ_SIZE)
            head += chunk
        return head

    def _chunks(self, *, first: bool) -> Iterator[list[str]]:
        chunk = self._held
        while chunk or not first:
            if not first:
                chunk = self._read(_READ_SIZE)
                self._held += chunk
                if not chunk:
                    break
            first = False
            cut = self._cut()
            if cut:
                raw, self._held = self._held[:cut], self._held[cut:]
                yield self._lines(raw)
            elif len(self._held) > _LINE_LIMIT:
                raise InputError(
                    f"{self.name} must have lines shorter than {_LINE_LIMIT >> 20} MB. Received: "
                    f"a longer one from row {self.row} on. Is it a table?"
                )
        if self._held:
            raw, self._held = self._held, b""
            self.is_whole = False
            yield self._lines(raw)

    def _cut(self) -> int:
        """Returns how many bytes end with whole lines."""
        held = self._held
        if self.encoding.startswith("utf-16"):
            end = "\n".encode(self.encoding)
            at = held.rfind(end)
            while at % 2 and at >= 0:
                at = held.rfind(end, 0, at + 1)
            return at + 2 if at >= 0 else 0
        # A CR at the end may be the first half of a CRLF.
        return max(held.rfind(b"\n"), held.rfind(b"\r", 0, len(held) - 1)) + 1

    def _lines(self, raw: bytes) -> list[str]:
        text = self._decoded(raw)
        if "\0" in text:
            self.zeros += text.count("\0")
            text = text.replace("\0", "")
        # Marks of files that were put one behind the other, and what nobody sees.
        for mark in _UNSEEN if not text.isascii() else "":
            text = text.replace(mark, "")
        if '="' in text:
            # How exports keep spreadsheets from changing a cell: ="20.1".
            text = _KEPT.sub(r'\1"', text)
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        lines = text.removesuffix("\n").split("\n")
        return [*map(_quoted, lines)] if "'" in text else lines

    def _decoded(self, raw: bytes) -> str:
        try:
            text = raw.decode(self.encoding, "strict" if self.encoding == "utf-8" else "replace")
        except UnicodeDecodeError as error:
            plain = self._is_plain and raw[: error.start].isascii()
            # One flipped byte, late in a stream, does not decide for all that follows.
            if plain and not (self._live and self._begun):
                self.encoding = "cp1252"
                return raw.decode(self.encoding, "replace")
            if self._live:
                return raw.decode(self.encoding, "replace")
            row = self.row + raw.count(b"\n", 0, error.start)
            raise InputError(
                f"{self.name} must be UTF-8. Received: byte {raw[error.start]:#04x} in row "
                f"{row}. Save it as CSV with UTF-8."
            ) from error
        self._is_plain = self._is_plain and text.isascii()
        return text


def _quoted(line: str) -> str:
    """Puts the cells that stand in apostrophes into quotation marks, where a line has none.

    The apostrophe by which spreadsheets keep a time as it is goes.
    """
    if "'" not in line or '"' in line:
        return line
    line = _APOSTROPHES.sub(lambda found: _in_marks(*found.groups()), line)
    return line if '"' in line else _TEXT.sub(r"\1", line)


def _in_marks(before: str, cell: str) -> str:
    return f'{before}"' + cell.replace("''", "'") + '"'


def _is_begun(stated: Sequence[str], wanted: Collection[str]) -> bool:
    """Whether lines hold the header and what follows, or rows without one."""
    if stated and stated[0].lstrip().startswith("{"):
        return True
    if len(stated) < 2:
        return False
    if len(stated) > _MOST_TITLES or not wanted or sum(map(_is_row, stated)) > 1:
        return True
    above = _letters("".join(stated[:-1]))
    return all(_letters(name) in above for name in wanted)


def _is_row(line: str) -> bool:
    return _ROW.match(line) is not None


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text))


def _encoding(head: bytes) -> tuple[str, int]:
    """Returns the encoding, and the length of its byte order mark."""
    marks = {b"\xef\xbb\xbf": "utf-8", b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
    for mark, encoding in marks.items():
        if head.startswith(mark):
            return encoding, len(mark)
    probe = head[:64]
    if len(probe) >= 16:
        if not any(probe[1::2]) and all(probe[::2]):
            return "utf-16-le", 0
        if not any(probe[::2]) and all(probe[1::2]):
            return "utf-16-be", 0
    return "utf-8", 0
