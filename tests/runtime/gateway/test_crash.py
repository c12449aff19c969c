"""The gateway survives: killed under load, it gives what an uninterrupted one gives."""

import shutil

import pytest

from benchmarks.gateway.crash import Trial, broker_killed, gateway_killed

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin") is None,
        reason="needs Mosquitto: apt-get install mosquitto",
    ),
]


def test_killed_at_random_moments_it_loses_nothing_and_marks_what_comes_twice(tmp_path):
    """With cut connections and a restart of the broker in between."""
    trial = Trial(kills=5, streams=40, seed=5, cut_every=2, restart_every=3)
    judged, metrics = gateway_killed(trial, tmp_path)
    assert judged.examples == []
    assert judged.is_good
    assert metrics.get('kad_dropped_total{where="journal"}', 0) == 0


def test_a_killed_broker_leaves_holes_that_are_said_and_counted(tmp_path):
    """What it had acknowledged and lost nobody can bring back."""
    holes = broker_killed(Trial(kills=2, streams=40, seed=5), tmp_path)
    assert holes.silent == 0
    assert holes.counted == holes.lost
