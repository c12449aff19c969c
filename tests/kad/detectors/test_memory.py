"""The nearest-neighbour memory against a search through everything a stream had before."""

import numpy as np
import onnx
import pandas as pd
import pytest
from keras import ops

from export import export
from export.replay import always, uneven
from kad.backend.compiled import compile_function
from kad.config import build_config
from kad.detectors.memory import Memory
from kad.runs.train import train
from runtime import Detector, Stream
from runtime.errors import ConfigError, InputError
from runtime.model.compare import relative_gap
from toys.series import wave

SIZE = {"box": 2, "boxes": 3, "size": 7, "stride": 3, "start": 20, "clip": 3.0}
WINDOW, SPAN = 6, 21
VARIANTS = {
    "usual": {},
    "every sample": {"stride": 1, "size": 15},
    "as long as a window": {"stride": 6, "size": 3, "start": 12},
    "samples as boxes": {"box": 1, "boxes": 6},
}


def toy(scoring=None, channels=2, **arguments):
    """A memory whose scaler is fitted by hand."""
    names = ["a", "b"][:channels]
    detector = Memory(names, period_s=60.0, scoring=scoring, **{**SIZE, **arguments})
    detector.scaler.mean.assign([20.0, 21.0][:channels])
    detector.scaler.std.assign([2.0, 3.0][:channels])
    detector.scoring.reset(rows=200)
    return detector


def search(detector, x):
    """Distances and what is expected of one stream, by definition: `(rows, channels)` each."""
    span = detector.size * detector.stride
    mean, std = (np.asarray(v, "float64") for v in (detector.scaler.mean, detector.scaler.std))
    z, observed = (x.astype("float64") - mean) / std, np.isfinite(x)
    last = np.zeros(z.shape[1])
    for t in range(len(z)):
        last = z[t] = np.where(observed[t], z[t], last)
    late = np.cumsum(observed.any(axis=1)) > detector.start
    windows, values, expected = np.zeros_like(z), np.zeros_like(z), z.copy()
    compared = np.zeros(z.shape, bool)
    for channel in range(z.shape[1]):
        column = np.clip(z[:, channel], -detector.clip, detector.clip)
        before = np.zeros(detector.window - 1)
        rolled = np.lib.stride_tricks.sliding_window_view(np.r_[before, column], detector.window)
        seen = np.lib.stride_tricks.sliding_window_view(
            np.r_[before, observed[:, channel]], detector.window
        ).reshape(-1, detector.boxes, detector.box)
        number = seen.sum(axis=2)
        boxes = (rolled.reshape(seen.shape) * seen).sum(axis=2) / np.maximum(number, 1)
        whole = (number > 0.6 * detector.box).all(axis=1)
        for t in np.flatnonzero(late):
            values[t, channel] = np.abs(column[max(0, t - span) : t] - column[t]).min()
            newest = t // detector.stride
            stored = np.arange(newest - detector.size + 1, newest + 1) * detector.stride
            stored = stored[stored >= detector.window] - detector.window
            stored = stored[whole[stored]]
            if whole[t] and stored.size:
                apart = np.square(boxes[stored] - boxes[t]).mean(axis=1)
                windows[t, channel], compared[t, channel] = apart.min(), True
                expected[t, channel] = column[stored[apart.argmin()]]
    return {
        "distance": windows * observed,
        "window": np.sqrt(windows) * observed,
        "value": values,
        "counts": observed & compared,
        "expected": expected,
    }


def measured(detector, x, lengths=None, state=None):
    """What `measure` says about streams that are fed chunk by chunk, and the last state."""

    def step(x, state):
        old = detector.layout.unpack(state)
        samples, common = detector.samples(x, old)
        out = detector.measure(samples, old)
        # What counts, and what is said of it, begins after the warm-up.
        late = ops.cast(samples.is_warm, "float32")
        compared = out.counts[0] * late
        return {
            "distance": out.distance * late,
            "window": out.errors[0] * compared,
            "value": out.errors[1] * late,
            "trust": out.trusts[0],
            "counts": compared,
            "expected": ops.where(samples.is_warm, out.expected, samples.z),
            "next_state": detector.layout.pack({**old, **common, **out.following}),
        }

    step = compile_function(step, detector.variables)
    state = np.zeros((len(x), detector.state_size), "float32") if state is None else state
    parts, start, lengths = [], 0, lengths or always(detector.max_steps)
    while start < x.shape[1]:
        stop = start + next(lengths)
        parts.append(step(x[:, start:stop], state))
        state = parts[-1].pop("next_state")
        start = stop
    return {name: np.concatenate([p[name] for p in parts], axis=1) for name in parts[0]}, state


def streams(rows=130, channels=2):
    """Two streams with missing samples, outages of half a window and more, spikes, a late start."""
    x = np.stack([wave(rows, channels, seed=s).to_numpy("float32") for s in (1, 2)])
    rng = np.random.default_rng(0)
    x[rng.random(x.shape) < 0.06] = np.nan
    x[0, 40:43, 0], x[0, 60:75], x[0, 90] = np.nan, np.nan, 60.0
    x[1, :9], x[1, 50:62:2, -1], x[1, 80, 0] = np.nan, np.nan, np.inf
    return x


@pytest.mark.parametrize("arguments", VARIANTS.values(), ids=VARIANTS)
def test_distances_are_those_to_the_nearest(arguments):
    """Windows and samples are compared with what is stored, and with nothing else."""
    detector = toy(**arguments)
    x = streams()
    got, _ = measured(detector, x)
    for stream, rows in enumerate(x):
        for name, want in search(detector, rows).items():
            assert relative_gap(got[name][stream], want) < 1e-5, (name, stream)
    assert got["window"].any()
    assert not got["counts"].all()


def test_streams_of_different_age_in_one_batch():
    """A stream that has run for a while and a new one score as each of them alone."""
    detector = toy()
    x = streams()
    early, state = measured(detector, x[:1, :40], uneven(detector.max_steps))
    both = np.stack([x[0, 40:], x[1, :90]])
    states = np.concatenate([state, np.zeros_like(state)])
    got, _ = measured(detector, both, uneven(detector.max_steps, seed=1), states)
    for name, want in search(detector, x[0]).items():
        joined = np.concatenate([early[name][0], got[name][0]])
        assert relative_gap(joined, want) < 1e-5, name
    for name, want in search(detector, x[1, :90]).items():
        assert relative_gap(got[name][1], want) < 1e-5, name


def test_a_window_does_not_resemble_itself():
    """The newest window is compared with windows that share no sample with it."""
    detector = toy(channels=1, stride=1, size=40)
    x = np.full((1, 60, 1), 20.0, "float32")
    x[0, 40:] = 24.0
    got, _ = measured(detector, x)
    z = 2.0
    # One box of two samples after the other is filled; then the first of these windows is known.
    squares = np.array([0.25, 1, 1.25, 2, 2.25, 3, 2.25]) / 3
    np.testing.assert_allclose(got["window"][0, 40:47, 0], z * np.sqrt(squares), rtol=1e-5)
    np.testing.assert_allclose(got["value"][0, 40:42, 0], [z, 0], atol=1e-6)


def test_what_is_older_than_the_memory_is_forgotten():
    """A pattern is known for `size * stride` samples, and remarkable again afterwards."""
    for gap, is_known in ((SPAN - 3, True), (SPAN + WINDOW + 3, False)):
        detector = toy(channels=1)
        x = np.full((1, 100, 1), 20.0, "float32")
        x[0, 30:36, 0] = x[0, 30 + gap : 36 + gap, 0] = 24.0
        got, _ = measured(detector, x)
        assert (got["value"][0, 30 + gap, 0] < 1e-6) == is_known


def test_the_state_is_bounded():
    """Its size is what the options say, whatever a stream has seen."""
    detector = toy({"normalisation": "static"})
    features, pattern = 2, SIZE["boxes"] + 2
    own = (WINDOW - 1) + WINDOW * pattern + SIZE["size"] * pattern + SPAN
    assert detector.state_size == features * own + 2 + 1 + features
    adaptive = toy()
    statistics = 3 * 2 * features + 2 * features
    recent = 2 * (max(stream.short for stream in adaptive.streams) - 1) * 2 * features
    begun = 1
    assert adaptive.state_size == detector.state_size + statistics + recent + begun
    state = measured(adaptive, np.tile(streams(), (1, 4, 1)))[1]
    assert state.shape == (2, adaptive.state_size)
    assert np.isfinite(state).all()


def test_options_are_checked():
    """A start before the first stored window and a stride beyond a window are refused."""
    with pytest.raises(ConfigError, match=r"at least one window .*= 9\. Received: 8"):
        toy(start=8)
    with pytest.raises(ConfigError, match=r"at most one window.*= 6\. Received: 7"):
        toy(stride=7)
    with pytest.raises(InputError, match="at least 21 rows"):
        toy().fit(wave(15))


@pytest.fixture(scope="module")
def memory_run(tmp_path_factory):
    """A trained run."""
    return train(
        build_config(detector="memory", preset="tiny"),
        wave(),
        out=tmp_path_factory.mktemp("memory") / "run",
    )


def test_single_steps_need_no_loop(memory_run, tmp_path):
    """A file of single steps has no control flow, and scores rows as the frame in Keras."""
    frame = wave(300, seed=5)
    frame.iloc[50:53, 0], frame.iloc[70, 1], frame.iloc[100:130] = np.nan, np.inf, np.nan
    table = memory_run.detector.score(frame)
    single = export(memory_run.folder, tmp_path / "single.onnx", streams=1, steps=1).path
    nodes = onnx.load(single).graph.node
    assert not [n for n in nodes if n.op_type in {"If", "Loop", "Scan"}]
    stream = Stream(Detector(single))
    pushed = [
        stream.push(t.to_pydatetime(), row)
        for t, row in zip(frame.index, frame.to_numpy(), strict=True)
    ]
    for name in ("score", "severity"):
        got = np.concatenate([getattr(scores, name) for scores in pushed])
        assert relative_gap(got, table[name].to_numpy()) < 1e-5, name


def test_a_discord_is_found(memory_run):
    """One cycle of another shape, within the range of the others, is the most severe place.

    The memory is full before.
    """
    frame = wave(400, seed=6)
    frame.iloc[300:312, 0] = frame.iloc[300:312, 0].to_numpy()[::-1] * 0.3 + 14
    full = memory_run.detector.size * memory_run.detector.stride
    severity = memory_run.detector.score(frame)["severity"].to_numpy()[full:]
    assert full + severity.argmax() in range(300, 325)


def test_the_picture_shows_the_most_unusual_window_and_the_nearest():
    """A shape that comes every 12 samples, once upside down: the nearest is another of them."""
    detector = toy(channels=1, size=60, stride=1, scoring={"normalisation": "static"})
    shape = np.tile(np.r_[np.linspace(18, 22, 6), np.linspace(22, 18, 6)], 12)
    series = pd.DataFrame({"a": shape + np.random.default_rng(0).normal(0, 0.01, len(shape))})
    series.index = np.arange(len(series)) * 60.0
    series.iloc[120:126, 0] = 26.0
    (picture,) = detector.diagnostics(series)
    nearest, unusual = (curve.y for curve in picture.panels[0].curves)
    np.testing.assert_array_equal(unusual, series["a"].to_numpy()[120:126])
    windows = np.lib.stride_tricks.sliding_window_view(series["a"].to_numpy()[:120], WINDOW)
    apart = [np.square((w - unusual).reshape(3, 2).mean(axis=1)).sum() for w in windows[-66:]]
    np.testing.assert_array_equal(nearest, windows[-66:][np.argmin(apart)])
    assert detector.diagnostics(series[: detector.start]) == []


def test_a_channel_like_always_has_no_picture():
    """A constant channel has no most unusual window; the others have theirs."""
    detector = toy(scoring={"normalisation": "static"})
    frame = wave(120)
    frame["a"] = 20.0
    (picture,) = detector.diagnostics(frame)
    assert [panel.title for panel in picture.panels] == ["b"]
    frame["b"] = 21.0
    assert detector.diagnostics(frame) == []


def test_calibration_sees_a_memory_that_is_as_full_as_in_use(monkeypatch):
    """Calibration rows are compared with all rows that a running stream would have before them."""
    monkeypatch.setattr("kad.detector.calibrating.CALIBRATION_ROWS", 90)
    frame = wave(900, channels=1)
    detector = Memory(["a"], period_s=60.0, **{**SIZE, "size": 100})
    detector.fit(frame)
    running, _ = detector.scores(frame)
    assert detector.calibration_scores.shape == (90,)
    np.testing.assert_allclose(detector.calibration_scores, running.score[-90:], rtol=0.3, atol=0.3)
    assert detector.lookback == 100 * SIZE["stride"] + SIZE["start"]


def test_a_young_stream_counts_its_distances_in_proportion():
    """The mean of the newest errors takes a share of them; what is usual is learnt from all."""
    detector = toy(channels=1)
    x = streams()[:1, :, :1]
    whole = measured(detector, x)[0]
    detector.usual_age.assign([SPAN - 1])
    young = measured(detector, x)[0]
    trust = np.minimum(np.arange(1, x.shape[1] + 1) / (SPAN - 1), 1)
    np.testing.assert_allclose(young["trust"][0, :, 0], trust, rtol=1e-6)
    np.testing.assert_array_equal(young["window"], whole["window"])
    np.testing.assert_allclose(
        young["distance"][0, :, 0], whole["distance"][0, :, 0] * trust**2, rtol=1e-5
    )


def test_what_is_expected_at_a_tie_does_not_depend_on_chunks(memory_run, tmp_path):
    """Levels that repeat: many stored windows are equally near, whatever way they were stored."""
    detector = Detector(export(memory_run.folder, tmp_path / "ties.onnx").path)
    rng = np.random.default_rng(1)
    levels = np.repeat(rng.integers(18, 23, (130, 2)), 20, axis=0).astype("float32")[None]
    whole = detector.step(levels, detector.initial_state())
    for size in (1, 3):
        state, parts = detector.initial_state(), []
        for start in range(0, levels.shape[1], size):
            out = detector.step(levels[:, start : start + size].copy(), state)
            parts.append(out.expected)
            state = out.next_state
        np.testing.assert_allclose(np.concatenate(parts, axis=1), whole.expected, rtol=1e-5)
