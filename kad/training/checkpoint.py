"""What an interrupted training continues from: one file, written whole or not at all."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np

from runtime.errors import InputError
from runtime.files import write_atomically


class Checkpoint(NamedTuple):
    """The state of a training between two epochs."""

    phases: dict[str, dict[str, Any]]
    """Per phase: epochs run, best validation loss and its epoch."""
    rows: list[dict[str, Any]]
    """The history so far."""
    arrays: dict[str, np.ndarray]
    """Last and best weights and the optimiser's variables, `<phase>/<kind>/<number>`."""
    fingerprint: str
    """SHA-256 of the training data: a checkpoint belongs to its data."""

    def write(self, path: Path, *, shapes: list[list[int]]) -> None:
        """Writes it.

        Args:
            path: The file.
            shapes: Of all variables of the detector, which tell another one.
        """
        meta = {"phases": self.phases, "rows": self.rows, "fingerprint": self.fingerprint}
        headers = {"meta": np.array(json.dumps(meta)), "shapes": np.array(json.dumps(shapes))}
        buffer = io.BytesIO()
        np.savez(buffer, **headers, **self.arrays)  # type: ignore[arg-type]
        write_atomically(path, buffer.getvalue())

    @classmethod
    def read(cls, path: Path, *, fingerprint: str, shapes: list[list[int]]) -> Self:
        """Reads what `write` wrote.

        Args:
            path: The file.
            fingerprint: Of the training data now.
            shapes: Of the detector's variables now.

        Raises:
            InputError: A damaged file, or one of another detector or other data.
        """
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                arrays = {k: archive[k] for k in archive.files}
            meta = json.loads(str(arrays.pop("meta")))
            written = json.loads(str(arrays.pop("shapes")))
        except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile) as error:
            raise InputError(
                f"The checkpoint {path} is damaged: {error}. Train without --resume."
            ) from error
        if written != shapes:
            raise InputError(
                f"The checkpoint {path} belongs to a detector of another shape. "
                "Resume with the configuration of that run."
            )
        if meta["fingerprint"] != fingerprint:
            raise InputError(
                f"The checkpoint {path} belongs to other training rows. Resume with "
                "the data of that run, or train into another --out."
            )
        return cls(meta["phases"], meta["rows"], arrays, meta["fingerprint"])
