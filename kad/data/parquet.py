"""Parquet and Arrow files, where pyarrow is installed."""

import io
from pathlib import Path
from typing import Any, BinaryIO

from runtime.errors import InputError, MissingExtraError
from runtime.tables.opened import PARQUET_MAGICS

__all__ = ["is_parquet", "parquet_as_csv"]

_LIST = "[0]"


def is_parquet(path: Path) -> bool:
    """Whether a file is Parquet or Arrow, by its first bytes."""
    try:
        with path.open("rb") as file:
            return path.is_file() and file.read(6).startswith(PARQUET_MAGICS)
    except OSError:
        return False


def parquet_as_csv(path: Path) -> BinaryIO:
    """Returns the CSV that a file stands for: its numbers are read as those of any other table.

    Structs are columns called `OUTER.INNER`; of lists nothing but that they are some is kept.

    Raises:
        InputError: The file is damaged.
        MissingExtraError: pyarrow is missing.
    """
    try:
        import pyarrow
        from pyarrow import ArrowException, csv, feather, parquet
    except ImportError as error:
        raise MissingExtraError(
            f"Reading {path} needs pyarrow: pip install 'kad-anomaly[parquet]'. Or write CSV."
        ) from error
    try:
        with path.open("rb") as file:
            is_arrow = file.read(6) == b"ARROW1"
        table: Any = feather.read_table(path) if is_arrow else parquet.read_table(path)
        while any(pyarrow.types.is_struct(kind) for kind in table.schema.types):
            table = table.flatten()
        for place, kind in enumerate(table.schema.types):
            if pyarrow.types.is_nested(kind):
                marks = pyarrow.array([_LIST] * table.num_rows, pyarrow.string())
                table = table.set_column(place, table.column_names[place], marks)
        text = io.BytesIO()
        csv.write_csv(table, text)
    except (ArrowException, OSError) as error:
        raise InputError(
            f"{path} cannot be read as Parquet: {' '.join(str(error).split())[:200]}."
        ) from error
    text.seek(0)
    return text
