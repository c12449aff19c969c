"""Signals: held back, or insisted on."""

import os
import signal
import sys
import time

import pytest

from runtime.interrupt import SIGNALS, Insistent, Interruptible


def strike(number=signal.SIGINT):
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_waits_for_the_end_of_the_body(number):
    """The item is done, no further one begins; the exit code says which signal it was."""
    done = []
    with Interruptible() as breaker:
        for item in breaker.iterate(range(9)):
            if item == 2:
                strike(number)
            done.append(item)
    assert done == [0, 1, 2]
    assert breaker.exit_code == 128 + number
    with pytest.raises(KeyboardInterrupt):
        breaker.let_strike()


def test_a_second_ctrl_c_strikes_at_once_and_a_second_sigterm_does_not():
    """A service manager may ask twice; it does not mean to lose rows."""
    with Interruptible():
        strike(signal.SIGTERM)
        strike(signal.SIGTERM)
        strike(signal.SIGHUP)
    with Interruptible():
        strike()
        with pytest.raises(KeyboardInterrupt):
            strike()


def test_handlers_come_back():
    """After the block, also of one that is entered twice."""
    before = [signal.getsignal(number) for number in SIGNALS]
    breaker = Interruptible()
    for block in (breaker, breaker, Insistent()):
        with block:
            assert signal.getsignal(signal.SIGINT) != before[0]
        assert [signal.getsignal(number) for number in SIGNALS] == before


def test_nohup_stays_nohup():
    """What the process was started to ignore is ignored."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interruptible() as breaker:
            strike(signal.SIGHUP)
        assert not breaker.interrupted
    finally:
        signal.signal(signal.SIGHUP, before)


def test_what_a_library_swallows_comes_again(capsys):
    """A bare except, a finaliser, an error of its own: all end as KeyboardInterrupt."""

    class Finalised:
        def __del__(self):
            strike()

    def swallow():
        try:
            strike()
        except:  # noqa: E722
            time.sleep(30)

    def convert():
        try:
            strike()
        except KeyboardInterrupt:
            raise ImportError from None

    def finalise():
        Finalised()
        time.sleep(30)

    began = time.monotonic()
    for work in (swallow, convert, finalise):
        stop = Insistent()
        with pytest.raises(KeyboardInterrupt), stop:
            work()
        assert stop.exit_code == 130
    assert time.monotonic() - began < 20
    assert capsys.readouterr().err == ""
    assert sys.unraisablehook is not None


def test_work_that_ends_is_not_interrupted_later():
    """The clock stops with the block."""
    with pytest.raises(KeyboardInterrupt), Insistent():
        strike()
    time.sleep(0.7)
