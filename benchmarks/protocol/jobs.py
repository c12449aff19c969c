"""Cases in several worker processes, with a progress bar; what is finished stays finished."""

import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
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
) -> None:
    """Trains and scores what has no scores yet.

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
    if not todo:
        return
    done: queue.SimpleQueue[tuple[Case, str | None] | BaseException] = queue.SimpleQueue()
    current: dict[int, str] = {}
    workers = [start() for _ in range(min(effort.jobs, len(todo)))]
    stopping = threading.Event()

    def run(number: int) -> None:
        try:
            while not stopping.is_set():
                try:
                    case = todo.popleft()
                except IndexError:
                    return
                current[number] = case.name
                error = _run(case, workers[number], stopping)
                current.pop(number)
                done.put((case, error))
        except BaseException as error:  # noqa: BLE001
            done.put(error)

    threads = [threading.Thread(target=run, args=(n,), daemon=True) for n in range(len(workers))]
    columns = (
        *Progress.get_default_columns()[:2],
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[now]}", table_column=Column(no_wrap=True, ratio=1)),
    )
    total = len(todo)
    try:
        with Progress(*columns, console=console, expand=True) as progress:
            task = progress.add_task(cases[0].benchmark, total=total, now="")
            for thread in threads:
                thread.start()
            for _ in range(total):
                result = _next(done, lambda: progress.update(task, now=", ".join(current.values())))
                if isinstance(result, BaseException):
                    raise result
                case, error = result
                if error:
                    progress.console.print(f"[red]failed[/] {case.name}: {error}", highlight=False)
                progress.advance(task)
    finally:
        stopping.set()
        for process in workers:
            process.kill()


def _next(
    done: "queue.SimpleQueue[tuple[Case, str | None] | BaseException]", show: Callable[[], None]
) -> tuple[Case, str | None] | BaseException:
    while True:
        show()
        try:
            return done.get(timeout=0.5)
        except queue.Empty:
            continue


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
