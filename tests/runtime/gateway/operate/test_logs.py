"""Logs: one line each, few, without secrets, for people, Telegraf and journald."""

import io
import json
import os
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.gateway.operate.logs import Log, to_journal


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def out():
    return io.StringIO()


def log(out, clock, **more):
    return Log(stream=out, clock=clock, wall=lambda: 1_772_359_200.25, **{"journal": False} | more)


def test_styles(out, clock):
    """The same line in each style."""
    for style in ("logfmt", "json", "telegraf"):
        log(out, clock, style=style).warning("bad", "No.", at="a b")
    assert out.getvalue().splitlines() == [
        'time=2026-03-01T10:00:00.250Z level=warning kind=bad msg=No. at="a b"',
        '{"time":"2026-03-01T10:00:00.250Z","level":"warning","kind":"bad","msg":"No.","at":"a b"}',
        'W! [kad] No. kind=bad at="a b"',
    ]


def test_prefixes(out, clock):
    """Telegraf's letters; journald's priorities, without the time that it has."""
    for level in ("error", "warning", "info", "debug"):
        log(out, clock, style="telegraf", least="debug").say(level, "k", "T.")
        log(out, clock, journal=True, least="debug").say(level, "k", "T.")
    assert [line[:3] for line in out.getvalue().splitlines()] == [
        "E! ", "<3>", "W! ", "<4>", "I! ", "<6>", "D! ", "<7>",
    ]  # fmt: skip
    assert "time=" not in out.getvalue()


def test_once_a_minute_a_kind(out, clock):
    """The next line of a kind says how many were held back; other kinds are said at once."""
    held = []
    said = log(out, clock, on_held=lambda: held.append(1))
    for number in range(100):
        said.warning("bad", f"Number {number}.")
    said.warning("late", "Late.")
    clock.now = 61.0
    said.warning("bad", "Number 100.")
    lines = out.getvalue().splitlines()
    assert [re.search(r'msg=("[^"]*"|\S+)', line)[1].strip('"') for line in lines] == [
        "Number 0.", "Late.", "Number 100.",
    ]  # fmt: skip
    assert [line.endswith("suppressed=99") for line in lines] == [False, False, True]
    assert len(held) == 99


def test_a_change_for_the_worse_is_said_at_once(out, clock):
    """Another level of the same kind is not held back."""
    said = log(out, clock)
    said.info("broker", "Connected.")
    said.error("broker", "Lost.")
    assert out.getvalue().count("\n") == 2


def test_what_was_held_back_is_said_in_the_end(out, clock):
    """`flush` gives the last one as an example, when it is due or at the end, and once."""
    said = log(out, clock)
    for number in range(10):
        said.error("bad", f"N{number}", n=number)
    said.flush()
    assert len(out.getvalue().splitlines()) == 1
    said.flush(everything=True)
    said.flush(everything=True)
    assert out.getvalue().splitlines()[1:] == [
        "time=2026-03-01T10:00:00.250Z level=error kind=bad msg=N9 n=9 suppressed=8"
    ]
    clock.now = 200.0
    said.error("bad", "again")
    said.error("bad", "held")
    clock.now = 300.0
    said.flush()
    assert out.getvalue().splitlines()[-1].endswith("msg=held")


def test_kinds_are_bounded(out, clock):
    """Kinds of a stranger do not fill the memory: they become one."""
    said = log(out, clock)
    for number in range(1000):
        said.info(f"k{number}", "x")
    lines = out.getvalue().splitlines()
    assert len(lines) == 257
    assert "kind=other" in lines[-1]


def test_levels(out, clock):
    """What is below the least level is not written and not counted."""
    said = log(out, clock, least="warning")
    said.info("k", "x")
    said.warning("k", "y")
    assert out.getvalue().count("\n") == 1


def test_secrets(out, clock):
    """Known ones, by key, in addresses."""
    said = log(out, clock, secrets=["hunter2"])
    fields = {"password": "short", "detail": "x hunter2"}
    said.error("broker", "mqtt://u:pw@h refused hunter2", **fields)
    text = out.getvalue()
    assert "hunter2" not in text
    assert "pw@" not in text
    assert "short" not in text
    assert text.count("***") == 4


@pytest.mark.parametrize("style", ["logfmt", "json", "telegraf"])
@settings(deadline=None)
@given(text=st.text(st.characters(), max_size=60), key=st.text(max_size=8))
def test_one_line_whatever_it_says(style, text, key):
    """No line break, no control character, nothing that UTF-8 cannot write; JSON stays JSON."""
    out = io.StringIO(newline="")
    said = Log(stream=out, style=style, journal=False)
    said.say("info", "k", text, **{f"x{key}": text, "nan": float("nan")})
    line = out.getvalue()
    assert line.endswith("\n")
    assert len(line.splitlines()) == 1
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202e]", line)
    line.encode()
    if style == "json":
        assert json.loads(line)["nan"] is None


def test_a_closed_stream_is_nobodys_trouble(clock):
    """stderr that is gone: the process goes on."""
    closed = io.StringIO()
    closed.close()
    log(closed, clock).error("k", "x")
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as broken:
        log(broken, clock).error("k", "x")
        with pytest.raises(BrokenPipeError):
            broken.flush()
        os.dup2(os.open(os.devnull, os.O_WRONLY), writer)


def test_journald_is_known_by_its_stream(tmp_path):
    """`JOURNAL_STREAM` is inherited: only where it names this stream do priorities go there."""
    with (tmp_path / "out").open("w") as stream:
        status = os.fstat(stream.fileno())
        mine = f"{status.st_dev}:{status.st_ino}"
        assert to_journal(stream, {"JOURNAL_STREAM": mine})
        assert not to_journal(stream, {"JOURNAL_STREAM": "8:12345"})
        assert not to_journal(stream, {})
    assert not to_journal(io.StringIO(), {"JOURNAL_STREAM": mine})
