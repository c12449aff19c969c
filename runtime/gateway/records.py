"""Records of the journal: everything that the engine's state follows from, in order.

A record is what one tick of the reader brought. As bytes it is a length, a JSON header that names
its entries, and the arrays of its rows one after the other, little-endian.
"""

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from runtime.errors import InputError

__all__ = ["NewStream", "Record", "Rows"]

_LENGTH = struct.Struct("<I")
_DTYPES = {"streams": "<i4", "times_ns": "<i8", "values": "<f4", "quality": "<u2"}


@dataclass(frozen=True, slots=True)
class NewStream:
    """A stream that is heard of for the first time."""

    number: int
    """Counted from 0, never given twice."""
    name: str
    model: str
    """Key of the model that scores it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Whole rows for one model, sorted by stream, within a stream by time of the sample."""

    model: str
    """Its key."""
    streams: npt.NDArray[np.int32]
    """Number of each row's stream (rows,)."""
    times_ns: npt.NDArray[np.int64]
    """Nanoseconds since 1970-01-01 UTC (rows,)."""
    values: npt.NDArray[np.float32]
    """In the detector's units; NaN: missing (rows, channels)."""
    quality: npt.NDArray[np.uint16]
    """See `Quality` (rows,)."""

    def __len__(self) -> int:
        return len(self.streams)

    def where(self, kept: npt.NDArray[np.bool_]) -> "Rows":
        """Returns some of the rows: those at which `kept` (rows,) is true."""
        return Rows(
            model=self.model,
            streams=self.streams[kept],
            times_ns=self.times_ns[kept],
            values=self.values[kept],
            quality=self.quality[kept],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What one tick brought; entries are taken in the order of the fields."""

    settings: Mapping[str, Any] | None = None
    """The configuration as far as scores and events depend on it, where it has changed."""
    new: Sequence[NewStream] = ()
    """Streams that appear."""
    past: Sequence[Rows] = ()
    """Rows of new streams from before, from which they learn: nothing of it goes out."""
    restored: Sequence[str] = ()
    """Streams that were put aside and speak again."""
    commands: Sequence[Mapping[str, Any]] = ()
    """What people asked for, with time and origin; see `runtime.gateway.rules.commands`."""
    rows: Sequence[Rows] = ()
    """At most one for each model."""
    parts: Sequence[Mapping[str, Any]] = ()
    """What waits for other channels of its row, of each `source` and `stream` where that has
    changed: `rows` as `Assembly.pending` gives them."""
    silent: Sequence[str] = ()
    """Streams that no longer speak."""
    evicted: Sequence[str] = ()
    """Streams to put aside, with their state, until they speak again."""
    acknowledged: Mapping[str, int] = field(default_factory=dict)
    """How far each sink is, by its name; see `Sink.acknowledged`."""
    repeat: bool = False
    """Its rows may have been scored in an earlier life without being kept: what they lead to may
    have gone out."""
    time_ns: int = 0
    """When it was made, by the wall clock."""
    elapsed_s: float = 0.0
    """Since the record before, by the clock that is never set."""
    started: bool = False
    """It is the first one of a process."""
    clock_is_set: bool = True
    """Whether the wall clock can be believed."""

    @property
    def is_rows_alone(self) -> bool:
        """Whether nothing else changes the engine."""
        return not (
            self.settings or self.new or self.restored or self.commands or self.silent
            or self.evicted or self.started
        )  # fmt: skip

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to keep."""
        return self.is_rows_alone and not (self.rows or self.parts or self.acknowledged)

    @property
    def samples(self) -> int:
        """Number of rows."""
        return sum(len(rows) for rows in self.rows)

    def encode(self) -> bytes:
        """Returns the record as bytes, the same for the same content."""
        header: dict[str, Any] = {"time_ns": self.time_ns, "elapsed_s": self.elapsed_s}
        header |= {"started": True} if self.started else {}
        header |= {"repeat": True} if self.repeat else {}
        header |= {} if self.clock_is_set else {"clock_is_set": False}
        if self.settings is not None:
            header["settings"] = self.settings
        if self.new:
            header["new"] = [[one.number, one.name, one.model] for one in self.new]
        for name in ("restored", "commands", "parts", "silent", "evicted"):
            if getattr(self, name):
                header[name] = list(getattr(self, name))
        if self.acknowledged:
            header["acknowledged"] = dict(self.acknowledged)
        header["rows"] = [[rows.model, *rows.values.shape] for rows in self.rows]
        if self.past:
            header["past"] = [[rows.model, *rows.values.shape] for rows in self.past]
        text = json.dumps(header, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
        encoded = text.encode()
        arrays = [
            np.ascontiguousarray(getattr(rows, name), dtype).tobytes()
            for rows in (*self.rows, *self.past)
            for name, dtype in _DTYPES.items()
        ]
        return b"".join([_LENGTH.pack(len(encoded)), encoded, *arrays])

    @classmethod
    def decode(cls, content: bytes) -> Self:
        """Reads what `encode` wrote.

        Raises:
            InputError: Something else: bytes of another version.
        """
        try:
            return cls._decoded(content)
        except (ValueError, KeyError, TypeError, struct.error) as error:
            raise InputError(
                f"A record of the journal must be what this version writes. Received: "
                f"{len(content)} bytes, {type(error).__name__}. It was written by another version."
            ) from error

    @classmethod
    def acknowledged_in(cls, content: bytes) -> dict[str, int]:
        """Reads `acknowledged` alone of what `encode` wrote.

        Raises:
            InputError: Something else.
        """
        try:
            (length,) = _LENGTH.unpack_from(content)
            header = json.loads(content[_LENGTH.size : _LENGTH.size + length])
            return dict(header.get("acknowledged", {}))
        except (ValueError, AttributeError, TypeError, struct.error) as error:
            raise InputError(
                "A record of the journal must be what this version writes. Received: "
                f"{len(content)} bytes, {type(error).__name__}. It was written by another version."
            ) from error

    @classmethod
    def _decoded(cls, content: bytes) -> Self:
        (length,) = _LENGTH.unpack_from(content)
        at = _LENGTH.size + length
        header = json.loads(content[_LENGTH.size : at])
        each = []
        now = len(header["rows"])
        for model, count, channels in (*header.pop("rows"), *header.pop("past", ())):
            arrays = {}
            for name, dtype in _DTYPES.items():
                size = count * channels if name == "values" else count
                arrays[name] = np.frombuffer(content, dtype, size, at)
                at += arrays[name].nbytes
            arrays["values"] = arrays["values"].reshape(count, channels)
            each.append(Rows(model=model, **arrays))
        if at != len(content):
            raise ValueError
        new = [NewStream(*one) for one in header.pop("new", ())]
        return cls(rows=each[:now], past=each[now:], new=new, **header)
