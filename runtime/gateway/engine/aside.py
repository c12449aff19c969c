"""Streams that fell silent, put aside on disk with all they have learnt until they speak again."""

import hashlib
import zlib
from pathlib import Path

from runtime.errors import InputError
from runtime.files import write_atomically

__all__ = ["Aside"]

_HEAD = 4


class Aside:
    """A folder with a file for each stream that was put aside.

    Files are named by stream and sequence number: a replay of the journal finds the state that
    there was, also where the stream has come and gone since.

    Args:
        folder: Made where it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def put(self, stream: str, sequence: int, state: bytes) -> None:
        """Keeps the state of a stream.

        Raises:
            InputError: It cannot be written.
        """
        head = zlib.crc32(state).to_bytes(_HEAD, "little")
        write_atomically(self._path(stream, sequence), head + state)

    def get(self, stream: str, sequence: int) -> bytes | None:
        """Returns what was kept; None where it is gone or damaged."""
        try:
            content = self._path(stream, sequence).read_bytes()
        except OSError:
            return None
        state = content[_HEAD:]
        whole = zlib.crc32(state).to_bytes(_HEAD, "little") == content[:_HEAD]
        return state if whole else None

    def clean(self, kept: dict[str, int], *, before: int) -> None:
        """Removes files that no replay can ask for.

        Args:
            kept: Streams that are put aside, and the sequence number of that.
            before: The journal is read from here on.
        """
        names = {self._path(stream, sequence).name for stream, sequence in kept.items()}
        for path in self._folder.glob("*.state"):
            number = path.stem.rpartition("-")[2]
            if path.name not in names and number.isdigit() and int(number) < before:
                path.unlink(missing_ok=True)

    def _path(self, stream: str, sequence: int) -> Path:
        digest = hashlib.sha256(stream.encode()).hexdigest()[:32]
        if sequence < 0:
            raise InputError(f"A sequence number must be at least 0. Received: {sequence}.")
        return self._folder / f"{digest}-{sequence}.state"
