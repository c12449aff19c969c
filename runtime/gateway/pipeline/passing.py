"""Input that is passed on as it came, as a processor of Telegraf does."""

import threading
from collections import deque
from collections.abc import Sequence

from runtime.gateway.outputs import Outputs
from runtime.gateway.protocols import Source
from runtime.gateway.samples import Message
from runtime.gateway.sinks.line_protocol import LineProtocolSink

__all__ = ["PassingSink", "PassingSource"]


class PassingSource:
    """A source whose messages are also kept for a `PassingSink`.

    Args:
        source: The source.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self.name = source.name
        self._lock = threading.Lock()
        self._lines: deque[bytes] = deque()

    def receive(self, most: int, wait_s: float) -> Sequence[Message]:
        """As the source, see `Source`."""
        messages = self._source.receive(most, wait_s)
        with self._lock:
            self._lines.extend(message.payload for message in messages)
        return messages

    def take(self) -> bytes:
        """Returns the lines since the last call."""
        with self._lock:
            lines, self._lines = self._lines, deque()
        return b"".join(line + b"\n" for line in lines)

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """As the source."""
        self._source.acknowledge(messages)

    @property
    def ended(self) -> bool:
        """As the source."""
        return self._source.ended

    @property
    def trouble(self) -> str:
        """As the source."""
        return self._source.trouble

    def close(self, timeout_s: float) -> None:
        """As the source."""
        self._source.close(timeout_s)


class PassingSink:
    """Line protocol with the input before its scores.

    Args:
        sink: The sink.
        source: What is passed on.
    """

    def __init__(self, sink: LineProtocolSink, source: PassingSource) -> None:
        self._sink, self._source = sink, source
        self.name = sink.name

    def write(self, outputs: Outputs) -> None:
        """Writes the input so far, then the outputs."""
        self._sink.write_raw(self._source.take())
        self._sink.write(outputs)

    def tick(self) -> None:
        """Passes on what waits."""
        self._sink.write_raw(self._source.take())
        self._sink.tick()

    def pending(self) -> bytes:
        """As the sink."""
        return self._sink.pending()

    def resume(self, pending: bytes) -> None:
        """As the sink."""
        self._sink.resume(pending)

    @property
    def fullness(self) -> float:
        """As the sink."""
        return self._sink.fullness

    @property
    def dropped(self) -> int:
        """As the sink."""
        return self._sink.dropped

    @property
    def acknowledged(self) -> int:
        """As the sink."""
        return self._sink.acknowledged

    @property
    def waiting(self) -> int:
        """As the sink."""
        return self._sink.waiting

    @property
    def trouble(self) -> str:
        """As the sink."""
        return self._sink.trouble

    def close(self, timeout_s: float) -> None:
        """As the sink."""
        self._sink.write_raw(self._source.take())
        self._sink.close(timeout_s)
