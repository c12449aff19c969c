"""Structured lines on stderr: few, one line each, without secrets."""

import json
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, TextIO

from runtime.gateway.operate.secrets import Hider

__all__ = ["Level", "Log", "Style", "to_journal"]

Level = Literal["error", "warning", "info", "debug"]
Style = Literal["logfmt", "json", "telegraf"]
"""`telegraf`: as a program that Telegraf runs; a line without its prefix is an error there."""

EVERY_S = 60.0
"""Of each kind one line is written in this time, and with the next the number of those between."""

_LEVELS = {"error": ("<3>", "E! "), "warning": ("<4>", "W! "), "info": ("<6>", "I! ")}
_LEAST = ("<7>", "D! ")
_ORDER = ("debug", "info", "warning", "error")
_PLAIN = re.compile(r"[^\s\"=\\\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_UNSEEN = re.compile("[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_MOST_KINDS = 256
_LONGEST = 2000


def to_journal(stream: TextIO, environment: Mapping[str, str] | None = None) -> bool:
    """Returns whether a stream goes to journald, by `JOURNAL_STREAM`: its device and inode."""
    said = (os.environ if environment is None else environment).get("JOURNAL_STREAM", "")
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError, AttributeError):
        return False
    return said == f"{status.st_dev}:{status.st_ino}"


@dataclass(slots=True)
class _Kind:
    """What is known of a kind of lines of one level."""

    next_s: float
    held: int = 0
    example: tuple[str, dict[str, object]] = ("", {})


class Log:
    """Writes lines, and holds back those of a kind that was just said. Thread-safe.

    Args:
        style: How a line looks.
        stream: Where to; None: stderr, as it is when a line is written.
        least: What is below it is not written.
        secrets: Values that no line may contain.
        every_s: See `EVERY_S`; 0: no line is held back.
        journal: Whether journald reads it: with its priorities, without the time, which it has;
            None: find out.
        on_held: Is told of each line that is held back, to count it.
        clock: Seconds that never go back.
        wall: Seconds since 1970-01-01 UTC.
    """

    def __init__(
        self,
        *,
        style: Style = "logfmt",
        stream: TextIO | None = None,
        least: Level = "info",
        secrets: Iterable[str] = (),
        every_s: float = EVERY_S,
        journal: bool | None = None,
        on_held: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._style = style
        self._stream = stream
        self._least = _ORDER.index(least)
        self._hider = Hider(secrets)
        self._every_s = every_s
        self._clock = clock
        self._wall = wall
        self._on_held = on_held
        self._journal = (
            to_journal(sys.stderr if stream is None else stream) if journal is None else journal
        )
        self._lock = threading.Lock()
        self._kinds: dict[tuple[Level, str], _Kind] = {}

    def error(self, kind: str, text: str, **fields: object) -> None:
        """Says what does not work and needs a person; see `say`."""
        self.say("error", kind, text, **fields)

    def warning(self, kind: str, text: str, **fields: object) -> None:
        """Says what went wrong and was dealt with; see `say`."""
        self.say("warning", kind, text, **fields)

    def info(self, kind: str, text: str, **fields: object) -> None:
        """Says what happened; see `say`."""
        self.say("info", kind, text, **fields)

    def say(self, level: Level, kind: str, text: str, **fields: object) -> None:
        """Writes a line, unless one of its kind and level was within `every_s`; never raises.

        Args:
            level: How bad it is.
            kind: A word of a fixed set, such as `bad_message` or `broker`.
            text: A sentence.
            **fields: What a program may look for; numbers stay numbers in JSON.
        """
        if _ORDER.index(level) < self._least:
            return
        now = self._clock()
        with self._lock:
            if (level, kind) not in self._kinds and len(self._kinds) >= _MOST_KINDS:
                kind = "other"
            known = self._kinds.setdefault((level, kind), _Kind(now))
            if now < known.next_s:
                known.held += 1
                known.example = (text, fields)
            else:
                self._write(level, kind, text, fields, held=known.held)
                known.held = 0
                known.next_s = now + self._every_s
                return
        self._on_held()

    def flush(self, *, everything: bool = False) -> None:
        """Says what was held back and is due: how many, and the last as an example.

        Call it every few seconds, and at the end with `everything`.
        """
        now = self._clock()
        with self._lock:
            for (level, kind), known in self._kinds.items():
                if known.held and (everything or now >= known.next_s):
                    self._write(level, kind, *known.example, held=known.held - 1)
                    known.held = 0
                    known.next_s = now + self._every_s

    def _write(
        self, level: Level, kind: str, text: str, fields: dict[str, object], *, held: int
    ) -> None:
        priority, letter = _LEVELS.get(level, _LEAST)
        pairs: dict[str, object] = {"level": level, "kind": kind, "msg": self._hider.text(text)}
        for key, value in fields.items():
            plain = value if isinstance(value, bool | int | float) else str(value)
            pairs[key] = plain if not isinstance(plain, str) else self._hider.field(key, plain)
        if held:
            pairs["suppressed"] = held
        if self._style == "telegraf":
            said = " ".join(str(pairs.pop("msg")).split())
            del pairs["level"]
            line = f"{letter}[kad] {_seen(said[:_LONGEST])} {_logfmt(pairs)}"
        else:
            if not self._journal:
                pairs = {"time": _iso(self._wall()), **pairs}
            line = _logfmt(pairs) if self._style == "logfmt" else _json(pairs)
        prefix = priority if self._journal and self._style != "telegraf" else ""
        stream = sys.stderr if self._stream is None else self._stream
        with suppress(OSError, ValueError, AttributeError):
            stream.write(f"{prefix}{line}\n")
            stream.flush()


def _iso(seconds: float) -> str:
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return f"{seconds:.3f}"
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _logfmt(pairs: Mapping[str, object]) -> str:
    return " ".join(f"{_key(key)}={_value(value)}" for key, value in pairs.items())


def _key(key: str) -> str:
    return re.sub(r"[^a-zA-Z0-9_.-]", "_", key)


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.6g}"
    text = str(value)[:_LONGEST]
    return text if _PLAIN.fullmatch(text) else _seen(json.dumps(text, ensure_ascii=False))


def _json(pairs: Mapping[str, object]) -> str:
    finite = {
        key: value[:_LONGEST]
        if isinstance(value, str)
        else None
        if isinstance(value, float) and not abs(value) < float("inf")
        else value
        for key, value in pairs.items()
    }
    return _seen(json.dumps(finite, ensure_ascii=False, allow_nan=False, separators=(",", ":")))


def _seen(text: str) -> str:
    r"""Returns a text with what a terminal would obey, or UTF-8 cannot write, as `\u009b`."""
    text = "".join(letter if letter >= " " else f"\\u{ord(letter):04x}" for letter in text)
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
