"""Cases in several worker processes, with a progress bar; what is finished stays finished."""

import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Column

from benchmarks.protocol.cases import CACHE, Case, Scored, load
from benchmarks.protocol.processes import ONE_THREAD, LineProcess

COMPILED_ONCE = {
    "JAX_COMPILATION_CACHE_DIR": str(CACHE / "jax"),
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
}
"""Environment in which JAX keeps what it compiled: hundreds of cases have the same shapes."""


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How much to do again, and with how many processes."""

    jobs: int = 2
    """Worker processes; each has one thread."""
    fresh: bool = False
    """Train and score finished cases again."""
    retry: bool = False
    """Try failed cases again."""
    stale: bool = False
    """Take scores that other code has made with the same settings."""


def worker() -> LineProcess:
    """Returns a process that trains and scores cases."""
    environment = {**ONE_THREAD, **COMPILED_ONCE, "KERAS_BACKEND": "jax"}
    return LineProcess("benchmarks.protocol.worker", environment=environment)


def finish(
    cases: Sequence[Case],
    effort: Effort,
    console: Console,
    *,
    start: Callable[[], LineProcess] = worker,
) -> int:
    """Trains and scores what has no scores yet, and returns how many cases failed.

    A case that fails is recorded with its message; the others go on.

    Args:
        cases: All cases.
        effort: What to do again, and with how many processes.
        console: Where the progress bar and failures are drawn.
        start: Returns a worker.

    Raises:
        KeyboardInterrupt: Ctrl+C. Workers are ended, finished cases kept.
    """
    todo = deque(case for case in cases if not _is_done(case, effort))
    failed = 0
    if not todo:
        return failed
    crew = _Crew(todo, [start() for _ in range(min(effort.jobs, len(todo)))])
    total = len(todo)
    try:
        with Progress(*_columns(), console=console, expand=True) as progress:
            task = progress.add_task(cases[0].benchmark, total=total, now="")
            crew.begin()
            for _ in range(total):
                case, error = crew.next(lambda now: progress.update(task, now=now))
                if error:
                    failed += 1
                    progress.console.print(f"[red]failed[/] {case.name}: {error}", highlight=False)
                progress.advance(task)
    finally:
        crew.stop()
    return failed


def _columns() -> tuple[ProgressColumn, ...]:
    return (
        TextColumn("[progress.description]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[now]}", table_column=Column(no_wrap=True, ratio=1)),
    )


class _Crew:
    """A thread for each worker process takes one case after another.

    Args:
        todo: Cases; the threads take them away.
        processes: Workers.
    """

    def __init__(self, todo: deque[Case], processes: list[LineProcess]) -> None:
        self._todo = todo
        self._processes = processes
        self._done: queue.SimpleQueue[tuple[Case, str | None] | BaseException]
        self._done = queue.SimpleQueue()
        self._current: dict[int, str] = {}
        self._stopping = threading.Event()

    def begin(self) -> None:
        """Starts the threads."""
        for number in range(len(self._processes)):
            threading.Thread(target=self._work, args=(number,), daemon=True).start()

    def next(self, show: Callable[[str], None]) -> tuple[Case, str | None]:
        """Waits for the next case, and returns it with its error; shows what is under way."""
        while True:
            show(", ".join(self._current.values()))
            try:
                result = self._done.get(timeout=0.5)
            except queue.Empty:
                continue
            if isinstance(result, BaseException):
                raise result
            return result

    def stop(self) -> None:
        """Ends the workers, in the middle of a case if need be."""
        self._stopping.set()
        for process in self._processes:
            process.kill()

    def _work(self, number: int) -> None:
        try:
            while not self._stopping.is_set():
                try:
                    case = self._todo.popleft()
                except IndexError:
                    return
                self._current[number] = case.name
                error = _run(case, self._processes[number], self._stopping)
                self._current.pop(number)
                self._done.put((case, error))
        except BaseException as error:  # noqa: BLE001
            self._done.put(error)


def _is_done(case: Case, effort: Effort) -> bool:
    if effort.fresh:
        return False
    scored = load(case, stale=effort.stale)
    return scored is not None and not (effort.retry and scored.error)


def _run(case: Case, process: LineProcess, stopping: threading.Event) -> str | None:
    """Returns the message of a case that failed."""
    try:
        process.ask({"case": asdict(case), "file": str(case.file)})
    except RuntimeError as error:
        if not stopping.is_set():
            Scored(info={"error": str(error)}).save(case)
        return str(error)
    return None
