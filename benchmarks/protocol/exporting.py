"""A process that exports one run after another: TensorFlow is loaded once."""

from pathlib import Path

from benchmarks.protocol.processes import LineProcess, serve


class ExportProcess(LineProcess):
    """Exports runs on the TensorFlow backend while this process trains on another one."""

    def __init__(self) -> None:
        super().__init__(
            "benchmarks.protocol.exporting", environment={"KERAS_BACKEND": "tensorflow"}
        )

    def export(self, run: Path) -> Path:
        """Exports a run and returns the detector file.

        Raises:
            RuntimeError: The export failed; the message is its own.
        """
        return Path(self.ask(str(run)))


def _export(run: str) -> str:
    from export import export

    file = export(run).path
    import keras

    keras.utils.clear_session()
    return str(file)


if __name__ == "__main__":
    serve(_export)
