"""What sinks share that write lines to files."""

import struct
from collections.abc import Callable, Sequence

from runtime.gateway.sinks.line_file import LineFile

__all__ = ["LineSink"]

_LENGTH = struct.Struct("<I")


class LineSink:
    """A sink over files of lines; see `Sink` and `Resuming`. It writes by itself.

    Args:
        name: As in the configuration.
        files: All that it writes to, in an order that stays.
        marked: Returns whole lines of its own, each saying that it may have been written before.
    """

    def __init__(
        self, name: str, files: Sequence[LineFile], *, marked: Callable[[bytes], bytes]
    ) -> None:
        self.name = name
        self._files, self._marked = tuple(files), marked

    def tick(self) -> None:
        """Tries again to write what is kept."""
        for one in self._files:
            one.tick()

    def pending(self) -> bytes:
        """Returns the lines that are kept, as they are to be written in the next life."""
        every = [one.pending(self._marked) for one in self._files]
        if not any(every):
            return b""
        return b"".join(_LENGTH.pack(len(one)) + one for one in every)

    def resume(self, pending: bytes) -> None:
        """Takes what `pending` returned in an earlier life; before all outputs."""
        at = 0
        for one in self._files:
            if at + _LENGTH.size > len(pending):
                return
            (length,) = _LENGTH.unpack_from(pending, at)
            at += _LENGTH.size + length
            one.resume(pending[at - length : at])

    @property
    def acknowledged(self) -> int:
        """All outputs up to this sequence number were written, or dropped."""
        return min(one.acknowledged for one in self._files)

    @property
    def waiting(self) -> int:
        """Lines that are kept."""
        return sum(one.waiting for one in self._files)

    @property
    def fullness(self) -> float:
        """Share of `kept_bytes` in use; who would rather wait than drop stops below 1."""
        return max(one.fullness for one in self._files)

    @property
    def dropped(self) -> int:
        """Lines that were dropped."""
        return sum(one.dropped for one in self._files)

    @property
    def trouble(self) -> str:
        """Why nothing is written; empty: all is well."""
        return "; ".join(filter(None, (one.trouble for one in self._files)))

    def close(self, timeout_s: float) -> None:  # noqa: ARG002 - of the protocol
        """Writes what is kept, where it can, and closes the files."""
        for one in self._files:
            one.close()
