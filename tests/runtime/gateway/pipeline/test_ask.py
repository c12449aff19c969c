"""Commands by files, asked and answered."""

import io
import threading

import pytest

from runtime.errors import InputError
from runtime.gateway.engine.orders import Orders
from runtime.gateway.operate.logs import Log
from runtime.gateway.pipeline.ask import NoAnswerError, ask
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


def test_a_command_that_takes_its_time_is_answered_twice(tmp_path, commander):
    """Accepted at once, and when it is done; who does not wait so long is told that it goes on."""
    taker, controls = commander
    orders, first = Orders({}), []

    def swapped(raw):
        controls.take()
        name, answer = orders.take({**raw, "id": next(iter(ids))})
        taker.answer([(name, answer)])

    ids = []
    taker._swap = lambda command: ids.append(command.id) or swapped(command.to_json())

    def work():
        while not ids:
            taker.look()

    swap = {"command": "swap", "model": "m", "file": "/m.onnx"}
    thread = threading.Thread(target=work)
    thread.start()
    with pytest.raises(NoAnswerError, match="accepted"):
        ask(tmp_path, swap, wait_s=2.0, accepted=first.append)
    thread.join()
    assert [one["changed"]["state"] for one in first] == ["accepted"]

    def refused(answer):
        taker.answer([orders.take({"id": answer["id"], "refused": "no model"})])

    ids.clear()
    thread = threading.Thread(target=work)
    thread.start()
    last = ask(tmp_path, swap, wait_s=20.0, accepted=refused)
    thread.join()
    assert last["error"] == "no model"


def test_no_command(tmp_path, commander):
    """What no gateway would take is refused before it is written; so is another folder."""
    with pytest.raises(InputError, match="must be one of"):
        ask(tmp_path, {"command": "sing"})
    with pytest.raises(InputError, match="state folder"):
        ask(tmp_path / "commands", {"command": "list"})
    assert list((tmp_path / "commands").iterdir()) == []
