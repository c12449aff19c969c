"""Lines to stdout or to the end of a file, in one write a batch; kept while they cannot be written.

What was written is with the operating system: it outlives the process, not a power cut. A pipe that
is full makes a write wait until its reader goes on.
"""

import os
import stat
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from runtime.errors import ConfigError, InputError, shown

__all__ = ["LineFile", "LineFileOptions"]

_LEAST_ROTATION = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class LineFileOptions:
    """Where lines go.

    Raises:
        ConfigError: A value that cannot be used.
    """

    path: str = "-"
    """A file; `-` is stdout."""
    rotate_bytes: int = 0
    """A file that has so many becomes `PATH.1`, that `PATH.2` and so on; 0: never."""
    files: int = 5
    """How many of these are kept."""
    kept_bytes: int = 8 * 2**20
    """Of lines that cannot be written, such as to a full disk; the oldest above that are dropped
    and counted."""

    def __post_init__(self) -> None:
        if not self.path:
            raise ConfigError("`path` must be a file, or - for stdout. Received: ''. Name one.")
        if self.rotate_bytes and self.rotate_bytes < _LEAST_ROTATION:
            raise ConfigError(
                f"`rotate_bytes` must be 0 or {_LEAST_ROTATION} and more. "
                f"Received: {shown(self.rotate_bytes)}. Correct it."
            )
        if self.kept_bytes < 1:
            raise ConfigError(
                f"`kept_bytes` must be 1 or more. Received: {shown(self.kept_bytes)}. Correct it."
            )
        if self.files < 1:
            raise ConfigError(
                f"`files` must be 1 or more. Received: {shown(self.files)}. Correct it."
            )


class _Batch(NamedTuple):
    sequence: int
    lines: int
    content: bytes
    is_own: bool = True
    """Not passed on as it came."""
    lead: bytes = b""
    """What is written of the line with which `content` goes on."""


class LineFile:
    """Appends lines, and starts a new file at a size, or where somebody moved the old one.

    Args:
        options: Where lines go.
        header: Returns the first line of a new file, or nothing.

    Raises:
        InputError: The file cannot be opened, or stdout is closed.
    """

    def __init__(self, options: LineFileOptions, *, header: Callable[[], bytes] = bytes) -> None:
        self._options = options
        self._header = header
        self._path = None if options.path == "-" else Path(options.path)
        self._kept: deque[_Batch] = deque()
        self._kept_bytes = 0
        self._written = 0
        self._acknowledged = 0
        self._passed = 0
        """Sequence number of the last batch that was done with."""
        self._dropped = 0
        self._trouble = ""
        self._ended = False
        self._torn = False
        """Whether a line before has no end."""
        self._fresh = True
        """Whether the header is missing."""
        self._begun = False
        """Whether a part of the first batch is written."""
        self._descriptor = -1
        try:
            self._open()
        except (OSError, ValueError, AttributeError) as error:
            reason = getattr(error, "strerror", None) or "a closed one"
            raise InputError(
                f"The sink's output must be a file that can be written, or an open stdout. "
                f"Received: {options.path}: {reason}. Name another."
            ) from error

    def write(self, sequence: int, content: bytes, *, is_own: bool = True) -> None:
        """Writes whole lines, or keeps them.

        Args:
            sequence: Of the outputs that they are of.
            content: Lines, each with its end; none: the outputs had nothing to say here.
            is_own: Whether they are made here: others are passed on as they came.
        """
        self._written = max(self._written, sequence)
        if content:
            self._kept.append(_Batch(sequence, content.count(b"\n"), content, is_own))
            self._kept_bytes += len(content)
        self._pass_on()
        while self._kept_bytes > self._options.kept_bytes and len(self._kept) > 1:
            self._drop()
        if not self._kept:
            self._acknowledged = self._passed = self._written

    def tick(self) -> None:
        """Tries again to write what is kept."""
        if self._kept:
            self.write(self._written, b"")

    def pending(self, marked: Callable[[bytes], bytes]) -> bytes:
        """Returns the lines that are kept, whole.

        Args:
            marked: Returns lines of our own as they are where they may have been written before.
        """
        every = [(batch.is_own, batch.lead + batch.content) for batch in self._kept]
        return b"".join(marked(lines) if is_own else lines for is_own, lines in every)

    def resume(self, lines: bytes) -> None:
        """Takes what `pending` returned in an earlier life; before all others."""
        self.write(0, lines)

    @property
    def acknowledged(self) -> int:
        """All up to this sequence number was written, or dropped."""
        return self._acknowledged

    @property
    def waiting(self) -> int:
        """Lines that are kept."""
        return sum(batch.lines for batch in self._kept)

    @property
    def fullness(self) -> float:
        """Share of `kept_bytes` in use: at 1 the next lines make the oldest drop."""
        return self._kept_bytes / self._options.kept_bytes

    @property
    def dropped(self) -> int:
        """Lines that were dropped."""
        return self._dropped

    @property
    def trouble(self) -> str:
        """Why nothing is written; empty: all is well."""
        return self._trouble

    def close(self) -> None:
        """Writes what is kept, where it can, and closes a file; stdout stays open."""
        self._pass_on()
        if self._path is not None and self._descriptor >= 0:
            with suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = -1
        self._ended = True

    def _pass_on(self) -> None:
        while self._kept:
            if self._ended:
                self._drop()
                continue
            try:
                self._settle_file(len(self._kept[0].content))
                batch = self._kept[0]
                self._put(batch)
            except BrokenPipeError:
                self._ended = True
                self._trouble = "nobody reads the output any more"
                continue
            except OSError as error:
                self._trouble = f"{self._options.path} cannot be written: {error.strerror or error}"
                return
            self._trouble = ""
            self._kept.popleft()
            self._kept_bytes -= len(batch.content)
            self._pass(batch.sequence)

    def _drop(self) -> None:
        batch = self._kept.popleft()
        self._kept_bytes -= len(batch.content)
        self._dropped += batch.lines
        self._torn, self._begun = self._torn or self._begun, False
        self._pass(batch.sequence)

    def _pass(self, sequence: int) -> None:
        """A batch is done with: all before its sequence number is, others may have the same."""
        if sequence > self._passed:
            self._acknowledged = max(self._acknowledged, self._passed)
            self._passed = sequence

    def _put(self, batch: _Batch) -> None:
        """Writes all of a batch; what an error leaves of it goes on where that one ended."""
        content = batch.content
        if self._torn:
            content = b"\n" + content
        if self._fresh:
            content = self._header() + content
        view = memoryview(content)
        done = 0
        try:
            while done < len(view):
                done += os.write(self._descriptor, view[done:])
        except OSError:
            if done:
                rest, passed = bytes(view[done:]), bytes(view[:done])
                _, end, line = passed.rpartition(b"\n")
                self._kept[0] = batch._replace(
                    content=rest,
                    lines=rest.count(b"\n"),
                    lead=line if end else batch.lead + line,
                )
                self._kept_bytes += len(rest) - len(batch.content)
                self._begun, self._torn, self._fresh = True, False, False
            raise
        self._begun = self._torn = self._fresh = False

    def _settle_file(self, coming: int) -> None:
        """Opens the file anew where it was moved or has become too large."""
        if self._path is None:
            return
        if self._descriptor >= 0:
            here = os.fstat(self._descriptor)
            if not stat.S_ISREG(here.st_mode):
                return
            limit = self._options.rotate_bytes
            full = limit and here.st_size and here.st_size + coming > limit and not self._begun
            if not full and self._is_ours(here):
                return
            os.close(self._descriptor)
            self._descriptor = -1
            if full and self._path.exists():
                self._rotate()
        if self._begun:
            self._give_up_line()
        self._open()

    def _give_up_line(self) -> None:
        """Drops the rest of a line whose beginning is in another file."""
        first = self._kept[0]
        rest = first.content.partition(b"\n")[2]
        self._kept[0] = first._replace(content=rest, lines=rest.count(b"\n"), lead=b"")
        self._kept_bytes += len(rest) - len(first.content)
        self._dropped += 1
        self._begun = False

    def _is_ours(self, here: os.stat_result) -> bool:
        try:
            there = Path(self._options.path).stat()
        except FileNotFoundError:
            return False
        return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)

    def _rotate(self) -> None:
        path = self._options.path
        for number in range(self._options.files, 0, -1):
            older = Path(path if number == 1 else f"{path}.{number - 1}")
            if older.exists():
                older.replace(f"{path}.{number}")

    def _open(self) -> None:
        if self._path is None:
            sys.stdout.flush()
            self._descriptor = sys.stdout.fileno()
            self._fresh = True
            return
        flags = os.O_APPEND | os.O_CREAT | os.O_RDWR
        if self._path.exists() and not self._path.is_file():
            flags = os.O_WRONLY
        self._descriptor = os.open(self._path, flags | getattr(os, "O_BINARY", 0), 0o644)
        self._fresh = self._torn = False
        here = os.fstat(self._descriptor)
        if not stat.S_ISREG(here.st_mode) or not here.st_size:
            self._fresh = True
        else:
            os.lseek(self._descriptor, here.st_size - 1, os.SEEK_SET)
            self._torn = os.read(self._descriptor, 1) != b"\n"
