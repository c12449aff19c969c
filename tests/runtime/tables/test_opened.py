"""Files by their first bytes: unpacked, or with a word on how to export them."""

import gzip
import io
import tarfile
import zipfile

import pytest

from runtime.errors import InputError
from runtime.tables.opened import open_table

TEXT = b"time,a\n0,1\n60,2\n" * 50


def content(path):
    with open_table(path) as file:
        return file.read()


def zipped(path, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "/"), data)
    return path


def test_plain_and_packed(tmp_path):
    """Whatever they are called."""
    (tmp_path / "a.csv").write_bytes(TEXT)
    (tmp_path / "b.csv").write_bytes(gzip.compress(TEXT))
    zipped(tmp_path / "c.csv", table=TEXT)
    for name in ("a.csv", "b.csv", "c.csv"):
        assert content(tmp_path / name) == TEXT


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"\xd0\xcf\x11\xe0" + bytes(20), "Excel file .*Save as"),
        (b"SQLite format 3\0", "SQLite"),
        (b"PAR1" + bytes(20), "Parquet"),
        (b"%PDF-1.4", "PDF"),
        (b"\x28\xb5\x2f\xfd" + bytes(20), "Zstandard|unpacked"),
    ],
)
def test_other_files(tmp_path, raw, message):
    """The message says what it is and what to do."""
    (tmp_path / "x").write_bytes(raw)
    with pytest.raises(InputError, match=message):
        content(tmp_path / "x")


def test_archives_in_archives(tmp_path):
    """A tar archive begins with names, not with a table; what is packed twice is no text."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        member = tarfile.TarInfo("data.csv")
        member.size = len(TEXT)
        archive.addfile(member, io.BytesIO(TEXT))
    (tmp_path / "x.tar").write_bytes(file.getvalue())
    (tmp_path / "x.tar.gz").write_bytes(gzip.compress(file.getvalue()))
    for name in ("x.tar", "x.tar.gz"):
        with pytest.raises(InputError, match="tar archive. Unpack it"):
            content(tmp_path / name)
    (tmp_path / "x.gz").write_bytes(gzip.compress(gzip.compress(TEXT)))
    with pytest.raises(InputError, match="an archive in it. Unpack it once"):
        content(tmp_path / "x.gz")
    with pytest.raises(InputError, match="Parquet"):
        content(zipped(tmp_path / "x.zip", table=b"PAR1" + bytes(100)))


def test_archives(tmp_path):
    """Of spreadsheets, of several files."""
    with pytest.raises(InputError, match="xlsx"):
        content(zipped(tmp_path / "x", xl__workbook="<x>"))
    with pytest.raises(InputError, match=r"one file\. Received: 2, a, b"):
        content(zipped(tmp_path / "y", a=TEXT, b=TEXT))


@pytest.mark.parametrize("cut", [12, 40, -9])
def test_broken_archives(tmp_path, cut):
    """They are refused in one line."""
    (tmp_path / "x.gz").write_bytes(gzip.compress(TEXT)[:cut])
    with pytest.raises(InputError, match="cannot be unpacked"):
        content(tmp_path / "x.gz")
    path = zipped(tmp_path / "x.zip", table=TEXT)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(InputError, match="cannot be unpacked"):
        content(path)


def test_no_file(tmp_path):
    """The reason is the system's."""
    with pytest.raises(InputError, match="No such file"):
        content(tmp_path / "none.csv")
