"""Series that every detector must take, its numbers for them, and how close they must be."""

from dataclasses import fields

import numpy as np
import pandas as pd

from export.replay import always, replay_series, run
from kad.backend.compiled import compile_function
from runtime import Scores
from runtime.clock.context import context_columns
from runtime.model.compare import relative_gap
from runtime.model.outputs import OUTPUTS, PER_STEP
from toys.series import ten_minutes

TOLERANCE = 1e-5


def step_of(detector):
    """Its compiled `step`; one for all promises, and for its own scores."""
    step = detector.step
    if step not in detector._compiled:
        detector._compiled[step] = compile_function(step, detector.variables)
    return detector._compiled[step]


def new_state(detector, streams):
    """The state of new streams."""
    return np.zeros((streams, detector.state_size), "float32")


def scored(detector, x, lengths=None, state=None):
    """Outputs over all steps and the last state, by default in chunks as long as they may be."""
    state = new_state(detector, len(x)) if state is None else state
    return run(step_of(detector), x, state, lengths or always(detector.max_steps))


def as_input(detector, values, start=0):
    """Streams `(streams, steps, channels)` in raw units with the detector's context columns."""
    period = round(detector.period_s * 1e9)
    times = 1_735_840_800_000_000_000 + period * (start + np.arange(values.shape[1]))
    context = context_columns(detector.context, times)
    context = np.broadcast_to(context, (len(values), *context.shape))
    return np.concatenate([values, context], axis=2).astype("float32")


def calm(detector, streams=2, steps=None):
    """Streams without a missing sample, two warm-ups and more long."""
    steps = steps or 2 * detector.warmup_steps + 20
    frames = [frame_for(detector, steps, seed=seed) for seed in range(1, streams + 1)]
    return as_input(detector, np.stack([frame.to_numpy() for frame in frames]))


def difficult(detector, streams=2):
    """Streams with missing and infinite samples, outages and spikes; they begin differently.

    They end with a fault in the first channel.
    """
    x = replay_series(detector, streams=streams, steps=detector.warmup_steps + 60, seed=3)
    x[-1, :3, : len(detector.channels)] = np.nan
    x[:, -12:-6, 0] += 15 * np.asarray(detector.scaler.std)[0]
    return x


def frame_for(detector, rows, seed=0):
    """A wave with the detector's channels and period, which it has not seen."""
    columns = {}
    for i, name in enumerate(detector.channels):
        wave = ten_minutes(rows, seed=seed + 10 * (i // 2))
        columns[name] = wave["ab"[i % 2]]
    frame = pd.DataFrame(columns)
    frame.index = frame.index[0] + (frame.index - frame.index[0]) * (detector.period_s / 600)
    return frame.rename_axis("time")


def broken_frame(detector, rows=180, seed=5):
    """Such a frame with missing and infinite samples, a short gap and a long one, and a fault."""
    frame = frame_for(detector, rows, seed=seed)
    frame.iloc[50:53, 0], frame.iloc[60, -1], frame.iloc[70:72] = np.nan, np.inf, np.nan
    frame.iloc[80:84, -1] += 15
    long = detector.max_gap_steps + 2
    return frame.drop(frame.index[[45, *range(100, 100 + long)]])


def values_of(frame):
    """Times in nanoseconds and values of a frame."""
    return frame.index.as_unit("ns").asi8, frame.to_numpy("float64")


def agree(actual, expected, names=OUTPUTS, tolerance=TOLERANCE):
    """Asserts that outputs agree."""
    for name in names:
        # Severity alone has a size below which differences mean nothing: the score is compared too.
        unit = name if name == "severity" else ""
        gap = relative_gap(actual[name], expected[name], output=unit)
        assert gap <= tolerance, f"{name}: {gap:.2g}"


def equal(actual, expected, names=OUTPUTS):
    """Asserts that outputs are the same bit for bit."""
    for name in names:
        np.testing.assert_array_equal(actual[name], expected[name], err_msg=name)


def same_scores(actual, expected, tolerance=TOLERANCE):
    """Asserts that scored steps agree: exactly, but for what a network computes."""
    for field in fields(Scores):
        got, want = getattr(actual, field.name), getattr(expected, field.name)
        if field.name in PER_STEP:
            gap = relative_gap(got, want, output=field.name)
            assert gap <= tolerance, f"{field.name}: {gap:.2g}"
        elif field.name != "alarm":
            np.testing.assert_array_equal(got, want, err_msg=field.name)


def as_scores(parts):
    """A mapping of the outputs of scored steps."""
    return {name: getattr(parts, name) for name in PER_STEP}
