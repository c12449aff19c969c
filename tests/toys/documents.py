"""The code blocks of a document, and the port of docs/onnx-file.md beside the runtime."""

import re
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
PERIOD = 600 * 10**9


def blocks(document, language):
    """Returns the code blocks of a document."""
    text = (ROOT / document).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def documented():
    """Returns what the blocks of docs/onnx-file.md define, without running their example."""
    names = {}
    for block in blocks("docs/onnx-file.md", "python"):
        exec(block.partition("\nport = ")[0], names)  # noqa: S102
    return names


def odd_rows(series, period_ns=PERIOD):
    """Rows with gaps, from a golden series, and all that a clock can do besides."""
    times, values = series["test_times"].copy(), series["test_values"]
    rng = np.random.default_rng(4)
    times += rng.integers(-period_ns // 3, period_ns // 3, len(times))
    times[60:80] = series["test_times"][60:80] + period_ns // 2  # exact halves
    times[0] = series["test_times"][0]
    order = np.arange(len(times))
    order[[30, 31]], order[[90, 92]] = [31, 30], [92, 90]  # late rows
    # A duplicate; an overlap; back in time.
    order = np.concatenate([order[:20], order[19:140], order[100:], order[60:160]])
    times, values = times[order], values[order].copy()
    values[5, 0], values[6, 1] = 1e300, -np.inf
    values[20] += 1.0  # of the duplicate
    values[150:154] += 1.0  # of the overlap: corrections
    values[-100:] += 1.0
    times[40] += 9 * period_ns  # ahead of its time
    times[-20:] += 7 * period_ns  # a gap
    times[-8:] -= 10 * period_ns  # back to where no rows were
    return times, values


def check_port(path, series):
    """The documented port gives what a stream of the runtime gives."""
    from runtime import Detector, Scores, Stream
    from runtime.model.compare import relative_gap

    detector = Detector(path)
    times, values = odd_rows(series, detector.metadata.period_ns)
    stream = Stream(detector)
    scores = Scores.joined([stream.push_many(times, values), stream.flush()])
    counts = stream.counts
    assert min(counts.restarts, counts.backward, counts.missing) > 0
    assert min(counts.late, counts.duplicates, counts.stray) > 0
    assert min(counts.repeated, counts.conflicts) > 0
    port = documented()["Port"](str(path))
    steps = [
        step for time, row in zip(times.tolist(), values, strict=True)
        for step in port.push(time, row)
    ]  # fmt: skip
    steps += port.flush()
    got = [np.array(column) for column in zip(*steps, strict=True)]
    np.testing.assert_array_equal(got[0], scores.times_ns)
    assert relative_gap(got[1], scores.severity, output="severity") < 1e-5
    assert relative_gap(got[2], scores.expected, output="expected") < 1e-5
    clear = np.abs(scores.severity - detector.metadata.threshold) > 1e-3
    np.testing.assert_array_equal(got[3][clear], scores.alarm[clear])
    assert scores.severity.any()
