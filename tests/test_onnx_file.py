"""docs/onnx-file.md is enough for a port: its code runs, and gives the runtime's numbers."""

import hashlib
import json
from dataclasses import asdict, fields

import numpy as np
import onnx
import pytest

from kad.detectors import detector_names
from runtime import AlarmPolicy, EventDetector, Metadata, Scores
from runtime.alarms.events import step_numbers
from toys import golden
from toys.documents import ROOT, check_port, documented
from toys.onnx_files import graph, metadata, toy, with_props

SECOND = 10**9


@pytest.mark.parametrize("name", detector_names())
def test_the_port_scores_as_the_runtime(name):
    """Every detector as it was exported once: gaps, halves, late rows, clocks set back, context."""
    check_port(golden.FOLDER / f"{name}.onnx", golden.read_series())


def test_the_port_takes_rows_as_they_come(tmp_path):
    """A grid of rows has no gaps."""
    path = tmp_path / "rows.onnx"
    path.write_bytes(toy(grid="rows"))
    port = documented()["Port"](str(path))
    times = [0, 10**12, 5]
    assert [port.push(time, [20.0])[0][0] for time in times] == times


def scores_of(severity, channel_scores, *, times, restart):
    """Scored steps of which events need no more."""
    rows = np.arange(len(severity))
    return Scores(
        score=severity,
        severity=severity,
        expected=channel_scores,
        channel_scores=channel_scores,
        times_ns=times,
        values=channel_scores.astype(np.float64),
        alarm=severity >= 3,
        restart=restart,
        rows=rows,
    )


@pytest.mark.parametrize("seed", range(40))
def test_the_events_are_the_runtimes(seed):
    """Any policy: the same starts, ends, peaks and channels."""
    rng = np.random.default_rng(seed)
    pick = lambda *choices: int(rng.choice(choices))  # noqa: E731
    policy = AlarmPolicy(
        release=float(rng.choice([0.4, 0.7, 1.0])),
        merge_gap_steps=pick(0, 0, 2, 6),
        min_duration_steps=pick(1, 1, 3),
        max_duration_steps=pick(0, 0, 3, 9),
        refractory_steps=pick(0, 0, 12),
        cool_down_steps=pick(0, 0, 7),
        habituation_steps=pick(0, 20, 80),
    )
    steps, names = 1500, ("a", "b", "c")
    severity = np.convolve(rng.exponential(1.0, steps + 2), [0.6, 0.5, 0.4], "valid")
    severity = severity.astype(np.float32)
    severity[::7] = 3.0  # exactly the threshold
    parts = rng.random((steps, 3)).astype(np.float32)
    restart = rng.random(steps) < 0.01
    restart[0] = True
    gaps = np.where(restart, rng.integers(1, 40, steps) * SECOND // 2, SECOND)
    scores = scores_of(severity, parts, times=np.cumsum(gaps), restart=restart)
    detect = EventDetector(names, threshold=3.0, policy=policy, period_s=1.0)
    wanted = detect.update(scores) + detect.finish()
    port = documented()["Events"](names, 3.0, asdict(policy))
    found = []
    numbers = step_numbers(scores, period_s=1.0).tolist()
    for row, (number, time) in enumerate(zip(numbers, scores.times_ns.tolist(), strict=True)):
        if row:
            ahead = round((time - scores.times_ns[row - 1]) / 1e9) if restart[row] else 1
            assert number == numbers[row - 1] + max(1, ahead)
        found += port.step(number, time, severity[row], parts[row], restart[row])
    found += port.finish()
    assert len(wanted) > 3
    assert [
        (e["start"], e["end"], e["peak"], e["peak_severity"], tuple(e["channels"]), e["steps"])
        for e in found
    ] == [(e.start_ns, e.end_ns, e.peak_ns, e.peak_severity, e.channels, e.steps) for e in wanted]


def test_levels_are_rounded_to_float32():
    """Where severities are compared with the threshold and the release level."""
    Events = documented()["Events"]  # noqa: N806
    for threshold, count in [(3.0000001, 1), (3.0000002, 0), (2.9999999, 1)]:
        severity = np.array([3.0, 0.0], np.float32)
        scores = scores_of(
            severity,
            np.ones((2, 1), np.float32),
            times=np.arange(2) * SECOND,
            restart=np.array([True, False]),
        )
        detect = EventDetector(("a",), threshold=threshold)
        port = Events(("a",), threshold, asdict(AlarmPolicy()))
        found = [port.step(n, n, severity[n], [1.0], n == 0) for n in range(2)]
        assert len(detect.update(scores)) == sum(map(len, found)) == count
        assert int((severity >= threshold).sum()) == count


def test_hashes():
    """Over the bytes of the file, and over the entries that are kad's."""
    code = documented()
    other = {"kad.golden": "g", "kad": "{}", "author": "me", "kadx": "x", "kad.sha256": "old"}
    content = with_props(graph(metadata()), **other)
    bare = onnx.load_from_string(content)
    bare.ClearField("metadata_props")
    assert code["graph_sha256"](content) == hashlib.sha256(bare.SerializeToString()).hexdigest()
    expected = hashlib.sha256(b"kad\0{}\0kad.golden\0g\0").hexdigest()
    assert code["entries_sha256"](other) == expected
    entries = {p.key: p.value for p in onnx.load_from_string(toy()).metadata_props}
    assert code["entries_sha256"](entries) == entries["kad.sha256"]
    assert code["graph_sha256"](toy()) == json.loads(entries["kad"])["graph_sha256"]


def test_everything_that_a_file_says_is_described():
    """Each field of the metadata and of the alarm policy."""
    text = (ROOT / "docs" / "onnx-file.md").read_text(encoding="utf-8")
    for field in (*fields(Metadata), *fields(AlarmPolicy)):
        assert f"`{field.name}`" in text, field.name
