"""Tiny detector files that keep the whole contract: an exponential moving average per channel.

`expected` is the average of the samples before, a missing sample leaves it alone, the score is
the distance from it. Loop-free, for any number of streams and steps.
"""

from dataclasses import replace

import numpy as np
import onnx
from onnx import parser

from runtime.model.container import graph_digest, seal
from runtime.model.detector import Detector
from runtime.model.schema import (
    GOLDEN_KEY,
    METADATA_KEY,
    SCHEMA,
    WARM_KEY,
    InputColumn,
    Metadata,
    StatePart,
)
from runtime.model.verify import make_golden
from runtime.model.warm import make_warm

DECAY = 0.9

GRAPH = """
<ir_version: 8, opset_import: ["" : 17]>
toy (float[{streams},{steps},{inputs}] x, float[{streams},{state}] state)
 => (float[{streams},{steps}] score, float[{streams},{steps}] severity,
     float[{streams},{steps},{channels}] channel_scores,
     float[{streams},{steps},{channels}] expected,
     float[{streams},{state}] next_state)
<int64[1] zero = {{0}}, int64[1] one = {{1}}, int64[1] two = {{2}}, int64[1] last = {{-1}},
 int64[1] c = {{{channels}}}, int64[1] end = {{100000}}, int64 time = {{1}},
 float f0 = {{0}}, float f1 = {{1}}, float decay = {{{decay}}}, float rest = {{{rest}}},
 float tenth = {{0.1}}, float warmup = {{{warmup}}}, float many = {{1000000}}>
{{
  sample = Slice(x, zero, c, two)
  extra = Slice(x, c, end, two)
  isnan = IsNaN(sample)
  isinf = IsInf(sample)
  bad = Or(isnan, isinf)
  v = Where(bad, f0, sample)
  m = Where(bad, f0, f1)
  p = CumSum(m, time)
  before = Sub(p, m)
  nil = Mul(m, f0)
  ones = Add(f1, nil)
  index = CumSum(ones, time)
  p_s = Unsqueeze(p, one)
  p_t = Unsqueeze(before, two)
  n_t = Unsqueeze(p, two)
  i_s = Unsqueeze(index, one)
  i_t = Unsqueeze(index, two)
  past = Less(i_s, i_t)
  now = LessOrEqual(i_s, i_t)
  age = Sub(p_t, p_s)
  age_now = Sub(n_t, p_s)
  w = Pow(decay, age)
  w_now = Pow(decay, age_now)
  w_past = Where(past, w, f0)
  w_upto = Where(now, w_now, f0)
  mv = Mul(v, m)
  mvr = Mul(mv, rest)
  u = Unsqueeze(mvr, one)
  y_past = Mul(w_past, u)
  y_upto = Mul(w_upto, u)
  sum_past = ReduceSum <keepdims=0> (y_past, two)
  sum_upto = ReduceSum <keepdims=0> (y_upto, two)
  average = Slice(state, one, end, one)
  average1 = Unsqueeze(average, one)
  d_past = Pow(decay, before)
  d_upto = Pow(decay, p)
  a_past = Mul(d_past, average1)
  a_upto = Mul(d_upto, average1)
  mean = Add(sum_past, a_past)
  newest = Add(sum_upto, a_upto)
  count0 = Slice(state, zero, one, one)
  one_index = Slice(index, zero, one, two)
  steps_index = Squeeze(one_index, two)
  count_raw = Add(count0, steps_index)
  count = Min(count_raw, many)
  warm = LessOrEqual(count, warmup)
  warm3 = Unsqueeze(warm, two)
  itself = Where(bad, mean, sample)
  expected = Where(warm3, itself, mean)
  gap = Sub(v, mean)
  size = Abs(gap)
  channel_scores = Where(bad, f0, size)
  total = ReduceSum <keepdims=0> (channel_scores, two)
  context = ReduceSum <keepdims=0> (extra, two)
  context_size = Abs(context)
  context_part = Mul(context_size, tenth)
  score = Add(total, context_part)
  severity = Where(warm, f0, score)
  final = Slice(newest, last, end, one)
  final2 = Squeeze(final, one)
  count_end = Slice(count, last, end, one)
  next_state = Concat <axis=1> (count_end, final2)
}}
"""


def metadata(channels=("a",), context=(), **changes):
    """Metadata of a toy: a period of 60 s, a warm-up of 3 steps, chunks of 8."""
    columns = [InputColumn(name=name) for name in channels]
    columns += [InputColumn(name=name, role="context") for name in context]
    toy = Metadata(
        detector="toy",
        inputs=tuple(columns),
        period_s=60.0,
        max_gap_steps=5,
        warmup_steps=3,
        max_steps=8,
        state_size=len(channels) + 1,
        threshold=3.0,
        false_alarms="1/day",
        graph_sha256="0123456789abcdef" * 4,
        networks_sha256="0123456789abcdef" * 4,
        state=(
            StatePart(name="count", shape=(1,), offset=0, keeps=False),
            StatePart(name="average", shape=(len(channels),), offset=1, keeps=True),
        ),
    )
    return replace(toy, **changes)


def with_props(model, **props):
    """Bytes of a model with metadata_props."""
    onnx.helper.set_model_props(model, props)
    return model.SerializeToString()


def sealed(model, meta, **entries):
    """Bytes of a detector file with the hashes that its graph and entries have."""
    meta = replace(meta, graph_sha256=graph_digest(model.SerializeToString()))
    return with_props(model, **seal({METADATA_KEY: meta.to_json(), **entries}))


def upgraded(content):
    """A detector file of schema 1 as one of this schema, warm state and all."""
    model = onnx.load_from_string(content)
    props = {prop.key: prop.value for prop in model.metadata_props}
    old = Metadata.from_json(props.pop(METADATA_KEY))
    size = old.state_size
    state = (
        StatePart(name="count", shape=(1,), offset=0, keeps=False),
        StatePart(name="rest", shape=(size - 1,), offset=1, keeps=False),
    )
    props[WARM_KEY] = make_warm(np.linspace(0, 1, size)[None])
    return sealed(model, replace(old, schema=SCHEMA, state=state), **props)


def graph(meta, *, streams="streams", steps="steps", decay=DECAY):
    """The toy graph for some metadata, without metadata_props."""
    return parser.parse_model(
        GRAPH.format(
            streams=streams,
            steps=steps,
            inputs=len(meta.inputs),
            channels=len(meta.channels),
            state=meta.state_size,
            decay=decay,
            rest=1 - decay,
            warmup=meta.warmup_steps,
        )
    )


def toy(channels=("a",), context=(), *, streams="streams", steps="steps", golden=True, **changes):
    """Bytes of a toy detector file; `changes` go into its metadata."""
    meta = metadata(channels, context, **changes)
    # A thousand steps, after which each average is the number of its channel.
    warm = np.array([[1000, *range(1, meta.state_size)]])
    entries = {WARM_KEY: make_warm(warm)}
    if golden:
        detector = Detector(sealed(graph(meta), meta))
        x = np.random.default_rng(0).normal(20, 3, (1, 64, len(meta.inputs))).astype(np.float32)
        x[0, 5:9, 0] = np.nan
        state = detector.initial_state(1)
        entries[GOLDEN_KEY] = make_golden(x, state, detector.step(x, state))
    return sealed(graph(meta, streams=streams, steps=steps), meta, **entries)


def reference(values, warmup=3):
    """The toy's score and severity for (steps, channels), in plain Python."""
    average = np.zeros(values.shape[1])
    scores = []
    for row in values:
        present = np.isfinite(row)
        scores.append(np.abs(row - average)[present].sum())
        average = np.where(present, DECAY * average + (1 - DECAY) * row, average)
    score = np.array(scores)
    return score, np.where(np.arange(len(score)) < warmup, 0.0, score)
