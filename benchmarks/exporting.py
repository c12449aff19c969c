"""A process that exports one run after another: TensorFlow is loaded once."""

import contextlib
import io
import json
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self


class ExportProcess:
    """Exports runs on the TensorFlow backend while this process trains on another one."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.exporting"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()

    def export(self, run: Path) -> Path:
        """Exports a run and returns the detector file.

        Raises:
            RuntimeError: The export failed; the message is its own.
        """
        self._process.stdin.write(f"{run}\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline() or '{"error": "the process ended"}')
        if "error" in answer:
            raise RuntimeError(f"Exporting {run}: {answer['error']}")
        return Path(answer["path"])


def _serve() -> None:
    from export import export

    for line in sys.stdin:
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                answer = {"path": str(export(line.strip()).path)}
        except Exception as error:  # noqa: BLE001
            answer = {"error": str(error)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    _serve()
