"""What of a table was no row, in sentences."""

import io

from runtime.tables.notes import cell_notes, notes_of
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


def test_comments_among_rows():
    """In the ways that the header may have them above it; those above it are none of the rows."""
    reader = reader_of("# by hand\n#time,a\n30,1\n# moved\n60,2\n// cleaned, again\n120,3\n")
    assert [block.values[:, 0].tolist() for block in reader] == [[1, 2, 3]]
    assert notes_of(reader) == [
        "1 line above the header is a title: '# by hand'",
        "2 comments among the rows left out",
    ]


def test_one_is_no_plural():
    """Of lines, cells and times."""
    reader = reader_of("Plant 7\ntime,a\n0,Bad\n60,2\nSum,2\n", lenient=True)
    list(reader)
    assert notes_of(reader) == [
        "1 line above the header is a title: 'Plant 7'",
        "1 line at the end left out, no row: 'Sum' in row 5",
    ]
    assert cell_notes(reader.cells[0]) == [
        "1 of 2 readings missing (50%)",
        "1 cell is a word (50%), taken as missing: 'Bad' 1 time",
    ]
