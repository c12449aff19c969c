"""Files of runs, data sets and benchmarks: whole or not at all, with one kind of error."""

import os

import pytest

from runtime.errors import InputError
from runtime.files import write_atomically


def test_text_and_bytes_replace_the_old_file(tmp_path):
    path = tmp_path / "config.toml"
    for content in ("é\n", b"\x00\n"):
        write_atomically(path, content)
        assert path.read_bytes() == (content.encode() if isinstance(content, str) else content)
    assert list(tmp_path.iterdir()) == [path]


def test_failures_are_input_errors_and_leave_the_old_file(tmp_path, monkeypatch):
    """A full disk, found when the file is synced; a folder in its place; no folder at all."""
    path = tmp_path / "config.toml"
    path.write_text("old")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError) as told:
        write_atomically(path, "new")
    assert str(told.value) == f"{path} cannot be written: No space left on device."
    assert path.read_text() == "old"
    with pytest.raises(InputError, match="cannot be written: Is a directory"):
        write_atomically(tmp_path, "new")
    with pytest.raises(InputError, match="none/x cannot be written: No such file"):
        write_atomically(tmp_path / "none" / "x", "new")
    assert list(tmp_path.iterdir()) == [path]


def test_interruption_leaves_the_old_file(tmp_path, monkeypatch):
    """Ctrl+C while writing is no error of its own."""

    def interrupt(_):
        raise KeyboardInterrupt

    path = tmp_path / "config.toml"
    path.write_text("old")
    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
