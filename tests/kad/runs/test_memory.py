"""What does not fit into this machine is said before it is trained or exported."""

import numpy as np
import pandas as pd
import pytest

from export import export
from kad.config import build_config
from kad.detectors.gaussian import MovingGaussian
from kad.detectors.memory import Memory
from kad.runs.memory import VARIABLE, check_training, free_bytes
from kad.runs.train import train
from runtime.errors import ConfigError, InputError

MEMINFO = "MemTotal:  16000000 kB\nMemAvailable:  8000000 kB\nSwapFree:  1000 kB\n"


def machine(root, files):
    """Files below `root` as Linux has them."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="ascii")
    return root


def test_the_machine_says_what_is_free(tmp_path):
    """Without containers, what is available and swap."""
    assert free_bytes(machine(tmp_path, {"proc/meminfo": MEMINFO})) == 8_001_000 * 1024


GROUPS = {
    "version 2": {
        "proc/self/cgroup": "0::/a/b\n",
        "sys/fs/cgroup/a/memory.max": "2000000000\n",
        "sys/fs/cgroup/a/memory.current": "900000000\n",
        "sys/fs/cgroup/a/memory.stat": "anon 500000000\ninactive_file 400000000\n",
        "sys/fs/cgroup/a/b/memory.max": "max\n",
        "sys/fs/cgroup/a/b/memory.current": "1\n",
    },
    "version 1": {
        "proc/self/cgroup": "9:name=systemd:/\n4:memory:/elsewhere\n",
        "sys/fs/cgroup/memory/memory.limit_in_bytes": "2000000000\n",
        "sys/fs/cgroup/memory/memory.usage_in_bytes": "900000000\n",
        "sys/fs/cgroup/memory/memory.stat": "total_inactive_file 400000000\n",
    },
}


@pytest.mark.parametrize("name", GROUPS)
def test_a_container_has_less(tmp_path, name):
    """The limit of an outer control group holds, less what is taken; cache can be had back."""
    root = machine(tmp_path, {"proc/meminfo": MEMINFO, **GROUPS[name]})
    assert free_bytes(root) == 1_500_000_000


def test_a_variable_wins(monkeypatch):
    """A person may say how much there is; what is no number is refused."""
    monkeypatch.setenv(VARIABLE, "1500")
    assert free_bytes() == 1_500_000_000
    monkeypatch.setenv(VARIABLE, "2 GB")
    with pytest.raises(ConfigError, match="number of megabytes. Received: '2 GB'"):
        free_bytes()


def test_what_does_not_fit_says_what_would(monkeypatch):
    """One line: what is needed and free, on how many channels it fits, and which detector does."""
    monkeypatch.setenv(VARIABLE, "1600")
    detector = Memory([f"c{i}" for i in range(100)])
    with pytest.raises(InputError) as caught:
        check_training(detector, 1000)
    message = str(caught.value)
    assert "memory on 100 channels and 1000 rows needs about" in message
    assert "Received: 1.6 GB free" in message
    assert "--detector memory --preset tiny" in message
    fits = int(message.split("at most ")[1].split(maxsplit=1)[0])
    check_training(Memory([f"c{i}" for i in range(fits)]), 1000)
    with pytest.raises(InputError):
        check_training(Memory([f"c{i}" for i in range(fits + 1)]), 1000)


def test_nothing_may_fit(monkeypatch):
    """Where no detector does, none is named."""
    monkeypatch.setenv(VARIABLE, "10")
    with pytest.raises(InputError, match="No detector fits"):
        check_training(MovingGaussian(["a"]), 1000)


def test_training_and_export_ask_first(monkeypatch, tmp_path):
    """A run that does not fit writes nothing, and neither does an export."""
    frame = pd.DataFrame({"a": np.sin(np.arange(400.0))}, index=np.arange(400) * 60)
    config = build_config(detector="gaussian", preset="tiny")
    with monkeypatch.context() as patch:
        patch.setenv(VARIABLE, "10")
        with pytest.raises(InputError, match="needs about"):
            train(config, frame, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
    train(config, frame, out=tmp_path / "run")
    monkeypatch.setenv(VARIABLE, "10")
    with pytest.raises(InputError, match="Export needs about 1.1 GB of memory"):
        export(tmp_path / "run")
    assert not list((tmp_path / "run").glob("*.onnx"))
