"""What others than the sources put into the next record: commands, acknowledgements, settings."""

import threading
from collections.abc import Mapping
from typing import Any

from runtime.gateway.engine.settings import EngineSettings
from runtime.gateway.outputs import EventKind

__all__ = ["Controls", "Wanted"]


class Wanted:
    """What is to be put into one record."""

    __slots__ = ("acknowledged", "commands", "evicted", "settings", "silent")

    def __init__(self) -> None:
        self.settings: EngineSettings | None = None
        self.commands: list[Mapping[str, Any]] = []
        self.silent: list[str] = []
        self.evicted: list[str] = []
        self.acknowledged: dict[str, int] = {}


class Controls:
    """Collects from any thread; the reader takes all at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wanted = Wanted()

    def settings(self, settings: EngineSettings) -> None:
        """From the next record on, these hold."""
        with self._lock:
            self._wanted.settings = settings

    def command(self, command: Mapping[str, Any]) -> None:
        """A person asked for something; plain data, see `rules.commands`."""
        with self._lock:
            self._wanted.commands.append(command)

    def note(self, kind: EventKind, text: str) -> None:
        """Something happened to the gateway itself: an event of its own."""
        self.command({"note": kind, "text": text})

    def silent(self, names: list[str]) -> None:
        """Streams no longer speak."""
        with self._lock:
            self._wanted.silent += names

    def evict(self, names: list[str]) -> None:
        """Streams are to be put aside."""
        with self._lock:
            self._wanted.evicted += names

    def acknowledged(self, sink: str, sequence: int) -> None:
        """A sink is done up to this sequence."""
        with self._lock:
            self._wanted.acknowledged[sink] = sequence

    def take(self) -> Wanted:
        """Returns what has gathered, and begins anew."""
        with self._lock:
            wanted, self._wanted = self._wanted, Wanted()
        return wanted
