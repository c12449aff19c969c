"""Result tables that survive an interruption: one CSV per table, one row or more per case."""

from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.protocol import cases
from runtime.files import write_atomically

RESULTS = Path(__file__).parent.parent / "results"


class ResultsFile:
    """Rows of finished cases; asking for a finished case again costs nothing.

    Args:
        name: File name without ending, in `benchmarks/results/`.
        keys: Columns that identify a row.
        detail: Nobody compares it: it is kept in `benchmarks/.cache/tables/`, outside git.
    """

    def __init__(self, name: str, keys: tuple[str, ...] = (), *, detail: bool = False) -> None:
        self.path = (cases.CACHE / "tables" if detail else RESULTS) / f"{name}.csv"
        self.keys = list(keys)
        self.table = pd.read_csv(self.path) if self.path.is_file() else pd.DataFrame()

    def has(self, **case: Any) -> bool:
        """Says whether the case is finished; of more columns than the keys, all must be so."""
        return not self.rows(**case).empty

    def rows(self, **case: Any) -> pd.DataFrame:
        """Returns the rows of which all the given columns are so."""
        same = pd.Series(data=True, index=self.table.index)
        for column, value in case.items():
            if column not in self.table:
                return self.table.iloc[:0]
            same &= self.table[column].astype(str) == str(value)
        return self.table[same]

    def add(self, **row: Any) -> None:
        """Adds a row, instead of an earlier one with the same keys, and writes the file."""
        self.replace([row])

    def replace(self, rows: list[dict[str, Any]]) -> None:
        """Adds rows, instead of earlier ones with the same keys, and writes the file."""
        if not rows:
            return
        new = pd.DataFrame(rows)
        if not self.table.empty:
            both = pd.concat([self.table, new], ignore_index=True)
            self.table = both[~both[self.keys].astype(str).duplicated(keep="last")]
        else:
            self.table = new
        self.table = self.table.sort_values(self.keys, kind="stable", ignore_index=True)
        self.write(digits=8)

    def write(self, *, digits: int) -> None:
        """Writes the file, figures to so many digits."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self.path, self.table.to_csv(index=False, float_format=f"%.{digits}g"))

    def close(self) -> None:
        """Ends a run: nothing is left to write."""


class WholeTable(ResultsFile):
    """A table of one run on one machine: it replaces the file when the run ends, and never before.

    Args:
        name: File name without ending, in `benchmarks/results/`.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._rows: list[dict[str, Any]] = []

    def replace(self, rows: list[dict[str, Any]]) -> None:
        """Adds rows of this run."""
        self._rows += rows

    def close(self) -> None:
        """Writes the rows of this run, in their order, instead of those of an earlier one."""
        if self._rows:
            self.table = pd.DataFrame(self._rows)
            self.write(digits=4)
