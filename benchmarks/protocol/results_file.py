"""Result tables that survive an interruption: one CSV per benchmark, one row per case."""

from pathlib import Path
from typing import Any

import pandas as pd

from runtime.files import write_atomically

RESULTS = Path(__file__).parent.parent / "results"


class ResultsFile:
    """Rows of finished cases; asking for a finished case again costs nothing.

    Args:
        name: File name without ending, in `benchmarks/results/`.
        keys: Columns that identify a case.
        fresh: Forget earlier rows.
    """

    def __init__(self, name: str, keys: tuple[str, ...], *, fresh: bool = False) -> None:
        self.path = RESULTS / f"{name}.csv"
        self.keys = list(keys)
        exists = self.path.is_file() and not fresh
        self.table = pd.read_csv(self.path) if exists else pd.DataFrame()

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
        """Adds a finished case, instead of an earlier row of the same, and writes the file."""
        self.replace([row])

    def replace(self, rows: list[dict[str, Any]]) -> None:
        """Adds finished cases, instead of earlier rows of the same, and writes the file."""
        if not rows:
            return
        new = pd.DataFrame(rows)
        if not self.table.empty:
            both = pd.concat([self.table, new], ignore_index=True)
            self.table = both[~both[self.keys].astype(str).duplicated(keep="last")]
        else:
            self.table = new
        self.table = self.table.sort_values(self.keys, kind="stable", ignore_index=True)
        RESULTS.mkdir(exist_ok=True)
        write_atomically(self.path, self.table.to_csv(index=False, float_format="%.6g"))
