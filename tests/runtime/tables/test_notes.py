"""What of a table was no row, in sentences."""

import io

from runtime.tables.notes import notes_of
from runtime.tables.reader import TableReader


def reader_of(text, channels=("a",), **options):
    return TableReader(io.BytesIO(text.encode()), channels, period_s=60.0, name="t.csv", **options)


def test_notes_of_a_table_that_is_not_read_to_its_end():
    """A stream that a signal ends has notes, too."""
    reader = reader_of('time,a,b\n0,1,\n60,2,"\n120,3,\n180,4,\n')
    reader.open()
    assert notes_of(reader) == []
    list(reader)
    assert notes_of(reader) == ["A quotation mark that does not close is a character, in row 3"]
