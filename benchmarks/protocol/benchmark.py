"""What every benchmark is: a plan of cases, how one is measured, how its tables are shown.

A benchmark is a module with a `BENCHMARK`, registered by name in `benchmarks.registry`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import TracebackType
from typing import Any, Self

import pandas as pd
from rich.console import Console

from benchmarks.protocol import cases
from benchmarks.protocol.cases import Case, Scored
from benchmarks.protocol.exporting import ExportProcess
from benchmarks.protocol.jobs import Effort
from benchmarks.protocol.variants import VARIANTS

Rows = Mapping[str, Sequence[Mapping[str, Any]]]
"""What a case gave, by table."""
Tables = Mapping[str, pd.DataFrame]


@dataclass(frozen=True, kw_only=True)
class Options(Effort):
    """What a command line asks for."""

    names: tuple[str, ...] = ()
    """Variants, or detectors."""
    seeds: int = 3
    column: str = "score"
    """Of NAB: what the alarm policy thresholds, `score` or `severity`."""
    minutes: int = 0
    """Of the gateway: how long a run is; 0: half of one."""
    families: str | None = None
    """Of UCR: names with commas between; all where not given."""
    recipes: bool = False
    """Of NAB: let halves choose scoring options, too."""


@dataclass(frozen=True, kw_only=True)
class Planned:
    """One case of a plan."""

    keys: Mapping[str, Any]
    """What identifies its rows."""
    trained: tuple[Case, ...] = ()
    """What worker processes train and score first."""
    again: bool = False
    """Measured by every run: it costs little, or depends on the machine."""

    @property
    def name(self) -> str:
        """For people."""
        return ", ".join(
            f"{key} {value}" if isinstance(value, int) else str(value)
            for key, value in self.keys.items()
        )


class Session:
    """What a run lends to the cases that it measures.

    Args:
        options: Of the command line.
        console: For progress.
    """

    def __init__(self, options: Options, console: Console) -> None:
        self.options = options
        self.console = console

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if "exporter" in self.__dict__:
            self.exporter.kill()

    @cached_property
    def exporter(self) -> ExportProcess:
        """A process that exports runs; started by the first."""
        return ExportProcess()

    def scored(self, case: Case) -> Scored:
        """Returns the scores of a trained case.

        Raises:
            RuntimeError: There are none.
        """
        if scored := cases.load(case, stale=self.options.stale):
            return scored
        raise RuntimeError(f"{case.name} has no scores.")


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """Three functions, and where their rows are kept."""

    plan: Callable[[Session], Sequence[Planned]]
    measure: Callable[[Planned, Session], Rows]
    """A `RuntimeError` or `KadError` is a failed case: it is said and counted, others go on."""
    show: Callable[[Tables, Console], None]
    tables: Mapping[str, tuple[str, ...]]
    """Keys of the tables in `results/`, by file name; one without keys is written whole by each
    run. A case with rows in any table is finished."""
    details: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Tables that nobody compares, kept outside git, in `benchmarks/.cache/tables/`."""
    default: Sequence[str] = ()
    """Variants or detectors without `--variants` or `--detector`."""
    known: Sequence[str] = tuple(VARIANTS)
    """Those that can be asked for."""
    trains_here: bool = False
    """Needs a Keras backend in this process."""
