"""Writing files whole or not at all."""

import os

from runtime.errors import InputError
from runtime.files import replacing


def write_atomically(path: str | os.PathLike[str], content: str | bytes) -> None:
    """Writes a file so that readers see the old one or the whole new one.

    Raises:
        InputError: The file cannot be written.
    """
    try:
        with replacing(path) as file:
            file.write(content.encode() if isinstance(content, str) else content)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}.") from error
