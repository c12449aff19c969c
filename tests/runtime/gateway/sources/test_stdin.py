"""Lines of a pipe: in order, whole, within bounds, and a prompt end."""

import os
import threading
import time

import pytest

from runtime.gateway.sources.stdin import StdinSource

PATIENCE_S = 10.0


@pytest.fixture
def pipe():
    read, write = os.pipe()
    source = None

    def start(**options):
        nonlocal source
        source = StdinSource(fd=read, **options)
        return source

    yield start, write
    if source is not None:
        source.close(PATIENCE_S)
    for fd in (read, write):
        try:
            os.close(fd)
        except OSError:
            continue


def all_of(source, most=1000):
    """Receives until the end."""
    lines, until = [], time.monotonic() + PATIENCE_S
    while not source.ended and time.monotonic() < until:
        lines += source.receive(most, 1.0)
    return lines


def test_lines_come_in_order_and_the_last_one_may_lack_its_end(pipe):
    start, write = pipe
    source = start()
    before = time.time_ns()
    os.write(write, b'{"flow":1}\r\n\n  \npump flow=2')
    first = source.receive(10, PATIENCE_S)
    assert [m.payload for m in first] == [b'{"flow":1}']
    assert not source.ended
    os.close(write)
    rest = all_of(source)
    assert [m.payload for m in rest] == [b"pump flow=2"]
    assert [m.token for m in (*first, *rest)] == [1, 2]
    assert before <= first[0].arrived_ns <= time.time_ns()
    assert source.ended
    assert (source.trouble, source.counts) == ("", {})
    source.acknowledge(rest)


def test_a_line_that_is_too_long_is_skipped_to_the_next(pipe):
    start, write = pipe
    source = start(line_bytes=100)
    feeder = threading.Thread(
        target=lambda: (
            os.write(write, b"a" * 100 + b"\n" + b"b" * 101 + b"\n" + b"c\n"),
            os.write(write, b"d" * 300_000 + b"\ne\n" + b"f" * 200),
            os.close(write),
        )
    )
    feeder.start()
    lines = all_of(source)
    feeder.join(PATIENCE_S)
    assert [m.payload for m in lines] == [b"a" * 100, b"c", b"e"]
    assert source.counts == {"line_too_long": 3, "bytes_skipped": 101 + 300_000 + 200}


def test_it_stops_reading_while_too_much_waits(pipe):
    """And loses nothing: the pipe holds it."""
    start, write = pipe
    source = start(most_bytes=10_000)
    line = b"x" * 99 + b"\n"
    feeder = threading.Thread(
        target=lambda: ([os.write(write, line) for _ in range(20_000)], os.close(write))
    )
    feeder.start()
    first = source.receive(7, PATIENCE_S)
    assert 1 <= len(first) <= 7
    feeder.join(0.2)
    assert feeder.is_alive()
    assert len(first) + len(all_of(source, 500)) == 20_000
    feeder.join(PATIENCE_S)


def test_waiting_ends_with_the_time_and_with_close(pipe):
    start, write = pipe
    source = start()
    assert source.receive(10, 0.01) == []
    assert not source.ended
    os.write(write, b"half a line")
    closer = threading.Timer(0.05, lambda: source.close(PATIENCE_S))
    closer.start()
    begun = time.monotonic()
    assert source.receive(10, PATIENCE_S) == []
    assert time.monotonic() - begun < PATIENCE_S / 2
    closer.join(PATIENCE_S)
    assert source.ended
    source.close(PATIENCE_S)


def test_what_cannot_be_read_says_so(tmp_path):
    with (tmp_path / "x").open("wb") as file:
        source = StdinSource("telegraf", fd=file.fileno())
        assert all_of(source) == []
        assert "telegraf cannot be read" in source.trouble
        source.close(PATIENCE_S)
