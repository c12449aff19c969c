"""Faults of the field: what the gateway says, that it goes on, and that it recovers by itself."""

import contextlib
import getpass
import json
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request

import numpy as np
import pytest

from benchmarks.gateway.broker import Broker
from benchmarks.gateway.crash import MODEL, Trial
from benchmarks.gateway.process import Gateway, Helper, until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin") is None,
        reason="needs Mosquitto: apt-get install mosquitto",
    ),
]
_WAIT_S = 90.0


class Field:
    """A broker, a gateway, a publisher and a watcher, in a folder."""

    def __init__(self, folder):
        self.folder = folder
        Trial(streams=20, every_s=0.1).plan().save(folder / "plan.json")
        (folder / "broker").mkdir()
        self.broker = Broker(folder / "broker").start()
        self.gateway = Gateway(folder, MODEL, broker=self.broker.port, threshold=4.0)
        self.watcher = Helper("watch", folder, self.broker.port)
        self.publisher = Helper("publish", folder, self.broker.port)

    def begin(self):
        """Starts all, and waits for the first scores."""
        self.watcher.start()
        until((self.folder / "seen").exists, timeout_s=_WAIT_S, what="the watcher")
        self.gateway.start()
        self.ready()
        self.publisher.start()
        self.more()

    def ready(self):
        until(self.gateway.is_ready, timeout_s=_WAIT_S, what="the gateway is ready")

    def more(self, count=100):
        """Waits for so many more scores."""
        aim = self.seen() + count
        until(lambda: self.seen() >= aim, timeout_s=_WAIT_S, what=f"{count} more scores")

    def seen(self):
        text = (self.folder / "seen").read_text()
        return int(text.split()[0]) if text else 0

    def why(self):
        """Why it is not ready."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.gateway.http}/readyz") as answer:
                return json.load(answer)["reasons"]
        except urllib.error.HTTPError as error:
            return json.load(error)["reasons"]
        except OSError:  # it starts
            return []

    def waits_for(self, text):
        """Waits until it says that it is not ready, and why."""

        def said():
            return any(text in reason for reason in self.why())

        until(said, timeout_s=_WAIT_S, what=f"it says {text!r}")

    def end(self):
        """Ends it well, when all that was published has a score; returns samples and scores."""
        (self.folder / "enough").touch()
        until((self.folder / "published").exists, timeout_s=_WAIT_S, what="all is published")
        sent = np.load(self.folder / "published.npz")["sent"]
        count = int(np.count_nonzero(sent))
        until(lambda: self.seen() >= count, timeout_s=_WAIT_S, what="all have scores")
        assert self.gateway.end() == 0
        self.watcher.end()
        found = np.load(self.folder / "watched.npz")
        return count, set(zip(found["stream"].tolist(), found["time_ms"].tolist(), strict=True))

    def close(self):
        for one in (self.gateway, self.watcher, self.publisher):
            one.end(signal.SIGKILL)
        self.broker.kill()


@pytest.fixture
def field(tmp_path):
    """All of it, not started but for the broker."""
    made = Field(tmp_path)
    yield made
    made.close()


@pytest.fixture
def mount():
    """Mounts file systems, where one may; they go with the test."""
    mounted = []

    def mount_one(place, *options):
        done = subprocess.run(["mount", *options, place], capture_output=True, check=False)
        if done.returncode:
            pytest.skip(f"cannot mount as {getpass.getuser()}")
        mounted.append(place)

    yield mount_one
    for place in mounted:
        subprocess.run(["umount", "-l", place], check=False)


def fill(path):
    """Writes a file until there is no room left."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(1024)):
            pass


def test_a_full_disk_is_said_scoring_goes_on_and_nothing_is_lost(field, mount):
    """Nothing is acknowledged meanwhile; with room again it goes on by itself."""
    state = field.gateway.state
    state.mkdir()
    mount(state, "-t", "tmpfs", "-o", "size=2m", "tmpfs")
    field.begin()
    fill(state / "filler")
    field.waits_for("No space left on device")
    field.more()
    (state / "filler").unlink()
    field.ready()
    count, scores = field.end()
    assert len(scores) == count
    assert field.gateway.said().count("nothing is acknowledged") <= 3


def test_a_read_only_state_folder_is_said_and_scoring_goes_on(field, mount):
    """From the start, with what an earlier life left there; it is written when it can be."""
    state = field.gateway.state
    state.mkdir()
    inner = field.folder / "inner"
    inner.mkdir()
    mount(state, "--bind", inner)
    field.begin()
    field.gateway.end(signal.SIGKILL)
    subprocess.run(["mount", "-o", "remount,ro,bind", state], check=True)
    field.gateway.start()
    field.waits_for("Read-only file system")
    field.more()
    subprocess.run(["mount", "-o", "remount,rw,bind", state], check=True)
    field.ready()
    count, scores = field.end()
    assert len(scores) == count


def test_half_a_snapshot_and_half_a_record_cost_no_more_than_that(field):
    """A torn record was not acknowledged in life: here it was, and its rows are a hole."""
    field.begin()
    field.gateway.end()
    snapshots = sorted((field.gateway.state / "snapshots").glob("*.snapshot"))
    (segment,) = (field.gateway.state / "journal").glob("*.segment")
    for path, keep in ((snapshots[-1], snapshots[-1].stat().st_size // 2), (segment, -7)):
        with path.open("r+b") as file:
            file.truncate(keep if keep > 0 else path.stat().st_size + keep)
    field.gateway.start()
    field.ready()
    field.more()
    said = field.gateway.said()
    assert "must be whole" in said
    assert "a record is short" in said
    assert "Rows were scored again from the journal." in said
    field.end()


@pytest.mark.parametrize("keep", [0, 10, 5000, -1])
def test_a_model_that_is_cut_short_is_one_line(field, keep):
    """It never starts with one; nothing of the state is touched."""
    model = field.folder / "model.onnx"
    content = MODEL.read_bytes()
    model.write_bytes(content[:keep])
    gateway = Gateway(field.folder, model, broker=field.broker.port, threshold=4.0)
    gateway.start()
    until(lambda: gateway.code is not None, timeout_s=_WAIT_S, what="it ends")
    assert gateway.code == 2
    (line,) = gateway.said().splitlines()
    assert str(model) in line
    assert not gateway.state.exists()


def test_a_broker_that_refuses_is_said_until_it_takes(field):
    """The gateway goes on trying, and says so rarely."""
    config = field.folder / "broker/mosquitto.conf"
    open_to_all = config.read_text()
    field.broker.stop()
    config.write_text(open_to_all.replace("allow_anonymous true", "allow_anonymous false"))
    field.broker.start()
    field.gateway.start()
    field.waits_for("not authorized")
    time.sleep(2.0)
    assert field.gateway.code is None
    assert field.gateway.said().count("not authorized") <= 2
    field.broker.stop()
    config.write_text(open_to_all)
    field.broker.start()
    field.ready()
    assert field.gateway.end() == 0
