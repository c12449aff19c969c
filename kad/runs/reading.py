"""Reading a table for a detector: as the rows of its training were read."""

import os

from kad.data.tables import Table, read_table
from kad.detector import Detector
from runtime.tables.reading import Reading, learnt_reading

__all__ = ["read_for"]


def read_for(
    detector: Detector,
    data: str | os.PathLike[str],
    *,
    reading: Reading | None = None,
) -> Table:
    """Reads the channels of a detector.

    Args:
        detector: It is trained.
        data: The table.
        reading: How it is read, as far as the user says.

    Raises:
        InputError: See `kad.data.tables.read_table`.
    """
    return read_table(
        data,
        channels=detector.channels,
        period_s=detector.period_s,
        reading=reading,
        learnt=learnt_reading(detector.metadata.training),
        numbered=detector.grid == "rows",
    )
