"""Labelled windows."""

import pytest

from kad.data.labels import read_labels
from runtime.errors import InputError


def write(tmp_path, text):
    """Writes a CSV."""
    path = tmp_path / "data.csv"
    path.write_text(text)
    return path


def test_labels(tmp_path):
    """Windows are read as nanoseconds; a window that ends before it starts is refused."""
    path = write(tmp_path, "start,end,kind\n1970-01-01 00:00:01,1970-01-01 00:00:02,x\n")
    assert read_labels(path) == [(10**9, 2 * 10**9)]
    with pytest.raises(InputError, match="Row 2 .* ends before"):
        read_labels(write(tmp_path, "start,end\n2025-01-02,2025-01-01\n"))
    with pytest.raises(InputError, match="data.csv cannot be read: Times must be .*'' in row 3"):
        read_labels(write(tmp_path, "start,end\n2025-01-01,2025-01-02\n2025-01-03\n"))
    with pytest.raises(InputError, match="start and end"):
        read_labels(write(tmp_path, "from,to\n2025-01-02,2025-01-01\n"))


@pytest.mark.parametrize("text", ["", "start,end\n", "\ufeffstart,end\r\n\r\n", "\n"])
def test_labels_without_a_window_are_refused(tmp_path, text):
    """An empty file, or a header alone: figures against nothing would be zeros."""
    with pytest.raises(InputError, match="at least one window. Received: no rows"):
        read_labels(write(tmp_path, text))


def test_devices_are_no_labels():
    """They may have no end."""
    with pytest.raises(InputError, match="must be a file. Received: /dev/zero, a device"):
        read_labels("/dev/zero")


def test_row_numbers_are_no_days_of_excel(tmp_path):
    """45355 is a row here, though it could be a day elsewhere."""
    path = write(tmp_path, "start,end\n45355,45360\n")
    assert read_labels(path) == [(45_355 * 10**9, 45_360 * 10**9)]
