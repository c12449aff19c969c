"""Signals: held back, or insisted on."""

import os
import signal
import subprocess
import sys
from contextlib import suppress

import pytest

from runtime.interrupt import SIGNALS, Insistent, Interruptible
from toys.commands import ROOT


def strike(number=signal.SIGINT):
    os.kill(os.getpid(), number)


@pytest.fixture(autouse=True)
def _no_nohup():
    """A test run under nohup ignores SIGHUP; what these tests start with is the default."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


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


def test_what_a_library_makes_of_a_signal_is_an_interruption(capsys):
    """An error of its own, at once; nothing is said."""

    def load():
        try:
            strike()
        except KeyboardInterrupt:
            raise ImportError from None

    stop = Insistent()
    with pytest.raises(KeyboardInterrupt), stop:
        load()
    assert stop.exit_code == 130
    assert capsys.readouterr().err == ""


SWALLOW = """
import os, signal, time
from runtime import interrupt
interrupt._PATIENCE_S = 0.2
with interrupt.Insistent():
    try:
        os.kill(os.getpid(), signal.SIGTERM)
    except:
        time.sleep(60)
"""


def test_what_swallows_a_signal_is_ended():
    """The process, with one line and the signal's exit code."""
    done = subprocess.run(
        [sys.executable, "-c", SWALLOW], cwd=ROOT, capture_output=True, text=True, timeout=50
    )
    assert (done.stderr, done.returncode) == ("kad: interrupted.\n", 143)


def test_long_work_that_may_be_lost_is_struck_at_once():
    """Where a signal is noted everywhere else."""
    with Interruptible() as breaker, pytest.raises(KeyboardInterrupt), breaker.striking():
        strike()
    assert breaker.exit_code == 130
    with Interruptible() as breaker, breaker.striking(if_=False):
        strike()
    assert breaker.interrupted


def swallow():
    with suppress(KeyboardInterrupt):
        strike()


def fail():
    swallow()
    raise RuntimeError


@pytest.mark.parametrize("work", [swallow, fail])
def test_long_work_that_swallows_a_signal_is_interrupted_after_it(work):
    """Libraries that compile make an error of it, or nothing."""
    with Interruptible() as breaker, pytest.raises(KeyboardInterrupt), breaker.striking():
        work()


def test_errors_of_long_work_stay_what_they_are():
    """Where no signal came."""
    with Interruptible() as breaker, pytest.raises(ZeroDivisionError), breaker.striking():
        _ = 1 / 0
