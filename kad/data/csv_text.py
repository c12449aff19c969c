"""Frames as CSV that a spreadsheet may open."""

import pandas as pd

from runtime.tables.formulas import as_text

__all__ = ["csv_text"]


def csv_text(frame: pd.DataFrame, *, index_label: str | None = None) -> str:
    """Returns a frame as CSV; text that a spreadsheet would run is written as text.

    Args:
        frame: Columns of numbers or text.
        index_label: Name of the index's column; the index is left out where not given.
    """
    safe = frame.rename(columns=lambda name: as_text(str(name)))
    for at in range(frame.shape[1]):
        if not pd.api.types.is_numeric_dtype(frame.dtypes.iloc[at]):
            cells = safe.iloc[:, at].map(lambda x: as_text(x) if isinstance(x, str) else x)
            safe.isetitem(at, cells.to_numpy())
    return str(safe.to_csv(index=index_label is not None, index_label=index_label))
