"""Commands from MQTT, files and the page become entries; answers go back to who asked by a file."""

import json
import os
import time

import pytest

from runtime.gateway.pipeline.commander import ANSWERS, COMMANDS, Commander
from runtime.gateway.pipeline.controls import Controls
from runtime.gateway.samples import Message
from toys.fake_client import FakeClient
from toys.pipelines import Said

MUTE = {"command": "mute", "streams": "a/p7", "id": "7"}


class Rig:
    def __init__(self, folder):
        self.controls, self.said, self.client, self.swaps = Controls(), Said(), FakeClient(), []
        self.folder = folder
        self.commander = Commander(
            folder=folder,
            client=self.client,
            controls=self.controls,
            swap=self.swaps.append,
            clock_is_set=lambda: True,
            say=self.said,
        )

    def file(self, name, content):
        path = self.folder / COMMANDS / name
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())

    def taken(self):
        self.commander.look()
        return self.controls.take().commands


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path)


def message(document, **more):
    return Message(topic="kad/gw/command", payload=json.dumps(document).encode(), **more)


def test_a_command_of_mqtt_is_an_entry_with_its_origin(rig):
    """It is acknowledged; a retained one would come again at each connection, and is not taken."""
    rig.client.incoming = [message(MUTE), message(MUTE, retained=True)]
    (entry,) = rig.taken()
    assert (entry["command"], entry["id"]) == ("mute", "7")
    assert entry["origin"] == "mqtt kad/gw/command"
    assert abs(entry["time_ns"] - time.time_ns()) < 60 * 10**9
    assert len(rig.client.acked) == 2
    assert rig.said.kinds("warning") == ["command"]


def test_a_file_is_taken_once_and_its_name_is_the_answers(rig):
    rig.file("42.json", MUTE)
    (entry,) = rig.taken()
    assert entry["id"] == "file-42"
    assert entry["origin"].startswith("file ")
    assert rig.taken() == []
    rig.commander.answer([("file-42", '{"ok":true}'), ("7", '{"ok":true}')])
    (answer,) = (rig.folder / ANSWERS).iterdir()
    assert (answer.name, answer.read_text()) == ("file-42.json", '{"ok":true}')


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"x" * 100_000, b'{"command":1}'])
def test_what_is_no_command_is_answered_so(rig, content):
    """And is gone, so that it is not read again."""
    rig.file("bad.json", content)
    (entry,) = rig.taken()
    assert "Received" in entry["refused"]
    assert list((rig.folder / COMMANDS).iterdir()) == []


def test_a_swap_goes_to_who_verifies_first(rig):
    rig.file("1.json", {"command": "swap", "model": "m", "file": "/m.onnx"})
    assert rig.taken() == []
    assert [one.file for one in rig.swaps] == ["/m.onnx"]


def test_the_page_mutes_and_unmutes(rig):
    """For a time, without end, and no longer."""
    now = time.time_ns()
    for until_ns in (now + 3600 * 10**9, -1, None):
        rig.commander.mute("a/p7", "flow", until_ns, "http 127.0.0.1")
    timed, endless, lifted = rig.controls.take().commands
    assert timed["rest_s"] == pytest.approx(3600, abs=60)
    assert (endless["rest_s"], endless["until_ns"]) == (None, None)
    assert (lifted["command"], lifted["channel"]) == ("unmute", "flow")


def test_answers_that_nobody_has_read_for_a_day_go(rig):
    old, new = (rig.folder / ANSWERS / name for name in ("old.json", "new.json"))
    for path in (old, new):
        path.write_text("{}")
    os.utime(old, (time.time() - 100_000,) * 2)
    rig.file("1.json", MUTE)
    rig.taken()
    assert [path.name for path in (rig.folder / ANSWERS).iterdir()] == ["new.json"]
