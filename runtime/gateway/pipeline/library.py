"""Detectors by their identity: those in use, and copies of those that a replay may need."""

from collections.abc import Iterable
from pathlib import Path

from runtime.errors import InputError, KadError
from runtime.files import write_atomically
from runtime.gateway.operate.logs import Log
from runtime.model.detector import Detector, step_path

__all__ = ["Models"]


class Models:
    """Loaded detectors, and a copy of each file in the state folder.

    A replay may begin before a model took over from another: both are needed then.

    Args:
        folder: Of the copies; made where it is missing.
        threads: Of onnxruntime in one call.
        say: The log.
    """

    def __init__(self, folder: Path, *, threads: int, say: Log) -> None:
        self._folder, self._threads, self._say = folder, threads, say
        self._loaded: dict[str, Detector] = {}

    def keep(self, detector: Detector, file: Path) -> None:
        """Takes a detector in use, and copies its file."""
        identity = detector.metadata.identity
        self._loaded[identity] = detector
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            copy = self._path(identity)
            if not copy.exists():
                write_atomically(copy, file.read_bytes())
            step = step_path(file)
            if step.exists() and not step_path(copy).exists():
                write_atomically(step_path(copy), step.read_bytes())
        except (OSError, InputError) as error:
            self._say.warning("models", f"No copy of {file} is kept: {error}")

    def get(self, identity: str, /) -> Detector | None:
        """Returns a detector; None: there is none, or its copy cannot be used."""
        if identity not in self._loaded:
            try:
                found = Detector(self._path(identity), threads=self._threads)
            except KadError as error:
                self._say.warning("models", str(error))
                return None
            if found.metadata.identity != identity:
                return None
            self._loaded[identity] = found
        return self._loaded[identity]

    def clean(self, used: Iterable[str]) -> None:
        """Removes copies that no replay can ask for.

        Args:
            used: Identities of models that are in use, or in a snapshot that is kept.
        """
        kept = {self._path(identity).stem for identity in used}
        for path in self._folder.glob("*.onnx"):
            if path.name.split(".")[0] not in kept:
                path.unlink(missing_ok=True)

    def _path(self, identity: str) -> Path:
        return self._folder / f"{identity[:64]}.onnx"
