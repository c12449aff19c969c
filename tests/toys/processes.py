"""Gateways as processes of their own, over the golden detectors, fed by stdin or a file."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np

from toys.golden import FOLDER

START_S = 1_709_287_200
PERIOD_S = 600
_LONGEST_S = 30.0


def values(step):
    """Calm numbers with a fault now and then."""
    random = np.random.default_rng(step)
    return (random.normal(size=2) + (12.0 if step % 29 > 26 else 0.0)).round(4).tolist()


def lines(steps, stream="p1"):
    """JSON lines of a stream, one a step."""
    for step in steps:
        a, b = values(step)
        made = {"ts": START_S + step * PERIOD_S, "device": stream, "a": a, "b": b}
        yield json.dumps(made).encode() + b"\n"


CONFIG = """\
[gateway]
name = "gw"
tick_s = 0.02
reload_s = {reload_s}
[http]
enabled = false
[[model]]
key = "m"
file = "{model}"
{more_model}
[[source]]
{source}
[[sink]]
kind = "jsonl"
path = "{out}"
{more}
"""


def write_config(folder, *, model="gaussian", source="", out="", more="", **options):
    """Writes `gateway.toml`, with a copy of a golden detector beside it."""
    file = folder / "model.onnx"
    if model:
        put(folder / "model.onnx", model)
    text = CONFIG.format(
        model=file.name,
        source=source or 'kind = "stdin"\ndevice = "device"\nstream = "{device}"',
        out=out or folder / "out.jsonl",
        more=more,
        reload_s=options.get("reload_s", 0),
        more_model=options.get("more_model", ""),
    )
    (folder / "gateway.toml").write_text(text)
    return folder / "gateway.toml"


def put(path, name):
    """Puts a golden detector where a configuration names it, in one step."""
    new = path.with_name("new.onnx")
    new.write_bytes((FOLDER / f"{name}.onnx").read_bytes())
    new.replace(path)


class Process:
    """A gateway that runs; at the end of the block it is gone."""

    def __init__(self, config, *arguments):
        self._errors = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "runtime", "run", str(config), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1"},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stderr:
            self._errors.append(line.decode())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(_LONGEST_S)
        self._reader.join(_LONGEST_S)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            pipe.close()

    @property
    def said(self):
        """What it wrote to stderr."""
        return "".join(self._errors)

    def feed(self, some):
        self.process.stdin.writelines(some)
        self.process.stdin.flush()

    def until(self, condition, what="something"):
        """Waits for a condition while the process lives."""
        end = time.monotonic() + _LONGEST_S
        while not condition():
            assert self.process.poll() is None, self.said
            assert time.monotonic() < end, f"waited for {what}: {self.said}"
            time.sleep(0.02)

    def until_said(self, text):
        self.until(lambda: text in self.said, text)

    def send(self, number):
        self.process.send_signal(number)

    def end(self, number=signal.SIGTERM):
        """Ends it; returns the exit code and the seconds that it took."""
        started = time.monotonic()
        if number is None:
            self.process.stdin.close()
        else:
            self.process.send_signal(number)
        code = self.process.wait(_LONGEST_S)
        self._reader.join(_LONGEST_S)
        return code, time.monotonic() - started


def scored(path):
    """Scores in a file of JSON lines: by stream and time, as often as they are there."""
    found = {}
    for one in documents(path):
        if one["type"] == "score":
            found.setdefault((one["stream"], one["t"]), []).append(one)
    return found


def documents(path):
    """Documents in a file of JSON lines; a last line that is not whole is left out."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in content.splitlines(keepends=True) if line[-1:] == b"\n"]
