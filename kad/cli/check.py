"""`kad check`."""

from typing import Annotated

import typer

from kad.cli.command import DataFile, command, results
from kad.cli.reading import (
    DecimalOption,
    FormatOption,
    MissingOption,
    TimeOption,
    UnitOption,
    ZoneOption,
    reading_of,
)


@command
def check(
    data: DataFile,
    time: TimeOption = None,
    time_format: FormatOption = None,
    time_unit: UnitOption = None,
    timezone: ZoneOption = None,
    decimal: DecimalOption = None,
    missing: MissingOption = None,
    long: Annotated[
        bool, typer.Option("--long", help="A row is one reading of one channel.")
    ] = False,
) -> None:
    """Say what a table holds and how it is read, without training.

    Delimiter, times, period, gaps, every column and what is odd about it, and what to put into
    `[data]`.
    """
    from kad.data.check import check_table
    from kad.data.tables import read_table

    reading = reading_of(
        time=time,
        time_format=time_format,
        time_unit=time_unit,
        timezone=timezone,
        decimal=decimal,
        missing=missing,
    )
    table = read_table(data, reading=reading, long=long)
    for line in check_table(table):
        results.print(line, markup=False, soft_wrap=True)
