"""What every detector promises, one function per promise: each raises AssertionError where broken.

`tests/conformance` runs them on all detectors, and on detectors that break them. A new detector is
covered as soon as its module lies in `kad/detectors/`.
"""

import inspect
import json

import numpy as np
import pandas as pd
from onnx import load as load_graph

from export.replay import always, run, uneven
from kad.backend.compiled import compile_function
from runtime import Stream, StreamBatch, verify
from runtime.clock.context import context_columns
from runtime.model.compare import relative_gap
from runtime.model.outputs import OUTPUTS, PER_STEP
from runtime.streams.scores import Scores
from toys.compared import (
    TOLERANCE,
    agree,
    as_scores,
    broken_frame,
    calm,
    difficult,
    equal,
    frame_for,
    new_state,
    same_scores,
    scored,
    values_of,
)

CUTS = {"sample by sample": lambda _: always(1), "uneven": uneven}


# `step`


def check_shapes(detector):
    """Outputs have the shapes and the type that the contract says."""
    streams, steps, channels = 2, min(5, detector.max_steps), len(detector.channels)
    out = scored(detector, difficult(detector)[:streams, :steps])
    contract = {
        "score": (streams, steps),
        "severity": (streams, steps),
        "channel_scores": (streams, steps, channels),
        "expected": (streams, steps, channels),
        "next_state": (streams, detector.state_size),
    }
    assert {name: out[name].shape for name in contract} == contract
    assert {out[name].dtype for name in OUTPUTS} == {np.dtype("float32")}


def check_chunks(detector):
    """Sample by sample, in uneven chunks and in whole ones: the same numbers, the same state."""
    x = difficult(detector)
    whole = scored(detector, x)
    assert whole["score"].any()
    for lengths in CUTS.values():
        agree(scored(detector, x, lengths(detector.max_steps)), whole)


def check_purity(detector):
    """What `step` remembers is in its state: the same call gives the same bits."""
    x = difficult(detector)
    first = scored(detector, x)
    scored(detector, calm(detector))
    equal(scored(detector, x), first)


def check_streams(detector):
    """A stream scores the same alone, beside another one, and beside one that began earlier."""
    x = difficult(detector)
    both = scored(detector, x)
    for i in range(len(x)):
        alone = scored(detector, x[i : i + 1])
        agree({name: alone[name][0] for name in OUTPUTS}, {n: both[n][i] for n in OUTPUTS})
    old = detector.warmup_steps + 10
    early = scored(detector, x[:1, :old])
    steps = x.shape[1] - old
    states = np.concatenate([early["next_state"], new_state(detector, 1)])
    mixed = scored(detector, np.stack([x[0, old:], x[1, :steps]]), state=states)
    agree({n: mixed[n][0] for n in PER_STEP}, {n: both[n][0, old:] for n in PER_STEP}, PER_STEP)
    agree({n: mixed[n][1] for n in PER_STEP}, {n: both[n][1, :steps] for n in PER_STEP}, PER_STEP)
    assert relative_gap(mixed["next_state"][0], both["next_state"][0]) <= TOLERANCE


def check_missing(detector):
    """NaN, infinities and absurd readings are the same: no number at all, in no output, for ever.

    A channel that never had a reading has no part in the score.
    """
    channels, warm = len(detector.channels), detector.warmup_steps
    x = difficult(detector)
    x[0, warm + 30 : warm + 45, :channels] = np.nan
    x[1, warm + 20 : warm + 50, 0] = np.nan
    out = scored(detector, x)
    for name in OUTPUTS:
        assert np.isfinite(out[name]).all(), name
    assert (out["score"] >= 0).all()
    assert (out["channel_scores"] >= 0).all()
    missing = ~np.isfinite(x)
    for other in (np.nan, np.inf, -np.inf, 3e38, -1.1e30):
        equal(scored(detector, np.where(missing, np.float32(other), x)), out)
    if channels > 1:
        x = calm(detector)
        x[..., channels - 1] = np.nan
        out = scored(detector, x)
        assert not out["channel_scores"][..., -1].any()
        assert all(np.isfinite(out[name]).all() for name in OUTPUTS)


def check_outage(detector):
    """Once all that a score rests on is missing, it is 0; what comes back is scored again."""
    longest = detector.lookback + max(stream.short for stream in detector.scoring.streams)
    x = calm(detector, steps=detector.warmup_steps + 40 + longest + 1)
    begin = detector.warmup_steps + 40
    before = scored(detector, x[:, :begin])
    x[:, begin:, : len(detector.channels)] = np.nan
    out = scored(detector, x[:, begin:], state=before["next_state"])
    assert before["score"].any()
    assert not out["score"][:, -1].any()
    assert not out["severity"][:, -1].any()
    assert not out["channel_scores"][:, -1].any()


def check_warm_up(detector):
    """For exactly `warmup_steps` observed rows nothing scores, and `expected` is the sample.

    A row without any reading does not count; there `expected` is the last sample.
    """
    channels, warm = len(detector.channels), detector.warmup_steps
    x = calm(detector)
    x[1, 4:7, :channels] = np.nan
    out = scored(detector, x)
    sample = x[..., :channels]
    for stream, rows in ((0, warm), (1, warm + 3)):
        for name in ("score", "severity", "channel_scores"):
            assert not out[name][stream, :rows].any(), name
        seen = np.isfinite(sample[stream, :rows])
        expected = out["expected"][stream]
        np.testing.assert_allclose(expected[:rows][seen], sample[stream, :rows][seen], rtol=1e-6)
        assert (expected[rows] != sample[stream, rows]).any()
        assert out["score"][stream, rows:].any()
    held = np.tile(sample[1, 3], (3, 1))
    np.testing.assert_allclose(out["expected"][1, 4:7], held, rtol=1e-6)


def check_restart(detector):
    """First number 0: windows begin anew, the warm-up counts again, what was learnt goes on.

    A frame with a longer gap than `max_gap_steps` is scored that way, and zeros everywhere are a
    new stream.
    """
    warm, keeps = detector.warmup_steps, detector.layout.keeps
    x = calm(detector)
    before = scored(detector, x)["next_state"]
    again = before.copy()
    again[:, 0] = 0
    scrambled = again.copy()
    for part in detector.layout.slices[1:]:
        if part.name not in keeps:
            scrambled[:, part.offset : part.offset + part.size] = 5.0
    out = scored(detector, x, state=again)
    equal(scored(detector, x, state=scrambled), out)
    assert not out["severity"][:, :warm].any()
    assert out["score"][:, warm:].any()
    if detector.scoring.is_adaptive:
        nothing = np.full_like(x[:, :1], np.nan)
        nothing[..., len(detector.channels) :] = 0
        kept = detector.layout.read(scored(detector, nothing, state=again)["next_state"])
        old = detector.layout.read(before)
        for name in detector.scoring.statistics_parts:
            np.testing.assert_array_equal(kept[name], old[name], err_msg=name)
        new = scored(detector, x)
        assert relative_gap(out["next_state"], new["next_state"]) > TOLERANCE
    frame = frame_for(detector, 3 * warm + 40, seed=4)
    cut = warm + 20
    parts = [frame.iloc[:cut], frame.iloc[cut + detector.max_gap_steps + 1 :]]
    scores, counts = detector.scores(pd.concat(parts))
    assert counts["restarts"] == 1
    state, rest = new_state(detector, 1), None
    for part in parts:
        state[:, 0] = 0
        times, values = values_of(part)
        inputs = np.concatenate([values, context_columns(detector.context, times)], axis=1)
        rest = scored(detector, inputs[None].astype("float32"), always(1), state=state)
        state = np.array(rest["next_state"])
    expected = {name: rest[name][0] for name in PER_STEP}
    agree({name: getattr(scores, name)[-len(parts[1]) :] for name in PER_STEP}, expected, PER_STEP)


def check_warm_start(detector):
    """What a warm stream starts with: what goes on at the end of the training rows, and no more."""
    state = detector.warm_state
    parts = detector.layout.read(state)
    assert state.shape == (1, detector.state_size)
    assert np.isfinite(state).all()
    for name, part in parts.items():
        assert name in detector.layout.keeps or not part.any(), name
    for name in detector.own_keeps:
        assert parts[name].any(), name
    for name in detector.scoring.statistics_parts:
        value = np.asarray(detector.scoring.statistics[name])
        np.testing.assert_array_equal(parts[name].reshape(-1), value, err_msg=name)
    out = scored(detector, calm(detector, streams=1), state=state)
    assert not out["severity"][:, : detector.warmup_steps].any()
    assert all(np.isfinite(out[name]).all() for name in OUTPUTS)


def check_context(detector):
    """NaN, infinity and absurd numbers in a context column poison nothing, and count as 0."""
    channels = len(detector.channels)
    x = calm(detector)
    row = detector.warmup_steps + 5
    x[:, row, channels:] = 0
    want = scored(detector, x)
    for absurd in (np.nan, np.inf, -np.inf, 3e38, -1e30, 7.0):
        x[:, row, channels:] = absurd
        equal(scored(detector, x), want)


def check_frame(detector):
    """A frame scores as its rows fed to `step` one by one."""
    frame = frame_for(detector, detector.warmup_steps + 50, seed=6)
    frame.iloc[20:22, 0], frame.iloc[30, -1] = np.nan, np.inf
    scores, _ = detector.scores(frame)
    context = context_columns(detector.context, scores.times_ns)
    x = np.concatenate([frame.to_numpy(), context], axis=1)[None].astype("float32")
    out = scored(detector, x, always(1))
    agree(as_scores(scores), {name: out[name][0] for name in PER_STEP}, PER_STEP)
    np.testing.assert_array_equal(scores.alarm, scores.severity >= detector.card["threshold"])


# What is learnt and kept


def check_config(detector):
    """`get_config` is JSON, names every argument of the constructor, and repeats the detector."""
    config = detector.get_config()
    again = type(detector).from_config(json.loads(json.dumps(config, allow_nan=False)))
    assert again.get_config() == config
    shapes = [(weight.path, tuple(weight.shape)) for weight in detector.weights]
    assert [(weight.path, tuple(weight.shape)) for weight in again.weights] == shapes
    assert again.layout.parts == detector.layout.parts
    arguments = inspect.signature(type(detector).__init__).parameters
    kinds = inspect.Parameter
    named = {n for n, p in arguments.items() if p.kind not in {kinds.VAR_KEYWORD}} - {"self"}
    assert named <= set(config)


def check_kept(detector, path):
    """save → load keeps the configuration, the card and every weight, bit for bit."""
    import kad

    detector.save(path)
    again = kad.load(path)
    assert type(again) is type(detector)
    assert again.get_config() == detector.get_config()
    assert again.card == detector.card
    for got, want in zip(again.weights, detector.weights, strict=True):
        assert got.path == want.path
        np.testing.assert_array_equal(got.numpy(), want.numpy(), err_msg=want.path)
    return again


def check_saved(detector, path):
    """A saved detector scores every number as before, bit for bit."""
    x, zeros = difficult(detector), new_state(detector, 2)
    then, now = (
        # Compiled anew, both: what was compiled for other shapes before may round differently.
        run(compile_function(one.step, one.variables), x, zeros, always(detector.max_steps))
        for one in (detector, check_kept(detector, path))
    )
    equal(now, then)


def check_calibrated(detector):
    """The threshold that training rows gave is silent on such rows, and a fault is above it.

    Severity rises with the score, and the channel with the fault is to blame.
    """
    threshold = detector.card["threshold"]
    assert np.isfinite(threshold)
    assert threshold > 0
    assert detector.calibration_scores.size == detector.card["calibration"]["rows"] >= 50
    assert np.isfinite(detector.calibration_scores).all()
    order = np.sort(np.append(detector.calibration_scores, 1e6)).astype("float32")
    severity = np.asarray(detector.calibration(order))
    assert (np.diff(severity) >= 0).all()
    assert severity[-1] > threshold
    rows = max(400, 3 * detector.lookback)
    frame = frame_for(detector, rows, seed=7)
    usual = detector.score(frame)
    assert np.isfinite(usual.to_numpy(float)).all()
    assert usual["alarm"].mean() < 0.02
    at = rows - 60
    frame.iloc[at : at + 6, 0] += 20
    table = detector.score(frame)
    near = table.iloc[at : at + 12]
    assert near["alarm"].any()
    assert near["severity"].max() > 1.5 * usual["severity"].iloc[: at - 40].max()
    names = [f"score_{name}" for name in detector.channels]
    if len(names) > 1:
        assert near.loc[near["score"].idxmax(), names].idxmax() == names[0]


def check_constant(detector, frame):
    """More of a constant channel is silent, and a small change of it is an event."""
    frame = frame.copy()
    (name,) = [name for name in frame if frame[name].min() == frame[name].max()]
    at = len(frame) - 50
    usual = detector.score(frame)
    frame.iloc[at : at + 10, list(frame).index(name)] *= 1.05
    table = detector.score(frame)
    assert np.isfinite(usual.to_numpy(float)).all()
    assert np.isfinite(table.to_numpy(float)).all()
    assert usual["alarm"].mean() < 0.02
    assert not usual["alarm"].iloc[at : at + 10].any()
    assert table["alarm"].iloc[at]
    assert table[f"score_{name}"].iloc[at] > 0.5 * table["score"].iloc[at] > 0


# The file on the gateway


def check_replay(detector, onnx, path):
    """The file gives the numbers of Keras: sample by sample, in uneven chunks and at once.

    `verify` finds them again exactly. Its control flow is the loops that the detector declares.
    """
    nodes = load_graph(path).graph.node
    loops = [node.op_type for node in nodes if node.op_type in {"If", "Loop", "Scan"}]
    assert loops == ["Loop"] * detector.declared_loops

    def step(x, state):
        return onnx.step(np.ascontiguousarray(x), state)._asdict()

    x = difficult(detector, streams=3)
    want = scored(detector, x)
    for lengths in (always(x.shape[1]), uneven(detector.max_steps, seed=2), always(1)):
        got = run(step, x, onnx.initial_state(3), lengths)
        for name in OUTPUTS:
            gap = relative_gap(got[name], want[name], output=name)
            assert gap <= TOLERANCE, f"{name}: {gap:.2g}"
    report = verify(path)
    assert report.passed
    assert max(report.gaps.values()) == 0


def check_stream(detector, onnx):
    """Rows pushed one by one score as the whole frame in Keras: gaps, restarts, context."""
    frame = broken_frame(detector)
    expected, counts = detector.scores(frame)
    times, values = values_of(frame)
    stream = Stream(onnx)
    parts = [
        stream.push(t.to_pydatetime(), row) for t, row in zip(frame.index, values, strict=True)
    ]
    same_scores(Scores.joined([*parts, stream.flush()]), expected)
    assert counts["restarts"] == stream.counts.restarts > 0
    block = Stream(onnx)
    same_scores(Scores.joined([block.push_many(times, values), block.flush()]), expected)


def check_snapshot(detector, onnx, cls=Stream):
    """A stream restored from bytes goes on as if nothing had happened, bit for bit."""
    times, values = values_of(broken_frame(detector))
    whole = Stream(onnx, reorder=2)
    cut = detector.warmup_steps + 9
    expected = [
        whole.push_many(times[:cut], values[:cut]),
        whole.push_many(times[cut:], values[cut:]),
    ]
    first = cls(onnx, reorder=2)
    parts = [first.push_many(times[:cut], values[:cut])]
    rest = cls.restore(onnx, first.snapshot())
    parts.append(rest.push_many(times[cut:], values[cut:]))
    same_scores(
        Scores.joined([*parts, rest.flush()]),
        Scores.joined([*expected, whole.flush()]),
        tolerance=0,
    )


def check_batch(detector, onnx, cls=StreamBatch):
    """Streams that come in turns score together as each of them alone."""
    frames = [broken_frame(detector, seed=seed) for seed in (5, 6, 7)]
    frames[1] = frames[1].iloc[20:]
    names = ["first", "second", "third"]
    rows = [(*values_of(frame), i) for i, frame in enumerate(frames)]
    times = np.concatenate([t for t, _, _ in rows])
    values = np.concatenate([v for _, v, _ in rows])
    streams = np.concatenate([np.full(len(t), i) for t, _, i in rows])
    order = np.lexsort((streams, times))
    batch = cls(onnx, names)
    parts = {name: [] for name in names}
    cuts = np.flatnonzero(np.diff(times[order]) > 0) + 1
    for chosen in (*np.split(order, cuts)[:150], order[cuts[149] :]):
        got = batch.push_many(streams[chosen], times[chosen], values[chosen])
        for name, scores in got.by_stream().items():
            parts[name].append(scores)
    for name, scores in batch.flush().by_stream().items():
        parts[name].append(scores)
    for name, (t, v, _) in zip(names, rows, strict=True):
        stream = Stream(onnx)
        same_scores(
            Scores.joined(parts[name]), Scores.joined([stream.push_many(t, v), stream.flush()])
        )
