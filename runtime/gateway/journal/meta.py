"""What a state folder is of: a small JSON file, so that another kad or model is known at once."""

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
    """What wrote a state folder."""

    gateway: str
    """Name of the gateway."""
    kad: str
    """Version of kad."""
    models: Mapping[str, str] = field(default_factory=dict)
    """Identity of the detector (`Metadata.identity`) by the model's key in the configuration."""

    def differences(self, now: "Meta") -> list[str]:
        """Returns in words what is not as it was, one line each; empty: all is."""
        found = []
        if self.gateway != now.gateway:
            found.append(f"the gateway is {now.gateway}, it was {self.gateway}")
        if self.kad != now.kad:
            found.append(f"kad is {now.kad}, it was {self.kad}")
        for key in sorted({*self.models, *now.models}):
            was, became = self.models.get(key), now.models.get(key)
            if was is None and became is not None:
                found.append(f"the model {key} is new")
            elif was is not None and became is None:
                found.append(f"the model {key} is gone")
            elif was is not None and became is not None and was != became:
                found.append(f"the model {key} is {became[:12]}, it was {was[:12]}")
        return found


def read_meta(path: str | os.PathLike[str], *, disk: Disk | None = None) -> tuple[Meta | None, str]:
    """Reads the description of a state folder; it never raises for what the file holds.

    Args:
        path: The file.
        disk: The file system.

    Returns:
        The description, or None; and why there is none, in one line, empty where there is no file.
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
    """Writes the description of a state folder: the old one stays, or the new one is whole.

    Raises:
        JournalError: The disk refuses.
    """
    place, system = Path(path), disk or Disk()
    content = {
        "format": FORMAT,
        "gateway": meta.gateway,
        "kad": meta.kad,
        "models": dict(meta.models),
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
    models = {str(key): str(identity) for key, identity in content["models"].items()}
    return Meta(gateway=str(content["gateway"]), kad=str(content["kad"]), models=models)


def _summed(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _said(place: Path, received: str) -> str:
    return (
        f"{place} must describe a state folder of format {FORMAT}. Received: {received}. "
        "What it describes is not used: the streams start anew."
    )
