"""Commands by files, asked and answered."""

import io
import json
import threading

import pytest

from runtime.errors import InputError
from runtime.gateway.answer_text import answer_lines
from runtime.gateway.ask import NoAnswerError, ask
from runtime.gateway.engine.orders import Orders
from runtime.gateway.operate.logs import Log
from runtime.gateway.pipeline.commander import Commander
from runtime.gateway.pipeline.controls import Controls


@pytest.fixture
def commander(tmp_path):
    """What takes commands in a gateway, and the controls behind it."""
    controls = Controls()
    commander = Commander(
        folder=tmp_path,
        client=None,
        controls=controls,
        swap=lambda _: None,
        clock_is_set=lambda: True,
        say=Log(stream=io.StringIO()),
    )
    return commander, controls


@pytest.fixture
def answering(commander):
    """A gateway without streams that takes and answers commands."""
    taker, controls = commander
    ended, orders = threading.Event(), Orders({})

    def work():
        while not ended.wait(0.01):
            taker.look()
            taker.answer([orders.take(raw) for raw in controls.take().commands])

    thread = threading.Thread(target=work)
    thread.start()
    yield
    ended.set()
    thread.join()


@pytest.mark.usefixtures("answering")
def test_answered(tmp_path):
    """Done or refused is said, and no file is left."""
    done = ask(tmp_path, {"command": "list", "what": "mutes"})
    assert done["ok"]
    assert done["changed"] == {"mutes": []}
    refused = ask(tmp_path, {"command": "mute", "streams": "a/p7", "for": "2h"})
    assert not refused["ok"]
    assert "fits none" in refused["error"]
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_nobody_there(tmp_path, commander):
    """A command that nobody takes is taken back: no later start finds it."""
    with pytest.raises(NoAnswerError, match="taken back") as raised:
        ask(tmp_path, {"command": "list"}, wait_s=0.1)
    assert raised.value.exit_code == 1
    assert list((tmp_path / "commands").iterdir()) == []


def test_no_answer(tmp_path, commander):
    """A command that was taken may still be done: that is said."""
    taker, _ = commander
    thread = threading.Timer(0.1, taker.look)
    thread.start()
    with pytest.raises(NoAnswerError, match="may still be"):
        ask(tmp_path, {"command": "list"}, wait_s=1.0)
    thread.join()


def test_no_command(tmp_path, commander):
    """What no gateway would take is refused before it is written; so is another folder."""
    with pytest.raises(InputError, match="must be one of"):
        ask(tmp_path, {"command": "sing"})
    with pytest.raises(InputError, match="state folder"):
        ask(tmp_path / "commands", {"command": "list"})
    assert list((tmp_path / "commands").iterdir()) == []


MUTE = {
    "streams": "a/p7", "channel": "flow", "rest_s": 7200.0, "until_ns": None, "since_ns": 0,
    "by": "eva", "why": "cleaning",
}  # fmt: skip
ENDLESS = {**MUTE, "channel": "", "rest_s": None, "why": ""}
DATED = {**MUTE, "until_ns": 1_772_359_200 * 10**9}


@pytest.mark.parametrize(
    ("word", "changed", "lines"),
    [
        ("mute", MUTE, ["Muted: a/p7, channel flow for 2 h, by eva (cleaning)."]),
        ("mute", ENDLESS, ["Muted: a/p7 until it is unmuted, by eva."]),
        ("unmute", [], ["Nothing was muted under this name."]),
        (
            "unmute",
            [DATED],
            [("No longer muted: a/p7, channel flow until 2026-03-01 10:00:00 UTC, by eva "
             "(cleaning).")],
        ),
        ("threshold", {"a/p7": 4.25}, ["a/p7: alarms from severity 4.25"]),
        ("limits", None, ["Limits: those of the configuration."]),
        ("limits", {"flow": {"low": 0.0, "high": None, "deadband": 0.0}},
         ["Limits of flow: low 0."]),
        ("running", "off", ["The machines count as standing still."]),
        ("swap", {"model": "pump", "file": "/m.onnx"},
         ["/m.onnx is verified, and takes the place of the model pump."]),
        (
            "list",
            {"mutes": [], "streams": {"pump": ["a/p7"]}, "models": {"pump": "9f2c"},
             "events": [{"stream": "a/p7", "start_ns": 0, "severity": 4.5}], "running": ["a/p8"],
             "thresholds": {"a/p7": 4.0}},
            ["Muted: none", "Streams:", "  a/p7  (pump)", "Models:", "  pump  9f2c",
             "Open events:", "  a/p7  since 1970-01-01 00:00:00 UTC, severity up to 4.50",
             "Machines that stand still:", "  a/p8", "Alarms from severity:", "  a/p7  4.00"],
        ),
        ("later", 3, ["3"]),
    ],
)  # fmt: skip
def test_text(word, changed, lines):
    """What holds now, in sentences and lists."""
    answer = json.loads(json.dumps({"ok": True, "command": word, "changed": changed}))
    assert answer_lines(answer) == lines
