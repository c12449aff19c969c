"""A disk that is only looked at: what is damaged stays as it is."""

import errno
import os
from pathlib import Path
from typing import Any, NoReturn

from runtime.gateway.journal.disk import Disk

__all__ = ["LookingDisk"]


def _refuse(*_: object) -> NoReturn:
    raise OSError(errno.EROFS, os.strerror(errno.EROFS))


_REFUSED: Any = _refuse


class LookingDisk(Disk):
    """Reads, and refuses everything else, as a disk that cannot be written."""

    def make_folder(self, folder: Path) -> None:
        """Refuses a folder that is not there."""
        if not folder.is_dir():
            _refuse()

    create = open_append = open_update = _REFUSED
    write = write_at = truncate = remove = rename = _REFUSED
    sync_data = sync_file = sync_folder = _REFUSED
