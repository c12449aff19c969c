"""A detector that keeps all promises, and some that each break one."""

import keras
import numpy as np
from keras import ops

from kad.backend.compiled import compile_function
from kad.detector import Detector, ErrorStream, Measured
from kad.options import FitOptions
from runtime import Stream, StreamBatch


@keras.saving.register_keras_serializable("kad_tests")
class Honest(Detector):
    """The distance from the last sample but none."""

    Training = FitOptions
    streams = (ErrorStream("step", short=4),)

    def __init__(self, channels, **kwargs):
        super().__init__(channels, **kwargs)
        self.warmup_steps, self.max_steps = 5, 8
        self._ready(before=(len(self.channels),))

    def measure(self, samples, old):
        before = ops.concatenate([old["before"][:, None], samples.z[:, :-1]], axis=1)
        step = ops.abs(samples.z - before)
        return Measured(
            distance=ops.square(step) * samples.observed,
            errors=(step,),
            counts=(samples.observed,),
            expected=before,
            following={"before": samples.z[:, -1]},
        )

    def rows_needed(self, _options):
        return self.warmup_steps + 1


class Leaky(Honest):
    """Adds the mean over streams."""

    def measure(self, samples, old):
        measured = super().measure(samples, old)
        mean = ops.mean(measured.errors[0], axis=0, keepdims=True)
        return measured._replace(errors=(measured.errors[0] + mean,))


class Spreading(Honest):
    """Computes with missing samples."""

    def measure(self, samples, old):
        measured = super().measure(samples, old)
        return measured._replace(expected=measured.expected + 0.0 * samples.x)


class Counting(Honest):
    """Takes an infinite sample for a large one."""

    def measure(self, samples, old):
        measured = super().measure(samples, old)
        large = ops.cast(ops.abs(samples.x) > 1e35, "float32")
        return measured._replace(
            errors=(measured.errors[0] + 9 * large,), counts=(ops.ones_like(samples.z),)
        )


class Holding(Honest):
    """Takes the last sample for one that was measured."""

    def measure(self, samples, old):
        measured = super().measure(samples, old)
        return measured._replace(errors=(ops.abs(samples.z),), counts=(ops.ones_like(samples.z),))


class Forgetful(Honest):
    """Begins every chunk anew."""

    def measure(self, samples, old):
        return super().measure(samples, {**old, "before": ops.zeros_like(old["before"])})


class Stuck(Honest):
    """Scores as chunks should, but hands on another state."""

    def step(self, x, state):
        out = super().step(x, state)
        steps = ops.cast(ops.shape(x)[1], "float32")
        return {**out, "next_state": out["next_state"] * (1 + 1e-3 * steps)}


class Amnesiac(Honest):
    """Forgets its statistics when a stream restarts."""

    def step(self, x, state):
        begins = ops.cast(ops.equal(state[:, :1], 0.0), "float32")
        return super().step(x, state * (1.0 - begins))


class Sentimental(Honest):
    """Takes what was before a restart for what it looks back on."""

    def step(self, x, state):
        ones = ops.concatenate([ops.ones_like(state[:, :1]), state[:, 1:]], axis=1)
        return super().step(x, ops.where(ops.any(state != 0, axis=1, keepdims=True), ones, state))


class Loud(Honest):
    """Scores while it warms up."""

    def step(self, x, state):
        out = super().step(x, state)
        return {**out, "severity": out["severity"] + 1e-3}


class Late(Honest):
    """Is silent for one row more than it says."""

    def measure(self, samples, old):
        measured = super().measure(samples, old)
        warm = ops.cast(samples.count > self.warmup_steps + 2.0, "float32")
        expected = warm * measured.expected + (1 - warm) * samples.z
        return measured._replace(expected=expected)


class Wide(Honest):
    """One score per channel."""

    def step(self, x, state):
        out = super().step(x, state)
        return {**out, "score": out["channel_scores"]}


class Restless(Honest):
    """Remembers outside its state."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        compiled, calls = compile_function(self.step, self.variables), []

        def counted(x, state):
            calls.append(len(x))
            out = compiled(x, state)
            return {**out, "score": out["score"] + np.float32(len(calls))}

        self._compiled[self.step] = counted


class Silent(Honest):
    """Leaves an argument out of its configuration."""

    def __init__(self, channels, *, taste=1, **kwargs):
        super().__init__(channels, **kwargs)
        self.taste = taste


class ForgetfulStream(Stream):
    """Loses what the network remembers."""

    @classmethod
    def restore(cls, detector, blob):
        stream = super().restore(detector, blob)
        stream._rounds.state = np.zeros_like(stream._rounds.state)
        return stream


class MixedUp(StreamBatch):
    """Takes rows of the first stream for rows of the second now and then."""

    def push_many(self, streams, times_ns, values):
        values = np.where(streams[:, None] == 1, values[:1], values)
        return super().push_many(streams, times_ns, values)
