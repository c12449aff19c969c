"""Parquet and Arrow files, where pyarrow is installed."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kad.data.survey import Column, survey
from runtime.errors import InputError, MissingExtraError
from runtime.tables.columns import Block
from runtime.tables.opened import PARQUET_MAGICS
from runtime.tables.reader import TableReader
from runtime.tables.reading import Reading

__all__ = ["is_parquet", "read_parquet"]


def is_parquet(path: Path) -> bool:
    """Whether a file is Parquet or Arrow, by its first bytes."""
    try:
        with path.open("rb") as file:
            return path.is_file() and file.read(6).startswith(PARQUET_MAGICS)
    except OSError:
        return False


def read_parquet(
    path: Path, channels: Sequence[str] | None, reading: Reading
) -> tuple[TableReader, np.ndarray, np.ndarray, list[Column]]:
    """Reads all rows.

    Returns:
        As `kad.data.long_tables.read_long`.

    Raises:
        InputError: The file is damaged.
        MissingExtraError: pyarrow is missing.
    """
    try:
        from pyarrow import ArrowException, csv, feather, parquet
    except ImportError as error:
        raise MissingExtraError(
            f"Reading {path} needs pyarrow: pip install 'kad-anomaly[parquet]'. Or write CSV."
        ) from error
    try:
        with path.open("rb") as file:
            is_arrow = file.read(6) == b"ARROW1"
        table: Any = feather.read_table(path) if is_arrow else parquet.read_table(path)
        text = io.BytesIO()
        csv.write_csv(table, text)
    except (ArrowException, OSError) as error:
        raise InputError(
            f"{path} cannot be read as Parquet: {' '.join(str(error).split())[:200]}."
        ) from error
    text.seek(0)
    reader = TableReader(text, channels, period_s=1.0, reading=reading, name=str(path))
    times, values = Block.joined(list(reader))
    return (
        reader,
        times,
        values,
        survey(reader.cells, values, reader.units, chosen=channels is not None),
    )
