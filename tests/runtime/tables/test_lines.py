"""Bytes as lines: encodings, ends of lines, what pads them."""

import io

import pytest

from runtime.errors import InputError
from runtime.tables.lines import Lines
from toys.table_damage import Trickle

TEXT = "time,a °C\n0,1\n60,2\n"


class Fixed:
    """Pieces of one size."""

    def __init__(self, size):
        self.size = size

    def choice(self, _):
        return self.size


def read(raw, size=None, *, live=False, wanted=()):
    file = io.BytesIO(raw) if size is None else Trickle(raw, Fixed(size))
    lines = Lines(file, "t.csv", live=live)
    return [line for batch in lines.batches(lines.head(wanted)) for line in batch], lines


@pytest.mark.parametrize("size", [None, 1, 2, 3, 7])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_ends_and_encodings(size, end, encoding):
    """LF, CRLF (also cut between two pieces) and CR in each encoding are the same lines."""
    if encoding.endswith("e") and size is not None:
        pytest.skip("without a mark, the first bytes tell it, which come at once")
    raw = TEXT.replace("\n", end).replace("time,a", "time and more,a").encode(encoding)
    found, lines = read(raw, size)
    assert found == ["time and more,a °C", "0,1", "60,2"]
    assert lines.is_whole or end == "\r"


def test_a_stray_cr_ends_a_line():
    """One of two systems wrote it."""
    assert read(b"time,a\n0,1\r60,2\n")[0] == ["time,a", "0,1", "60,2"]


def test_windows_1252():
    """Text that is no UTF-8, and was plain before, is read so, and said; in a pipe, too."""
    for live in (False, True):
        found, lines = read("time,a °C\n0,1\n".encode("cp1252"), live=live)
        assert found[0] == "time,a °C"
        assert lines.encoding == "cp1252"


def test_a_bad_byte_among_utf8():
    """It is refused by its row in a file; in a pipe the line comes all the same."""
    raw = "time,ä\n0,1\n60,\n".encode() + b"\xff,1\n"
    with pytest.raises(InputError, match="0xff in row 4"):
        read(raw)
    assert len(read(raw, live=True)[0]) == 4


def test_zero_bytes_are_counted():
    """A power cut pads with them."""
    found, lines = read(b"time,a\n0,1\n" + bytes(64) + b"60,2\n" + bytes(512))
    assert found[:3] == ["time,a", "0,1", "60,2"]
    assert lines.zeros == 576


def test_joined_exports():
    """The byte order mark of the second one is no part of a cell."""
    raw = "\ufefftime,a\n0,1\n\ufefftime,a\n60,2\n".encode()
    assert read(raw)[0] == ["time,a", "0,1", "time,a", "60,2"]


def test_what_nobody_sees():
    """Marks of direction and spaces without width, as copied tables have, are no part of a cell."""
    assert read("time,a\n\u200e0,\u200b1\n".encode())[0] == ["time,a", "0,1"]


def test_text_that_spreadsheets_keep():
    """="20.1" is 20.1."""
    assert read(b'time,a\n0,="20.1"\n')[0][1] == '0,"20.1"'


def test_a_half_line():
    """A growing log ends in one."""
    found, lines = read(b"time,a\n0,1\n60")
    assert found[-1] == "60"
    assert not lines.is_whole


def test_a_pipe_comes_as_far_as_its_header():
    """Titles are no header; rows without one are not waited for."""
    text = b"# made by hand\n\nPlant 7\ntime,flow\n0,1\n"
    lines = Lines(Trickle(text, Fixed(1)), "stdin", live=True)
    assert lines.head(["flow"])[-1] == "0,1"
    lines = Lines(Trickle(b"0,1\n60,2\n120,3\n", Fixed(1)), "stdin", live=True)
    assert lines.head(["column_2"]) == ["0,1", "60,2"]
    lines = Lines(Trickle(b'{"a": 1}\n{"a": 2}\n', Fixed(1)), "stdin", live=True)
    assert lines.head(["a"]) == ['{"a": 1}']


def test_empty():
    """Nothing, or nothing but white space."""
    for raw in (b"", b"\n\n", b"\xef\xbb\xbf\n"):
        with pytest.raises(InputError, match="empty file"):
            read(raw)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("'time','a'", '"time","a"'),
        ("0, '1,5' ;'2'", '0,"1,5" ;"2"'),
        ("'it''s',1", '"it\'s",1'),
        ("P1 'main',1'204.5", "P1 'main',1'204.5"),
        ("0,'12.5", "0,'12.5"),
        ("'2024-03-04 00:05:00,1", "2024-03-04 00:05:00,1"),
        ("\"a,'b',c\",1", "\"a,'b',c\",1"),
    ],
)
def test_cells_in_apostrophes(line, expected):
    """They are quoted, line by line; an apostrophe within a cell is a character."""
    found, _ = read(f"{line}\nx,y\n".encode())
    assert found == [expected, "x,y"]
