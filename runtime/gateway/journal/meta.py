"""What one life of a gateway tells the next beside journal and snapshots: a small JSON file."""

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runtime.errors import JournalError
from runtime.gateway.journal.disk import Disk, refused, write_all

__all__ = ["FORMAT", "Meta", "read_meta", "write_meta"]

FORMAT = 1
"""Version of the state folder's form; of another one nothing is read."""
_MOST_BYTES = 2**22


@dataclass(frozen=True, slots=True, kw_only=True)
class Meta:
    """What is known of the lives before."""

    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Topic filters that each source may have asked for, by its name: its session has them."""
    sessions: Mapping[str, str] = field(default_factory=dict)
    """Where a broker has kept a session for a source, by its name: address and client id."""
    swapped: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Files that a command put in the place of others, by the model's key: the file, and the one
    that the configuration named then."""
    ended: bool = False
    """Whether the last life ended as asked, with all that it had scored in the journal."""


def read_meta(path: str | os.PathLike[str], *, disk: Disk | None = None) -> tuple[Meta | None, str]:
    """Reads what the lives before have told; it never raises for what the file holds.

    Args:
        path: The file.
        disk: The file system.

    Returns:
        That, or None; and why there is none, in one line, empty where there is no file.
    """
    place, system = Path(path), disk or Disk()
    try:
        descriptor = system.open_read(place)
        try:
            content = system.read(descriptor, _MOST_BYTES, 0)
        finally:
            with suppress(OSError):
                system.close(descriptor)
    except FileNotFoundError:
        return None, ""
    except OSError as error:
        return None, _said(place, refused(error))
    try:
        return _parsed(json.loads(content)), ""
    except _OtherFormatError as error:
        return None, _said(place, str(error))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None, _said(place, f"{len(content)} bytes that are damaged")


def write_meta(path: str | os.PathLike[str], meta: Meta, *, disk: Disk | None = None) -> None:
    """Writes what the next life is to know: the old file stays, or the new one is whole.

    Raises:
        JournalError: The disk refuses.
    """
    place, system = Path(path), disk or Disk()
    content = {
        "format": FORMAT,
        "filters": {name: list(some) for name, some in meta.filters.items()},
        "sessions": dict(meta.sessions),
        "swapped": {key: list(files) for key, files in meta.swapped.items()},
        "ended": meta.ended,
    }
    text = json.dumps({**content, "checksum": _summed(content)}, indent=2) + "\n"
    part = place.with_name(place.name + ".part")
    try:
        system.make_folder(place.parent)
        descriptor = system.create(part)
        try:
            write_all(system, descriptor, text.encode())
            system.sync_file(descriptor)
        finally:
            with suppress(OSError):
                system.close(descriptor)
        system.rename(part, place)
        system.sync_folder(place.parent)
    except OSError as error:
        with suppress(OSError):
            system.remove(part)
        raise JournalError(
            f"The state of the gateway must be written to {place}. Received: {refused(error)}. "
            "Free space, or check the rights and the disk."
        ) from error


class _OtherFormatError(Exception):
    pass


def _parsed(content: Any) -> Meta:
    content = dict(content)
    if content["format"] != FORMAT:
        raise _OtherFormatError(f"format {str(content['format'])[:20]}")
    if content.pop("checksum") != _summed(content):
        raise ValueError
    return Meta(
        filters={str(n): tuple(map(str, some)) for n, some in content["filters"].items()},
        sessions={str(n): str(where) for n, where in content["sessions"].items()},
        swapped={str(k): (str(new), str(old)) for k, (new, old) in content["swapped"].items()},
        ended=content["ended"] is True,
    )


def _summed(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _said(place: Path, received: str) -> str:
    return (
        f"{place} must be what a gateway of format {FORMAT} wrote. Received: {received}. "
        "What it said is not used: topics of former configurations stay subscribed, and files "
        "that a command swapped in are those of the configuration again."
    )
