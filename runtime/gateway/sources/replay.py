"""A file's rows as messages, at a stated speed: for trials."""

import io
import json
import math
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from runtime.errors import InputError, KadError, MissingExtraError
from runtime.gateway.samples import Message
from runtime.tables.notes import notes_of, read_lines
from runtime.tables.opened import PARQUET_MAGICS, open_table
from runtime.tables.reader import TableReader
from runtime.tables.reading import Reading

__all__ = ["ReplaySource"]

_OLDEST_NS = 946_684_800 * 10**9
_ROWS = 512


class _Rows(NamedTuple):
    """Rows of the file."""

    times_ns: Sequence[int]
    values: Sequence[Sequence[float]]
    streams: Sequence[str] | None
    """The column that names them."""


class ReplaySource:
    """Replays a CSV, JSON-lines or Parquet file as flat JSON messages.

    A message is `{"timestamp": <ns>, "<column>": <number or null>, …}`; its topic is the stream's
    name. Rows come in the order of the file, at the distance of their times ÷ `speed`; times that
    go back come at once. Where the file counts from zero, or has no times, it is shifted to now.

    Args:
        name: As in the configuration.
        path: The file, as any that kad reads.
        speed: How many times as fast as the clock; infinite: as fast as it is received.
        streams: Each row is a message of each of these.
        column: The column with the stream's name; in place of `streams`.
        channels: The columns to send; None: all that are numbers.
        shift_to_now: Times are moved so that none is ahead when it comes: at a speed of 1 the first
            is now, above it the last is now when it comes.
        period_s: Of rows without times.
        reading: How the file is read, as far as that is to be said.

    Raises:
        InputError: The file cannot be read, or has no such column; a speed that is not above 0.
        MissingExtraError: A Parquet file, and pyarrow is not installed.
    """

    def __init__(
        self,
        name: str,
        path: str | Path,
        *,
        speed: float = 1.0,
        streams: Sequence[str] = (),
        column: str | None = None,
        channels: Sequence[str] | None = None,
        shift_to_now: bool = False,
        period_s: float = 1.0,
        reading: Reading | None = None,
    ) -> None:
        if not speed > 0:
            raise InputError(f"speed must be above 0. Received: {speed}.")
        self.name = name
        self.counts: Counter[str] = Counter()
        """`unnamed`: rows without a name in `column`, left out."""
        self.shift_ns = 0
        """What is added to the times of the file."""
        self._path = Path(path)
        self._speed = speed
        self._streams = tuple(streams) or (self._path.name.partition(".")[0] or name,)
        self._column = column
        self._channels = channels
        self._period_s = period_s
        self._reading = reading
        self._trouble = ""
        self._ended = False
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._stack = ExitStack()
        try:
            self._reader, self._rows = self._open(self._stack)
            first = next(self._rows, None)
            self._shift(first, wanted=shift_to_now)
        except BaseException:
            self._stack.close()
            raise
        self._messages = self._made(first)
        self._next: tuple[float, Message] | None = None
        self._begun_s: float | None = None
        self._token = 0

    def receive(self, most: int, wait_s: float) -> Sequence[Message]:
        """Returns the rows whose time has come, at most `most`; waits for the first."""
        until = time.monotonic() + wait_s
        given: list[Message] = []
        while len(given) < most and not self._ended and not self._closed.is_set():
            with self._lock:
                waiting = self._peek()
            if waiting is None:
                break
            due_s, message = waiting
            if self._begun_s is None:
                self._begun_s = time.monotonic()
            rest = self._begun_s + due_s - time.monotonic()
            if rest > 0:
                patience = until - time.monotonic()
                if given or patience <= 0:
                    break
                self._closed.wait(min(rest, patience))
                continue
            given.append(
                Message(
                    topic=message.topic,
                    payload=message.payload,
                    token=message.token,
                    arrived_ns=time.time_ns(),
                )
            )
            self._next = None
        return given

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Does nothing: the file is still there."""

    @property
    def ended(self) -> bool:
        """Whether all rows were received, or it was closed."""
        return self._ended or self._closed.is_set()

    @property
    def trouble(self) -> str:
        """Why the file cannot be read on; empty: all is well."""
        return self._trouble

    def notes(self) -> list[str]:
        """Says how the file is read, and what of it was no row, as far as it was read."""
        return [*read_lines(self._reader), *notes_of(self._reader)]

    def close(self, timeout_s: float) -> None:
        """Ends it; a `receive` that waits returns at once."""
        self._closed.set()
        if self._lock.acquire(timeout=max(timeout_s, 0)):
            try:
                self._stack.close()
            finally:
                self._lock.release()

    def _peek(self) -> tuple[float, Message] | None:
        if self._next is None and not self._closed.is_set():
            try:
                self._next = next(self._messages, None)
            except (KadError, OSError, ValueError) as error:
                self._trouble = f"{self._path} cannot be read on: {error}"
            if self._next is None:
                self._ended = True
                self._stack.close()
        return self._next

    def _open(self, stack: ExitStack) -> tuple[TableReader, Iterator[_Rows]]:
        reader = TableReader(
            stack.enter_context(_opened(self._path)),
            self._channels,
            period_s=self._period_s,
            reading=self._reading,
            text=self._column,
            name=str(self._path),
            lenient=True,
        )
        reader.open()
        return reader, self._read(reader)

    def _read(self, reader: TableReader) -> Iterator[_Rows]:
        for block in reader:
            for start in range(0, len(block.times_ns), _ROWS):
                part = slice(start, start + _ROWS)
                yield _Rows(
                    block.times_ns[part].tolist(),
                    block.values[part].tolist(),
                    reader.texts[part] if self._column else None,
                )

    def _shift(self, first: _Rows | None, *, wanted: bool) -> None:
        if first is None or not first.times_ns:
            return
        start = first.times_ns[0]
        if not (wanted or start < _OLDEST_NS):
            return
        now = time.time_ns()
        self.shift_ns = now - start
        if self._speed > 1:
            with ExitStack() as stack:
                _, rows = self._open(stack)
                last = max(max(part.times_ns) for part in rows)
            self.shift_ns = now + round((last - start) / self._speed) - last

    def _made(self, first: _Rows | None) -> Iterator[tuple[float, Message]]:
        """Yields messages, and when each is due: seconds after the first."""
        rows, start = first, 0
        if rows is not None and rows.times_ns:
            start = rows.times_ns[0]
        keys = [json.dumps(name) for name in self._reader.wanted]
        while rows is not None:
            for place, (time_ns, values) in enumerate(zip(rows.times_ns, rows.values, strict=True)):
                due_s = (time_ns - start) / 1e9 / self._speed
                payload = _payload(time_ns + self.shift_ns, keys, values)
                streams = self._streams if rows.streams is None else (rows.streams[place],)
                for stream in streams:
                    if not stream.strip():
                        self.counts["unnamed"] += 1
                        continue
                    self._token += 1
                    yield due_s, Message(topic=stream, payload=payload, token=self._token)
            rows = next(self._rows, None)


def _payload(time_ns: int, keys: Sequence[str], values: Sequence[float]) -> bytes:
    cells = [
        f"{key}:{value!r}" if math.isfinite(value) else f"{key}:null"
        for key, value in zip(keys, values, strict=True)
    ]
    return ("{" + ",".join([f'"timestamp":{time_ns}', *cells]) + "}").encode()


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Opens a table, a Parquet or Arrow file as the CSV that it stands for."""
    if not _is_parquet(path):
        with open_table(path) as file:
            yield file
        return
    try:
        modules: list[Any] = [
            import_module(f"pyarrow.{name}") for name in ("csv", "feather", "parquet")
        ]
        arrow_error: Any = import_module("pyarrow").ArrowException
    except ImportError as error:
        raise MissingExtraError(
            f"Reading {path} needs pyarrow: pip install 'kad-anomaly[parquet]'. Or write CSV."
        ) from error
    csv, feather, parquet = modules
    text = io.BytesIO()
    try:
        with path.open("rb") as file:
            is_arrow = file.read(6) == b"ARROW1"
        csv.write_csv(feather.read_table(path) if is_arrow else parquet.read_table(path), text)
    except (arrow_error, OSError) as error:
        raise InputError(
            f"{path} cannot be read as Parquet: {' '.join(str(error).split())[:200]}."
        ) from error
    text.seek(0)
    yield text


def _is_parquet(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return path.is_file() and file.read(6).startswith(PARQUET_MAGICS)
    except OSError:
        return False
