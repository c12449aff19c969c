"""What the next life is to know: read, or said why not."""

import json

import pytest

from runtime.errors import JournalError
from runtime.gateway.journal.meta import Meta, read_meta, write_meta
from toys.disks import CODES, FaultyDisk

META = Meta(
    filters={"mqtt": ("a/+/data", "b/#")},
    sessions={"mqtt": "localhost:1883 kad-gw1-mqtt"},
    swapped={"pump": ("/etc/kad/pump-2.onnx", "/etc/kad/pump.onnx")},
    ended=True,
)


def test_it_is_read_back(tmp_path):
    """As it was written; a missing one is no error, and nothing to say."""
    path = tmp_path / "state" / "meta.json"
    assert read_meta(path) == (None, "")
    write_meta(path, META)
    assert read_meta(path) == (META, "")
    assert [one.name for one in path.parent.iterdir()] == ["meta.json"]


def test_damage_is_said_and_no_crash(tmp_path):
    """Cut or changed at any byte, or something else altogether."""
    path = tmp_path / "meta.json"
    write_meta(path, META)
    content = path.read_bytes()
    damaged = [content[:at] for at in range(len(content) - 2)]
    damaged += [
        content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :] for at in range(len(content))
    ]
    damaged += [b"[]", b"3", b"null", b"\xff", b"{}", b"[" * 100_000, b'{"format": {}}', bytes(9)]
    for each in damaged:
        path.write_bytes(each)
        meta, note = read_meta(path)
        assert meta in (None, META)
        assert (meta is None) == ("must be what a gateway of format 1 wrote. Received: " in note)
        assert "\n" not in note


def test_another_format_is_said(tmp_path):
    """Nothing is guessed from it."""
    path = tmp_path / "meta.json"
    path.write_text(json.dumps({"format": 7, "anything": 1}))
    meta, note = read_meta(path)
    assert meta is None
    assert "Received: format 7." in note


@pytest.mark.parametrize("code", CODES)
def test_a_disk_that_refuses(tmp_path, code):
    """The old one stays, or the new one is whole, at every call."""
    path = tmp_path / "meta.json"
    now = Meta(filters={"other": ("x",)})
    counter = FaultyDisk()
    write_meta(path, META, disk=counter)
    for at in range(1, counter.calls + 1):
        write_meta(path, META)
        try:
            write_meta(path, now, disk=FaultyDisk(lambda call, _, at=at: code if call == at else 0))
            allowed = [now]
        except JournalError:
            allowed = [META, now]
        assert read_meta(path)[0] in allowed
    assert [one.name for one in tmp_path.iterdir()] == ["meta.json"]
    assert "Received: " in read_meta(path, disk=FaultyDisk(lambda *_: code))[1]
