"""The scoring layer against its definition in plain Python, one sample after the other."""

import json
from functools import cache
from math import sqrt

import keras
import numpy as np
import onnx
import pandas as pd
import pytest
from keras import ops

from export import export
from export.replay import always, replay_series, run, uneven
from kad.config import build_config
from kad.detector import Detector
from kad.detector import calibrating as detector_module
from kad.detectors import detector_class
from kad.detectors.memory import Memory
from kad.detectors.rnn import RNNPredictor
from kad.detectors.vae_lstm import VAELSTM
from kad.graph.scoring import ErrorStream, Measured, Scoring
from kad.options import FitOptions, ScoringOptions
from runtime import Detector as OnnxDetector
from runtime.errors import ConfigError
from runtime.model.compare import relative_gap
from toys.compared import step_of
from toys.series import TINY, wave

WARMUP = 5
TINY_RNN = {"embedding": 4, "units": 4, "layers": 1, "horizon": 2, "smooth": 3}
STATIC = {"normalisation": "static"}
QUICK = {"short": 3, "settle": 10, "half_life": 40}
LONG = {"half_life": 60, "winsor": 2.0, "cap": 5.0, "relative_floor": 0.0, "novelty": 0.0}


@keras.saving.register_keras_serializable("kad_tests")
class Distance(Detector):
    """Errors are the sizes of the standardised samples, and of those above the mean."""

    Training = FitOptions
    streams = (ErrorStream("size", short=8), ErrorStream("size above the mean", short=4, cap=3.0))

    def __init__(self, channels, **kwargs):
        super().__init__(channels, **kwargs)
        self.warmup_steps, self.max_steps = WARMUP, 16
        self._ready()

    def measure(self, samples, _old):
        size = ops.abs(samples.z)
        above = ops.cast(samples.z > 0, "float32")
        return Measured(
            distance=ops.square(size) * samples.observed,
            errors=(size, 2.0 * size),
            counts=(samples.observed, samples.observed * above),
            expected=ops.zeros_like(size),
            following={},
        )

    def rows_needed(self, _options):
        return WARMUP + 1


class Usual:
    """The statistics of one error stream of one channel."""

    def __init__(self, stream, options, rows, start=(0.0, 0.0, 0.0)):
        self.options = options
        self.short, self.cap = options.short or stream.short, options.cap or stream.cap
        self.memory = 1 / (1 - 0.5 ** (1 / (options.half_life or 2 * rows)))
        self.mean, self.variance, self.seen = start
        self.recent = []

    def step(self, error, counts):
        """Returns how far the newest errors are above what is usual, and learns from this one."""
        o, mean = self.options, self.mean
        sd = sqrt(self.variance + o.floor**2 + (o.relative_floor * mean) ** 2)
        capped = tame = error
        if self.seen >= min(o.settle, self.memory):
            capped, tame = min(error, mean + self.cap * sd), min(error, mean + o.winsor * sd)
        self.recent = [*self.recent, capped if counts else None][-self.short :]
        known = [e for e in self.recent if e is not None]
        if counts:
            self.seen = min(self.seen + 1, self.memory)
            gain, change = 1 / self.seen, tame - mean
            self.mean += gain * change
            self.variance = (1 - gain) * (self.variance + gain * change**2)
        apart = (sum(known) / len(known) - mean) / sd if known else 0.0
        return max(apart, 0.0) * sqrt(len(known) / self.short)


class Channel:
    """One channel of `Distance` in one stream: its two error streams and its range."""

    def __init__(self, options, rows, start=None, importance=(1, 1)):
        self.options, self.importance = options, importance
        start = start or {"usual": [(0.0, 0.0, 0.0)] * 2, "range": (0.0, 0.0)}
        self.usual = [
            Usual(stream, options, rows, statistics)
            for stream, statistics in zip(Distance.streams, start["usual"], strict=True)
        ]
        self.lowest, self.highest = start["range"]
        self.z = 0.0

    def step(self, z, is_warm):
        """Returns the channel's score."""
        observed = bool(np.isfinite(z))
        self.z = z = float(z) if observed else self.z
        span = max(self.highest - self.lowest, 0.02)
        beyond = max(z - self.highest, self.lowest - z)
        self.lowest, self.highest = min(self.lowest, z), max(self.highest, z)
        errors = (abs(z), observed), (2 * abs(z), observed and z > 0)
        apart = [u.step(e, c and is_warm) for u, (e, c) in zip(self.usual, errors, strict=True)]
        novel = 0.0
        if self.options.novelty and observed and beyond > self.options.novelty * span:
            times = beyond / (self.options.novelty * span)
            novel = min(Scoring.NOVEL * times, Scoring.MOST)
        weighted = zip(self.importance, apart, strict=True)
        return max(novel, sqrt(sum(w * a**2 for w, a in weighted) / sum(self.importance)))

    @property
    def statistics(self):
        """What a new stream starts with."""
        usual = [(u.mean, u.variance, u.seen) for u in self.usual]
        return {"usual": usual, "range": (self.lowest, self.highest)}


def follow(channels, z):
    """Scores and channels' parts of one stream of standardised rows `(rows, channels)`."""
    count, parts = 0, []
    for row in z:
        count += bool(np.isfinite(row).any())
        is_warm = count > WARMUP
        now = [c.step(value, is_warm) for c, value in zip(channels, row, strict=True)]
        total = sqrt(sum(s**2 for s in now))
        parts.append([s**2 / max(total, 1e-6) if is_warm else 0.0 for s in now])
    return np.sum(parts, axis=1), np.array(parts)


def fitted(options, **arguments):
    """A fitted detector, its training rows and its options; tests share it."""
    return _fitted(json.dumps([options, arguments]))


@cache
def _fitted(text):
    options, arguments = json.loads(text)
    detector = Distance(["a", "b"], period_s=60.0, scoring=options, **arguments)
    frame = wave(600)
    frame.iloc[50:60, 0], frame.iloc[300, 1] = np.nan, np.inf
    detector.fit(frame)
    return detector, frame.to_numpy(), ScoringOptions(**options)


def standardised(detector, rows):
    """Rows as the definition sees them, in float64."""
    mean, std = (np.asarray(v, "float64") for v in (detector.scaler.mean, detector.scaler.std))
    return (np.asarray(rows, "float32").astype("float64") - mean) / std


def difficult():
    """Two streams: spikes, a new level, new extremes, outages, a late start."""
    x = np.stack([wave(300, seed=1).to_numpy(), wave(300, seed=2).to_numpy()])
    rng = np.random.default_rng(0)
    x[rng.random(x.shape) < 0.08] = np.nan
    x[rng.random(x.shape) < 0.01] = np.inf
    x[0, 80], x[0, 120:140], x[0, 150:185, 1] = 35.0, np.nan, np.nan
    x[1, :30], x[1, 30:70, 0] = np.nan, np.nan
    x[1, 200:, 0] += 6
    return x.astype("float32")


def scored(detector, x, lengths=None):
    """Outputs and last state of streams from a new state."""
    zeros = np.zeros((len(x), detector.state_size), "float32")
    return run(step_of(detector), x, zeros, lengths or always(detector.max_steps))


@pytest.mark.parametrize("options", [{}, QUICK, LONG], ids=["defaults", "quick", "long"])
def test_scores_follow_the_definition(options):
    """Training rows start the statistics; every stream scores as its samples say, one by one."""
    detector, rows, given = fitted(options)
    training = [Channel(given, len(rows)) for _ in range(2)]
    follow(training, standardised(detector, rows))
    for name, index in (("mean", 0), ("variance", 1), ("seen", 2)):
        want = [c.statistics["usual"][stream][index] for stream in range(2) for c in training]
        assert relative_gap(np.asarray(detector.scoring.statistics[name]), want) < 1e-5, name
    ranges = [np.asarray(detector.scoring.statistics[name]) for name in ("lowest", "highest")]
    assert relative_gap(ranges, np.transpose([c.statistics["range"] for c in training])) < 1e-5

    x = difficult()
    outputs = scored(detector, x)
    for stream, rows_of in enumerate(x):
        channels = [Channel(given, len(rows), c.statistics) for c in training]
        score, parts = follow(channels, standardised(detector, rows_of))
        assert relative_gap(outputs["score"][stream], score) < 1e-5
        assert relative_gap(outputs["channel_scores"][stream], parts) < 1e-5
    novel = outputs["score"] >= Scoring.NOVEL
    assert novel[0, 80] == bool(given.novelty)
    assert novel.any() == bool(given.novelty)


@pytest.mark.parametrize("options", [{}, QUICK, LONG], ids=["defaults", "quick", "long"])
def test_any_chunking_gives_the_same_numbers(options):
    """Stream, uneven chunks and whole chunks agree on every output and on the state."""
    detector, *_ = fitted(options)
    x = difficult()
    whole = scored(detector, x)
    assert all(np.isfinite(array).all() for array in whole.values())
    for lengths in (always(1), uneven(detector.max_steps)):
        for name, array in scored(detector, x, lengths).items():
            assert relative_gap(array, whole[name]) < 1e-5, name


@pytest.mark.parametrize("importance", [(1.0, 3.0), (2.0, 0.0)])
def test_streams_have_weights(importance):
    """The more important stream counts more; one without weight is left out, of the state too."""
    detector, rows, given = fitted(QUICK, importance=importance)
    equal, *_ = fitted(QUICK)
    assert (detector.state_size < equal.state_size) == (0.0 in importance)
    training = [Channel(given, len(rows), importance=importance) for _ in range(2)]
    follow(training, standardised(detector, rows))
    x = difficult()
    outputs = scored(detector, x)
    for stream, rows_of in enumerate(x):
        channels = [Channel(given, len(rows), c.statistics, importance) for c in training]
        score, parts = follow(channels, standardised(detector, rows_of))
        assert relative_gap(outputs["score"][stream], score) < 1e-5
        assert relative_gap(outputs["channel_scores"][stream], parts) < 1e-5
    assert relative_gap(scored(equal, x)["score"], outputs["score"]) > 0.01


def test_channel_scores_sum_to_the_score():
    """Each channel has its part of the score, and a channel that is as usual has none."""
    detector, *_ = fitted(QUICK)
    x = difficult()
    outputs = scored(detector, x)
    assert relative_gap(outputs["channel_scores"].sum(axis=-1), outputs["score"]) < 1e-5
    assert (outputs["channel_scores"] >= 0).all()
    assert ((outputs["channel_scores"] == 0).any(axis=-1) & (outputs["score"] > 0)).any()


def test_statistics_stand_still_while_samples_are_missing():
    """An outage changes no statistic, and once its window is empty the score is 0."""
    detector, *_ = fitted(QUICK)
    x = difficult()[:1, :100]
    before = scored(detector, x)["next_state"]
    missing = np.full((1, 40, 2), np.nan, "float32")
    outputs = run(detector.step, missing, before, always(16))
    old, new = (
        detector.layout.read(np.asarray(state)) for state in (before, outputs["next_state"])
    )
    for name in detector.scoring.statistics:
        np.testing.assert_array_equal(new[name], old[name], err_msg=name)
    assert not np.asarray(outputs["score"])[:, QUICK["short"] - 1 :].any()
    assert old["recent"].any()
    assert not new["recent"].any()


def test_an_anomaly_hardly_teaches_what_is_normal():
    """A spike moves the mean by at most `winsor` standard deviations' gain."""
    detector, *_ = fitted({**LONG, "short": 1})
    x = wave(120, seed=4).to_numpy("float32")[None].copy()
    usual = scored(detector, x)["next_state"]
    x[0, -1] += 1000
    spike = scored(detector, x)
    old, new = (detector.layout.read(np.asarray(state)) for state in (usual, spike["next_state"]))
    assert (new["mean"] > old["mean"]).all()
    memory = float(detector.scoring.memory[0])
    assert (new["mean"] - old["mean"] < 4 * np.sqrt(new["variance"]) / memory).all()
    assert spike["score"][0, -1] == pytest.approx(sqrt(2) * 5, rel=1e-4)


def test_a_start_is_no_more_remarkable_than_what_follows():
    """The mean of the first few errors is less certain: normal streams do not begin with alarms."""
    detector = Distance(["a"], period_s=60.0, scoring={"novelty": 0.0, "short": 20})
    detector.max_steps = 400
    rng = np.random.default_rng(0)
    times = pd.date_range("2025-01-01", periods=20_000, freq="min")
    detector.fit(pd.DataFrame({"a": rng.normal(size=20_000)}, index=times))
    x = rng.normal(size=(400, WARMUP + 80, 1)).astype("float32")
    severity = np.asarray(scored(detector, x)["severity"])
    assert (severity[:, :WARMUP] == 0).all()
    first, later = severity[:, WARMUP : WARMUP + 20], severity[:, WARMUP + 40 : WARMUP + 60]
    assert (first.max(axis=1) >= 3).mean() < 0.02
    assert (later.max(axis=1) >= 3).mean() < 0.02
    assert (first.max(axis=1) >= 1).mean() > 0.1


def test_ranges_are_those_of_all_training_rows(monkeypatch):
    """Error statistics come from the newest rows alone, ranges from all."""
    monkeypatch.setattr(detector_module, "FIRST_ROWS", 100)
    frame = wave(600, seed=5)
    frame.iloc[20, 0] += 30.0
    detector = Distance(["a", "b"], period_s=60.0)
    detector.fit(frame)
    z = standardised(detector, frame.to_numpy())
    np.testing.assert_allclose(detector.scoring.statistics["highest"], z.max(axis=0), rtol=1e-5)
    np.testing.assert_allclose(detector.scoring.statistics["lowest"], z.min(axis=0), rtol=1e-5)
    assert float(np.asarray(detector.scoring.statistics["seen"])[0]) <= 100


def test_a_new_extreme_never_lowers_a_score():
    """What is already higher than range novelty stays."""
    for novelty in (0.0, 0.05):
        detector, *_ = fitted({**LONG, "cap": 500.0, "short": 1, "novelty": novelty})
        x = wave(120, seed=4).to_numpy("float32")[None].copy()
        x[0, -1, 0] += 1000
        top = scored(detector, x)["score"][0, -1]
        assert top > 300


def test_a_short_half_life_still_limits_what_an_anomaly_teaches():
    """With a half-life of 20 samples no more than 29 ever count: enough to be settled."""
    detector, *_ = fitted({"half_life": 20, "novelty": 0.0})
    x = wave(120, seed=4).to_numpy("float32")[None].copy()
    x[0, -1] += 1000
    assert scored(detector, x)["score"][0, -1] < 20


def test_some_stream_needs_a_weight():
    with pytest.raises(ConfigError, match="must have a weight above 0. Received: size, size above"):
        Distance(["a"], importance=(0.0, 0.0))


def test_static_is_the_detectors_own_distance():
    """Without statistics, the score is the sum of the distances, and the state is small."""
    detector, *_ = fitted(STATIC)
    assert list(detector.layout.parts) == ["count", "last"]
    assert detector.declared_loops == 0
    x = difficult()
    z = standardised(detector, x)
    want = np.where(np.isfinite(z), np.square(z), 0.0)
    count = np.cumsum(np.isfinite(z).any(axis=-1), axis=1)
    want = np.where((count > WARMUP)[..., None], want, 0.0)
    outputs = scored(detector, x)
    assert relative_gap(outputs["channel_scores"], want) < 1e-5
    assert relative_gap(outputs["score"], want.sum(axis=-1)) < 1e-5


def test_defaults_of_each_detector():
    """Adaptive by default; the baseline and the papers' presets are static."""
    for name in ("vae-lstm", "rnn", "memory"):
        assert build_config(detector=name).scoring.normalisation == "adaptive"
        assert detector_class(name)(["a"]).scoring.is_adaptive
    for name, preset in (("gaussian", "tiny"), ("vae-lstm", "paper"), ("rnn", "paper")):
        assert build_config(detector=name, preset=preset).scoring.normalisation == "static"
    assert not detector_class("gaussian")(["a"]).scoring.is_adaptive


def test_one_loop_and_none_in_single_steps(tmp_path):
    """The statistics are one Loop of the file; with `--steps 1` there is no control flow at all."""
    detector, *_ = fitted(QUICK)
    detector.save(tmp_path / "detector.keras")
    x = replay_series(detector, streams=2, steps=60)
    want = scored(detector, x)
    for steps, loops in ((None, ["Loop"]), (1, [])):
        done = export(tmp_path / "detector.keras", tmp_path / f"{steps}.onnx", steps=steps)
        nodes = onnx.load(done.path).graph.node
        assert [n.op_type for n in nodes if n.op_type in {"If", "Loop", "Scan"}] == loops
        file = OnnxDetector(done.path)
        for name, got in file.step(x, file.initial_state(2))._asdict().items():
            assert relative_gap(got, want[name]) < 1e-5, name


def constant_detector(name):
    """A tiny detector of one channel, and one epoch of training."""
    if name == "memory":
        return Memory(["a"], period_s=60.0, box=2, boxes=4, size=50, start=24), None
    sizes = {VAELSTM: TINY["detector"], RNNPredictor: TINY_RNN}
    cls = detector_class(name)
    options = cls.Training(epochs=1, examples_per_epoch=500)
    return cls(["a"], period_s=60.0, **sizes[cls]), options


@pytest.mark.parametrize(
    ("name", "value"),
    [("memory", 0.0), ("memory", 0.1), ("memory", -300.0), ("vae-lstm", 0.0), ("rnn", 0.1)],
)
def test_a_constant_series_trains_and_a_change_alarms(name, value):
    """Constant and all-zero rows train; more of the same is silent; a small change is an event."""
    detector, training = constant_detector(name)
    frame = wave(600, channels=1)
    frame["a"] = value
    detector.fit(frame, training=training)
    frame.iloc[300:310] += 0.05 * abs(value) or 0.3
    table = detector.score(frame)
    assert np.isfinite(table.to_numpy(float)).all()
    assert table["alarm"].iloc[300]
    assert not table["alarm"].iloc[:300].any()
    assert table["score"].iloc[300] >= Scoring.NOVEL


def test_half_life_is_twice_the_training_rows():
    """Where none is given; a given one wins."""
    for options, half_life in (({}, 1200), ({"half_life": 30}, 30)):
        detector, *_ = fitted(options)
        memory = float(np.asarray(detector.scoring.memory)[0])
        assert memory == pytest.approx(1 / (1 - 0.5 ** (1 / half_life)), rel=1e-5)
