"""Lines of a pipe as messages: JSON lines, or line protocol from Telegraf."""

import os
import select
import threading
import time
from collections import Counter, deque
from collections.abc import Sequence
from contextlib import suppress

from runtime.gateway.samples import Message

__all__ = ["StdinSource"]

_BLOCK = 1 << 18
_POLL_MS = 200
_OVERHEAD = 200
"""Bytes that a message takes beside its payload, so that empty ones are bounded too."""


class StdinSource:
    """A pipe's lines, each a message; what is in the pipe at its end is still given.

    One thread reads in large blocks, and stops reading while `most_bytes` wait: the other side then
    blocks in its write, as a pipe is meant to. A line over the limit is skipped up to the next one.
    There is nothing to acknowledge.

    Args:
        name: As in the configuration.
        fd: Descriptor to read; it is not closed.
        line_bytes: The longest line, without its end.
        most_bytes: How many bytes of messages may wait for `receive`.
    """

    def __init__(
        self,
        name: str = "stdin",
        *,
        fd: int = 0,
        line_bytes: int = 1 << 20,
        most_bytes: int = 1 << 24,
    ) -> None:
        self.name = name
        self.counts: Counter[str] = Counter()
        """`line_too_long`: lines that were skipped; `bytes_skipped`: theirs."""
        self._fd = fd
        self._limit = line_bytes
        self._most = most_bytes
        self._lines: deque[Message] = deque()
        self._bytes = 0
        self._token = 0
        self._held = b""
        self._skipping = False
        self._trouble = ""
        self._done = False
        self._closed = False
        self._change = threading.Condition()
        self._wake_read, self._wake_write = os.pipe()
        self._thread = threading.Thread(target=self._run, name=f"source {name}", daemon=True)
        self._thread.start()

    def receive(self, most: int, wait_s: float) -> Sequence[Message]:
        """Returns the lines that have come, at most `most`; waits up to `wait_s` for the first."""
        with self._change:
            self._change.wait_for(lambda: self._lines or self._done or self._closed, wait_s)
            given = [self._lines.popleft() for _ in range(min(most, len(self._lines)))]
            if given:
                self._bytes -= sum(len(message.payload) + _OVERHEAD for message in given)
                self._change.notify_all()
            return given

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Does nothing: a pipe has forgotten them."""

    @property
    def ended(self) -> bool:
        """Whether the pipe is at its end, and all of it was received."""
        with self._change:
            return (self._done or self._closed) and not self._lines

    @property
    def trouble(self) -> str:
        """Why it cannot be read; empty: all is well."""
        return self._trouble

    def close(self, timeout_s: float) -> None:
        """Stops reading; lines that wait can still be received."""
        with self._change:
            if self._closed:
                return
            self._closed = True
            self._change.notify_all()
        with suppress(OSError):
            os.write(self._wake_write, b"x")
        self._thread.join(timeout_s)
        if not self._thread.is_alive():
            os.close(self._wake_read)
            os.close(self._wake_write)

    def _run(self) -> None:
        try:
            while not self._closed and self._ready():
                block = os.read(self._fd, _BLOCK)
                if not block:
                    break
                self._take(block)
        except (OSError, ValueError) as error:
            self._trouble = f"{self.name} cannot be read: {error}."
        with self._change:
            if not self._closed and (self._held or self._skipping):
                held, self._held = self._held, b""
                self._put([held], time.time_ns())
            self._done = True
            self._change.notify_all()

    def _ready(self) -> bool:
        """Waits until there is something to read; False: it is closed."""
        if not hasattr(select, "poll"):
            return True  # Windows: a read cannot be left, the thread ends with the process
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        poll.register(self._wake_read, select.POLLIN)
        while not self._closed:
            if any(fd == self._fd for fd, _ in poll.poll(_POLL_MS)):
                return True
        return False

    def _take(self, block: bytes) -> None:
        now_ns = time.time_ns()
        *lines, rest = block.split(b"\n")
        if lines:
            lines[0] = self._held + lines[0]
            self._held = rest
        else:
            self._held += rest
        with self._change:
            if lines:
                self._put(lines, now_ns)
            if len(self._held) > self._limit:
                self.counts["bytes_skipped"] += len(self._held)
                self._held, self._skipping = b"", True
            self._change.wait_for(lambda: self._bytes < self._most or self._closed)

    def _put(self, lines: list[bytes], now_ns: int) -> None:
        for raw in lines:
            line = raw.removesuffix(b"\r")
            if self._skipping or len(line) > self._limit:
                self.counts["line_too_long"] += 1
                self.counts["bytes_skipped"] += len(raw)
                self._skipping = False
            elif line and not line.isspace():
                self._token += 1
                self._bytes += len(line) + _OVERHEAD
                self._lines.append(Message(payload=line, token=self._token, arrived_ns=now_ns))
        self._change.notify_all()
