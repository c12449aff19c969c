"""A file or a pipe as lines of text, as many at a time as have arrived."""

from collections.abc import Iterator
from typing import BinaryIO

from runtime.errors import InputError

_READ_SIZE = 1 << 18
_LINE_LIMIT = 1 << 24


class Lines:
    """Reads whole lines.

    Args:
        file: The open file or pipe, binary.
        name: What to call it in messages.
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._read = getattr(file, "read1", file.read)
        self.name = name
        self.row = 1
        """Number of the next line; its reader counts on."""

    def head(self) -> bytes:
        """Returns what begins with the first line that is not blank, without a byte order mark.

        Raises:
            InputError: Nothing, no lines, or another encoding than UTF-8.
        """
        head = b""
        while not head.strip() or b"\n" not in head.lstrip():
            chunk = self._read(_READ_SIZE)
            if not chunk:
                break
            head += chunk
            if len(head) > _LINE_LIMIT:
                raise InputError(f"{self.name} must be CSV or JSON lines. Received: no lines.")
        if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise InputError(
                f"{self.name} must be UTF-8. Received: UTF-16. Save it as CSV with UTF-8."
            )
        head = head.removeprefix(b"\xef\xbb\xbf")
        if not head.strip():
            raise InputError(
                f"{self.name} must be CSV with a header, or JSON lines. Received: an empty file."
            )
        return head

    def texts(self, head: bytes, *, quotes: bool) -> Iterator[str]:
        """Yields whole lines, as many as have arrived.

        Args:
            head: From `head`.
            quotes: Whether a line break within quotes does not end a row.

        Raises:
            InputError: A line without an end, or another encoding than UTF-8.
        """
        held, chunk = head, head
        while chunk:
            cut = held.rfind(b"\n") + 1
            # A line break within quotes does not end a row.
            if cut and not (quotes and held.count(b'"', 0, cut) % 2):
                yield self._decoded(held[:cut])
                held = held[cut:]
            elif len(held) > _LINE_LIMIT:
                raise InputError(
                    f"{self.name} must have rows shorter than {_LINE_LIMIT >> 20} MB. Received: "
                    f"a longer one from row {self.row} on. Look for a quote that is not closed."
                )
            chunk = self._read(_READ_SIZE)
            held += chunk
        if held.strip():
            yield self._decoded(held)

    def _decoded(self, raw: bytes) -> str:
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            row = self.row + raw.count(b"\n", 0, error.start)
            raise InputError(
                f"{self.name} must be UTF-8. Received: byte {raw[error.start]:#04x} in row "
                f"{row}. Save it as CSV with UTF-8."
            ) from error
