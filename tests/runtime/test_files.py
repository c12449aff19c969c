"""Outputs: whole or not at all."""

import os
from pathlib import Path

import pytest

from runtime.errors import InputError
from runtime.files import check_outputs, open_output, replacing, write_atomically


def test_files_appear_whole_or_not_at_all(tmp_path):
    """On an error the old file stays and no temporary is left; on success it is replaced."""
    target = tmp_path / "scores.csv"
    target.write_text("old")
    with pytest.raises(TypeError), open_output(str(target)) as file:
        file.write("text is no bytes")
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["scores.csv"]
    with open_output(str(target)) as file:
        file.write(b"new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["scores.csv"]


def test_outputs_that_cannot_be_files(tmp_path):
    """A missing folder is an error; a device is written to, not replaced."""
    with pytest.raises(InputError, match="No such file"), open_output(str(tmp_path / "no" / "f")):
        pass
    with pytest.raises(InputError, match="directory"), open_output(str(tmp_path)):
        pass
    with open_output(os.devnull) as file:
        file.write(b"x")
    assert Path(os.devnull).is_char_device()


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_interrupts_and_failed_writes_leave_the_old_file(tmp_path, monkeypatch, error):
    """Ctrl+C and a full disk come through as they are, and clean up."""

    def fail(_):
        raise error

    target = tmp_path / "scores.csv"
    target.write_text("old")
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(error), replacing(target) as file:
        file.write(b"half")
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["scores.csv"]


def test_links_stay_links(tmp_path):
    """What a link points to is replaced, not the link."""
    target, link = tmp_path / "real.csv", tmp_path / "link.csv"
    link.symlink_to(target)
    for text in (b"one", b"two"):
        with replacing(link) as file:
            file.write(text)
        assert target.read_bytes() == text
        assert link.is_symlink()


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


@pytest.fixture
def data(tmp_path):
    """A file with other names: a symbolic link, a hard link, a way around."""
    path = tmp_path / "data.csv"
    path.write_text("time,a\n")
    (tmp_path / "link.csv").symlink_to(path)
    (tmp_path / "hard.csv").hardlink_to(path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop.csv").symlink_to(tmp_path / "loop.csv")
    (tmp_path / "new.csv").symlink_to(tmp_path / "folder" / "new.csv")
    return path


@pytest.mark.parametrize("name", ["data.csv", "link.csv", "hard.csv", "folder/../data.csv"])
def test_what_is_read_is_not_written(data, name):
    """By whatever name; one line names both, and what to do."""
    output = data.parent / name
    with pytest.raises(InputError) as told:
        check_outputs({"-o": str(output)}, inputs={"--labels": None, "the data": data})
    assert str(told.value) == (
        "-o must not be the same file as the data. "
        f"Received: {output} and {data}. Name another file."
    )
    with pytest.raises(InputError, match="Move it"):
        check_outputs({"-o": data}, inputs={"the data": output}, advice="Move it.")


def test_outputs_are_files_of_their_own(data):
    """Also where none of them exists yet."""
    folder = data.parent
    for a, b in [("x", "folder/../x"), ("new.csv", "folder/new.csv"), ("link.csv", "hard.csv")]:
        with pytest.raises(InputError, match="--events must not be the same file as -o"):
            check_outputs({"-o": folder / a, "--events": folder / b}, inputs={})


def test_other_files_are_free(data):
    """Devices, folders and pipes are nobody's place; what does not exist is another file."""
    folder = data.parent
    check_outputs({"-o": folder / "x", "--events": folder / "y"}, inputs={"the data": data})
    check_outputs({"-o": folder / "loop.csv"}, inputs={"the data": folder / "loop.csv"})
    for path in (os.devnull, folder):
        check_outputs({"-o": path, "--events": path}, inputs={"the data": path})
    check_outputs({"-o": None}, inputs={"the data": None})


def test_a_redirected_stream_is_its_file(data, monkeypatch):
    """`< data.csv -o data.csv`, and `data.csv >> data.csv`, which would read what it writes."""
    with data.open() as source, monkeypatch.context() as patch:
        patch.setattr("sys.stdin", source)
        with pytest.raises(InputError, match="-o must not be the same file as the data"):
            check_outputs({"-o": data}, inputs={"the data": "-"})
        check_outputs({"-o": data.with_name("x")}, inputs={"the data": "-"})
    with data.open("a") as target, monkeypatch.context() as patch:
        patch.setattr("sys.stdout", target)
        with pytest.raises(InputError, match="-o must not be the same file as the data"):
            check_outputs({"-o": "-"}, inputs={"the data": data})
