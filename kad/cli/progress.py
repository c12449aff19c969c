"""A progress bar per training phase: loss, epoch, remaining time."""

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from runtime.counted import counted


class ProgressBar:
    """Draws training phases on the console; plain lines where it is no terminal.

    Args:
        console: Where to draw.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._phase = ""
        self._loss = float("nan")
        self._done = 0.0

    def start(self, phase: str, *, epochs: int, done: int) -> None:
        """Begins a phase of at most `epochs` epochs, `done` of which are over."""
        self._phase, self._done = phase, float(done)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("epochs"),
            TextColumn("loss {task.fields[loss]}"),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task(f"{phase:>5}", total=epochs, completed=done, loss="–")
        self._bar.start()

    def advance(self, fraction: float, losses: dict[str, float]) -> None:
        """Adds a fraction of an epoch."""
        if self._bar is None:
            return
        self._done += fraction
        self._loss = losses["loss"]
        self._bar.update(self._task, completed=round(self._done, 2), loss=f"{self._loss:.4g}")

    def finish(self) -> None:
        """Ends the phase and leaves one line."""
        if self._bar is None:
            return
        self._bar.stop()
        self._bar = None
        self._console.print(
            f"[bold]{self._phase}[/bold]: {counted(round(self._done), 'epoch')}, loss "
            f"{self._loss:.4g}"
        )
