"""Writing files whole or not at all."""

import contextlib
import os
from pathlib import Path

from runtime.errors import InputError


def write_atomically(path: str | os.PathLike[str], content: str | bytes) -> None:
    """Writes a file so that readers see the old one or the whole new one.

    Raises:
        InputError: The file cannot be written.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)
        temporary.replace(path)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}.") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
