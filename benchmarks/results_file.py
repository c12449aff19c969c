"""Result tables that survive an interruption: one CSV per benchmark, one row per case."""

from pathlib import Path
from typing import Any

import pandas as pd

from kad.files import write_atomically

RESULTS = Path(__file__).parent / "results"


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
        """Says whether the case is finished."""
        if self.table.empty:
            return False
        same = pd.Series(data=True, index=self.table.index)
        for key in self.keys:
            same &= self.table[key].astype(str) == str(case[key])
        return bool(same.any())

    def add(self, **row: Any) -> None:
        """Adds a finished case and writes the file."""
        self.table = pd.concat([self.table, pd.DataFrame([row])], ignore_index=True)
        self.table = self.table.sort_values(self.keys, kind="stable", ignore_index=True)
        RESULTS.mkdir(exist_ok=True)
        write_atomically(self.path, self.table.to_csv(index=False, float_format="%.6g"))
