"""Processes that answer a line of JSON with another: libraries are loaded once for all.

A process ends with its standard input, so none outlives whoever asked. Ctrl+C in a terminal does
not reach it: who asks decides when it ends.
"""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

ONE_THREAD = {
    **dict.fromkeys(
        (
            "OMP_NUM_THREADS",
            "OPENBLAS_NUM_THREADS",
            "MKL_NUM_THREADS",
            "TF_NUM_INTRAOP_THREADS",
            "TF_NUM_INTEROP_THREADS",
            "NPROC",
        ),
        "1",
    ),
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
}
"""Environment in which BLAS, TensorFlow and JAX (`NPROC`) take one thread each."""


def installed(*packages: str) -> list[str]:
    """Returns those of some packages that can be imported."""
    return [name for name in packages if importlib.util.find_spec(name) is not None]


def measured_apart(
    module: str, *arguments: str, question: Any = None, environment: dict[str, str] | None = None
) -> Any:
    """Runs a module as a process of its own and returns its answer, the last line it prints.

    Args:
        module: Name of the module.
        *arguments: Of its command line.
        question: JSON on its standard input.
        environment: Variables on top of this process's.

    Raises:
        RuntimeError: It failed; the message is what it wrote to standard error.
    """
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        input=json.dumps(question),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **(environment or {})},
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


class LineProcess:
    """A Python module that runs `serve`, started with the first question.

    Args:
        module: Name of the module.
        environment: Variables on top of this process's.
    """

    def __init__(self, module: str, *, environment: dict[str, str] | None = None) -> None:
        self._module = module
        self._environment = {**os.environ, **(environment or {})}
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    def ask(self, question: Any) -> Any:
        """Returns the answer. A process that has ended is started again by the next question.

        Raises:
            RuntimeError: The answer is an error, or the process ended without one.
        """
        process, answer = self._process or self._start(), ""
        with suppress(BrokenPipeError, ValueError):
            if process.stdin and process.stdout:
                process.stdin.write(json.dumps(question) + "\n")
                process.stdin.flush()
                answer = process.stdout.readline()
        if not answer:
            raise RuntimeError(self._last_words())
        reply = json.loads(answer)
        if "error" in reply:
            raise RuntimeError(reply["error"])
        return reply["answer"]

    def kill(self) -> None:
        """Ends the process, in the middle of a question if need be; what it started ends too."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for file in (self._process.stdin, self._process.stdout, self._errors):
                with suppress(BrokenPipeError):
                    if file:
                        file.close()
            self._process = None

    def _start(self) -> "subprocess.Popen[str]":
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        process = subprocess.Popen(
            [sys.executable, "-m", self._module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env=self._environment,
            start_new_session=True,
        )
        self._process = process
        return process

    def _last_words(self) -> str:
        if self._process is None:
            return f"{self._module} was ended"
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=5)
        code = self._process.returncode
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        self.kill()
        return f"{self._module} ended with exit code {code}: {lines[-1] if lines else 'no message'}"


def serve(answer: Callable[[Any], Any]) -> None:
    """Answers the questions on standard input until it ends.

    What libraries print goes to standard error. An exception is an answer, too.
    """
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        try:
            reply = {"answer": answer(json.loads(line))}
        except Exception as error:  # noqa: BLE001
            reply = {"error": f"{type(error).__name__}: {error}"}
        replies.write(json.dumps(reply) + "\n")
        replies.flush()
