"""A clock that is set back and forward, through the whole pipeline."""

from dataclasses import replace

import numpy as np
import pytest

from runtime.gateway.operate.clocks import BUILT_NS, Clocks
from runtime.gateway.samples import Quality
from toys.engines import detector
from toys.gateways import Whole
from toys.histories import values
from toys.pipelines import ToySource

PERIOD_S = detector().metadata.period_s
START_NS = BUILT_NS + 10**17
HOUR_S = 3600


class Machine:
    """Its clocks, and two devices: one says the time of its samples, one does not."""

    def __init__(self):
        self.wall_ns, self.steady_ns = START_NS, 0
        self.steps = []
        self.clocks = Clocks(
            max_gap_s=10 * PERIOD_S,
            wall_ns=lambda: self.wall_ns,
            steady=lambda: self.steady_ns,
            on_step=self.steps.append,
        )
        self.source = ToySource()
        self.count = 0

    def set_by(self, seconds):
        self.wall_ns += round(seconds * 1e9)

    def sample(self, *, own=True):
        """A period passes; each device sends a row."""
        self.count += 1
        self.steady_ns += round(PERIOD_S * 1e9)
        self.set_by(PERIOD_S)
        channels = dict(zip("ab", values(self.count, 0).round(4).tolist(), strict=True))
        if own:
            at_s = START_NS // 10**9 + self.count * round(PERIOD_S)
            self.source.put({"ts": at_s, "device": "own", **channels})
        self.source.put({"device": "none", **channels})
        # As a client does: by the raw wall clock.
        self.source.waiting[-1] = replace(self.source.waiting[-1], arrived_ns=self.wall_ns)


@pytest.fixture
def machine():
    return Machine()


def samples(machine, whole, count):
    """So many periods, one after the other."""
    for _ in range(count):
        machine.sample()
        whole.until(lambda: not machine.source.waiting)
        whole.until(lambda: len(machine.source.acknowledged) == 2 * machine.count)


def of(whole, stream):
    return {time: score for (name, time), score in whole.scores.items() if name == stream}


def test_samples_with_times_of_their_own_do_not_notice(tmp_path, machine):
    """Set back and forward by hours and days: every row has its score, none is uncertain."""
    with Whole(tmp_path, machine.source, clocks=machine.clocks) as whole:
        samples(machine, whole, 12)
        for seconds in (-HOUR_S, 86_400, -86_400, 2 * HOUR_S):
            machine.set_by(seconds)
            samples(machine, whole, 4)
        whole.until(lambda: len(of(whole, "own")) == machine.count)
    times = sorted(of(whole, "own"))
    assert set(np.diff(times)) == {round(PERIOD_S * 1e9)}
    uncertain = [score for score in of(whole, "own").values() if score[2]]
    assert [Quality(one[2]) for one in uncertain] == [Quality.RESTART]
    assert [round(step) for step in machine.steps] == [-HOUR_S, 86_400, -86_400, 2 * HOUR_S]


def test_arrivals_never_go_back_while_the_clock_catches_up(tmp_path, machine):
    """They stand still until it has, and the stream goes on."""
    with Whole(tmp_path, machine.source, clocks=machine.clocks) as whole:
        samples(machine, whole, 12)
        whole.until(lambda: len(of(whole, "none")) >= 11)
        before = max(of(whole, "none"))
        machine.set_by(-3 * PERIOD_S)
        samples(machine, whole, 12)
        whole.until(lambda: max(of(whole, "none")) >= before + 7 * round(PERIOD_S * 1e9))
    times = [time for time, score in of(whole, "none").items() if not score[2] & Quality.GAP]
    assert times == sorted(times)
    after = [one for time, one in of(whole, "none").items() if time > before]
    assert not any(score[2] & Quality.RESTART for score in after)
    assert machine.clocks.epoch == 0


def test_set_back_for_good_the_stream_begins_anew_and_goes_on(tmp_path, machine):
    """By a day: nobody waits so long; it is scored again after the longest gap."""
    with Whole(tmp_path, machine.source, clocks=machine.clocks) as whole:
        samples(machine, whole, 12)
        machine.set_by(-86_400)
        samples(machine, whole, 20)
        now = machine.wall_ns
        whole.until(
            lambda: (
                now - 2 * round(PERIOD_S * 1e9) in {t // 10**9 * 10**9 for t in of(whole, "none")}
                or any(now - 4 * PERIOD_S * 1e9 < t <= now for t in of(whole, "none"))
            )
        )
    assert machine.clocks.epoch == 1
    assert any(
        score[2] & Quality.RESTART
        for time, score in of(whole, "none").items()
        if time < START_NS + 12 * PERIOD_S * 1e9 - 43_200 * 1e9
    )
