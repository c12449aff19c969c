"""Clocks: stamps never go back, steps are found, a clock that was not set is said."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.gateway.operate.clocks import BUILT_NS, Clocks, kernel_synchronised, steady_ns

START_NS = BUILT_NS + 10**17
S = 10**9


@dataclass
class Machine:
    """Both clocks of a machine, and what was said of steps."""

    wall: int = START_NS
    steady: int = 5 * S
    synchronised: bool | None = None
    steps: list = field(default_factory=list)
    asked: int = 0

    def ask(self):
        self.asked += 1
        return self.synchronised

    def clocks(self, **more):
        return Clocks(
            wall_ns=lambda: self.wall, steady=lambda: self.steady, synchronised=self.ask,
            on_step=self.steps.append, **more,
        )  # fmt: skip

    def passes(self, seconds, wall=None):
        self.steady += round(seconds * S)
        self.wall += round((seconds if wall is None else wall) * S)


@pytest.fixture
def machine():
    return Machine()


def test_a_clock_that_goes(machine):
    """Stamps are the wall clock; slewing by NTP is no step."""
    clocks = machine.clocks()
    for _ in range(100):
        machine.passes(3600, wall=3600 * 1.0005)
        assert clocks.arrival_ns() == machine.wall
    assert (clocks.steps, clocks.epoch, clocks.stands, machine.steps) == (0, 0, False, [])


def test_set_forward(machine):
    """A step forward is said once; stamps follow at once."""
    clocks = machine.clocks()
    machine.passes(1, wall=3601)
    assert clocks.arrival_ns() == machine.wall
    machine.passes(1)
    clocks.check()
    assert machine.steps == [3600.0]
    assert clocks.steps == 1


def test_set_back_a_little(machine):
    """Stamps stand still until the clock has caught up; nothing begins anew."""
    clocks = machine.clocks(max_gap_s=60)
    stood = clocks.arrival_ns()
    machine.passes(0, wall=-30)
    for _ in range(29):
        machine.passes(1)
        assert clocks.arrival_ns() == stood
        assert clocks.stands
    machine.passes(2)
    assert clocks.arrival_ns() == machine.wall > stood
    assert (clocks.epoch, clocks.stands, machine.steps) == (0, False, [-30.0])


def test_set_back_far(machine):
    """After at most one max_gap stamps follow the clock, and streams begin anew."""
    clocks = machine.clocks(max_gap_s=60)
    stood = clocks.arrival_ns()
    machine.passes(0, wall=-86_400)
    assert clocks.arrival_ns() == stood
    machine.passes(60)
    assert clocks.arrival_ns() == stood
    machine.passes(1)
    assert clocks.arrival_ns() == machine.wall < stood
    assert (clocks.epoch, clocks.steps) == (1, 1)
    machine.passes(1)
    assert clocks.arrival_ns() == machine.wall


def test_a_step_where_nothing_arrives(machine):
    """`check` finds it."""
    clocks = machine.clocks()
    machine.passes(10, wall=7)
    clocks.check()
    assert machine.steps == [-3.0]
    machine.passes(10, wall=8.5)
    clocks.check()
    assert clocks.steps == 1


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 50 * S), st.integers(-(10**14), 10**14)), max_size=40),
    st.integers(1, 100),
)
def test_never_back_but_in_a_new_epoch(moves, max_gap_s):
    """Whatever the wall clock does, within an epoch stamps never go back."""
    machine = Machine()
    clocks = machine.clocks(max_gap_s=max_gap_s)
    before, epoch = clocks.arrival_ns(), 0
    for passed, wall in moves:
        machine.steady += passed
        machine.wall += passed + (wall if abs(wall) > 10**13 else 0)
        stamp = clocks.arrival_ns()
        assert stamp >= before or clocks.epoch == epoch + 1
        assert stamp == machine.wall or (clocks.stands and stamp == before)
        before, epoch = stamp, clocks.epoch


def test_a_clock_that_was_not_set(machine):
    """1970, or before this version was made."""
    machine.wall = 3600 * S
    assert "not set" in machine.clocks().trouble
    machine.wall = BUILT_NS
    assert machine.clocks().trouble == ""


@pytest.mark.parametrize(("said", "trouble"), [(True, ""), (None, ""), (False, "not kept by NTP")])
def test_what_the_kernel_says(machine, said, trouble):
    """Unsynchronised is trouble, unknown is not; it is asked every ten seconds at most."""
    machine.synchronised = said
    clocks = machine.clocks()
    assert all(trouble in clocks.trouble for _ in range(50))
    assert machine.asked == 1
    machine.passes(10)
    assert bool(clocks.trouble) == bool(trouble)
    assert machine.asked == 2


def test_this_machine():
    """The real clocks: the steady one goes on, the kernel's answer is one of three."""
    first = steady_ns()
    assert steady_ns() >= first
    assert kernel_synchronised() in (True, False, None)
    clocks = Clocks()
    assert clocks.arrival_ns() <= clocks.arrival_ns()
