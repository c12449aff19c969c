"""The ensemble: VAE-LSTM, RNN predictor and memory as error streams of one detector."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, cast

import keras
import pandas as pd
from keras import ops
from pydantic import Field

from kad.detector import Component, Detector, TrainingSeries
from kad.detector.diagnostics import AROUND, Diagnostic
from kad.detectors.memory import Memory
from kad.detectors.rnn import RNNPredictor
from kad.detectors.vae_lstm import VAELSTM
from kad.graph.scoring import Measured, Samples
from kad.networks.rnn.options import RNNTraining
from kad.networks.vae_lstm.options import VAELSTMTraining
from kad.options import Count, FitOptions, NetworkOptions, Options, Weight, arguments_model
from kad.training.examples import rows_to_split
from kad.training.session import TrainingSession
from runtime.errors import ConfigError

VAELSTMArguments = arguments_model(
    VAELSTM,
    without=["importance"],
    l_win=64,
    l_seq=3,
    code_size=5,
    hidden_units=32,
    lstm_units=16,
)
RNNArguments = arguments_model(
    RNNPredictor,
    cell="gru",
    embedding=16,
    units=16,
    layers=1,
    horizon=6,
    head="direct",
    residual=True,
    smooth=1,
    compensate=False,
)
MemoryArguments = arguments_model(Memory)
_VAE_LSTM, _RNN, _MEMORY = VAELSTMArguments(), RNNArguments(), MemoryArguments()

MEMBERS: dict[str, tuple[type[Detector], type[Options]]] = {
    "vae_lstm": (VAELSTM, VAELSTMArguments),
    "rnn": (RNNPredictor, RNNArguments),
    "memory": (Memory, MemoryArguments),
}
"""The detectors of the ensemble and their constructor arguments, in the order of their streams."""


class EnsembleTraining(NetworkOptions):
    """`[training]` of the ensemble; `validation` and `seed` are those of all networks."""

    epochs: Count | None = None
    """Longest training of each network in epochs; its own where not given."""
    vae_lstm: VAELSTMTraining = VAELSTMTraining(
        epochs=60, epochs_lstm=30, learning_rate=3e-3, examples_per_epoch=2000
    )
    """The VAE-LSTM's."""
    rnn: RNNTraining = RNNTraining(
        epochs=30,
        batch_size=16,
        chunk=32,
        examples_per_epoch=8192,
        learning_rate=5e-3,
        loss="absolute",
        dropout=0.0,
        noise=0.0,
        free_running=0.0,
        professor_forced=0.0,
    )
    """The RNN predictor's."""

    def of(self, name: str) -> FitOptions:
        """Returns the options of a member."""
        own: FitOptions = getattr(self, name)
        shared: dict[str, Any] = {"validation": self.validation, "seed": self.seed}
        if self.epochs is not None:
            names = [field for field in type(own).model_fields if field.startswith("epochs")]
            shared |= dict.fromkeys(names, self.epochs)
        return own.model_copy(update=shared)


@keras.saving.register_keras_serializable("kad")
class Ensemble(Detector):
    """Fuses the error streams of three detectors in the scoring layer.

    The VAE-LSTM says how well the newest window can be drawn from its embedding and from embeddings
    before it, the RNN predictor how well the newest sample could be predicted, the memory how far
    the newest window and sample are from those before. Each of them sees other anomalies. The
    expected sample is the RNN predictor's. The preset `default` is made for one channel: small
    networks, and a predictor of changes; `multichannel` has the networks that its detectors have
    alone, which can learn how channels go together. During the longest warm-up of the networks, the
    score is 0; the memory joins in when it has samples enough.

    Args:
        channels: Names of the columns it watches.
        vae_lstm: Constructor arguments of `VAELSTM` that replace the ensemble's.
        rnn: Constructor arguments of `RNNPredictor` that replace the ensemble's.
        memory: Constructor arguments of `Memory`.
        importance: Weight of each of `streams` in the score; 0 leaves one out.
        **kwargs: See `Detector`.

    Reference: kad's own study on the Numenta Anomaly Benchmark: see `benchmarks/results/README.md`.
    """

    takes_context = True
    Training = EnsembleTraining
    streams = tuple(stream for cls, _ in MEMBERS.values() for stream in cls.streams)
    presets: ClassVar = {
        "default": {},
        "multichannel": {
            "detector": {
                "vae_lstm": arguments_model(VAELSTM, without=["importance"])().model_dump(),
                "rnn": arguments_model(RNNPredictor)().model_dump(),
                "importance": (1.0, 0.1, 1.0, 0.1, 1.0, 1.0),
            },
            "training": {
                "vae_lstm": VAELSTMTraining().model_dump(),
                "rnn": RNNTraining().model_dump(),
            },
        },
        "tiny": {
            "detector": {
                name: cls.presets["tiny"]["detector"] for name, (cls, _) in MEMBERS.items()
            },
            "training": {
                name: cls.presets["tiny"]["training"]
                for name, (cls, _) in MEMBERS.items()
                if name in EnsembleTraining.model_fields
            },
        },
    }

    vae_lstm: VAELSTM
    """Its error streams come first."""
    rnn: RNNPredictor
    """Gives the expected sample."""
    memory: Memory
    """Has no networks to train."""

    def __init__(
        self,
        channels: Sequence[str],
        *,
        vae_lstm: Annotated[Options, VAELSTMArguments] = _VAE_LSTM,
        rnn: Annotated[Options, RNNArguments] = _RNN,
        memory: Annotated[Options, MemoryArguments] = _MEMORY,
        importance: Annotated[tuple[Weight, ...], Field(min_length=6, max_length=6)] = (
            0.25,
            1.0,
            1.0,
            0.0,
            2.0,
            2.0,
        ),
        **kwargs: Any,
    ) -> None:
        super().__init__(channels, importance=importance, **kwargs)
        if not self.scoring.is_adaptive:
            raise ConfigError(
                "The ensemble's streams are compared by adaptive scoring. Leave out [scoring] "
                "normalisation = 'static', or choose one of its detectors."
            )
        given = {"vae_lstm": vae_lstm, "rnn": rnn, "memory": memory}
        self._arguments = {
            name: model.model_validate(dict(given[name])).model_dump()
            for name, (_, model) in MEMBERS.items()
        }
        shared: dict[str, Any] = {
            "period_s": self.period_s,
            "grid": self.grid,
            "max_gap_steps": self._max_gap_steps,
            "scoring": self.scoring.options.model_dump(),
        }

        # Detectors
        for name, (cls, _) in MEMBERS.items():
            own = {**shared, **self._arguments[name]}
            if cls.takes_context:
                own["context"] = self.context
            setattr(self, name, cls(channels, **own, name=name, member=True))

        # Config
        self.warmup_steps = max(self.vae_lstm.warmup_steps, self.rnn.warmup_steps)
        members = self._members.values()
        self.max_steps = min(member.max_steps for member in members)
        self.step_numbers = max(member.step_numbers for member in members)
        self.row_numbers = max(member.row_numbers for member in members)
        self.own_loops = sum(member.own_loops for member in self._members.values())
        parts = {
            f"{name}.{part}": shape
            for name, member in self._members.items()
            for part, shape in member.own_parts.items()
        }
        keeps = [f"{name}.{part}" for name, m in self._members.items() for part in m.own_keeps]
        self._ready(keeps=keeps, **parts)

    @property
    def _members(self) -> dict[str, Detector]:
        return {name: getattr(self, name) for name in MEMBERS}

    @property
    def own_of_machine(self) -> dict[str, Any]:
        """See `Detector.own_of_machine`: that of its members."""
        return {
            name: value
            for member in self._members.values()
            for name, value in member.own_of_machine.items()
        }

    @property
    def _trained(self) -> dict[str, Detector]:
        options = self.Training.model_fields
        return {name: member for name, member in self._members.items() if name in options}

    @property
    def families(self) -> int:
        """See `Detector.families`: those of its members."""
        return sum(member.families for member in self._members.values())

    @property
    def longest_count(self) -> int:
        """See `Detector.longest_count`."""
        return max(self.warmup_steps, self.memory.start)

    # The detector itself

    def measure(self, samples: Samples, old: Mapping[str, Any]) -> Measured:
        """See `Detector.measure`."""
        measured: dict[str, Measured] = {}
        for name, member in self._members.items():
            parts = {part: old[f"{name}.{part}"] for part in member.own_parts}
            measured[name] = member.measure(samples, parts)
        measured["memory"] = self._joining_late(samples, measured["memory"])
        return Measured(
            distance=ops.zeros_like(samples.z),
            errors=tuple(error for m in measured.values() for error in m.errors),
            counts=tuple(count for m in measured.values() for count in m.counts),
            expected=measured["rnn"].expected,
            trusts=tuple(
                trust
                for m in measured.values()
                for trust in m.trusts or map(ops.ones_like, m.errors)
            ),
            following={
                f"{name}.{part}": value
                for name, m in measured.items()
                for part, value in m.following.items()
            },
        )

    def _joining_late(self, samples: Samples, memory: Measured) -> Measured:
        """Lets the memory's errors be 0 until it has samples enough."""
        late = ops.cast(ops.greater(samples.count, self.memory.start + 1.0), "float32")
        waiting = samples.observed * (1.0 - late)
        return memory._replace(
            errors=tuple(error * late for error in memory.errors),
            counts=tuple(count * late + waiting for count in memory.counts),
        )

    def components(self) -> dict[str, Component]:
        """Returns the VAE-LSTM's components."""
        return self.vae_lstm.components()

    @property
    def lookback(self) -> int:
        """See `Detector.lookback`: the longest of its members'."""
        return max(member.lookback for member in self._members.values())

    def diagnostics(self, frame: pd.DataFrame) -> list[Diagnostic]:
        """See `Detector.diagnostics`: the pictures of all members."""
        return [
            picture
            for member in self._members.values()
            for picture in member.diagnostics(frame.iloc[-member.lookback - 2 * AROUND - 1 :])
        ]

    # Training

    def rows_needed(self, options: FitOptions) -> int:
        """See `Detector.rows_needed`: what the most demanding member needs."""
        training = cast("EnsembleTraining", options)
        return rows_to_split(*self.split_needed(options), share=training.validation)

    def split_needed(self, options: FitOptions) -> tuple[int, int]:
        """See `Detector.split_needed`: what the most demanding member needs on each side."""
        training = cast("EnsembleTraining", options)
        needed = [m.split_needed(training.of(name)) for name, m in self._trained.items()]
        learnt, held_out = zip(*needed, strict=True)
        return max(learnt), max(held_out)

    def check_series(self, series: TrainingSeries, options: FitOptions) -> None:
        """See `Detector.check_series`."""
        training = cast("EnsembleTraining", options)
        for name, member in self._trained.items():
            member.check_series(series, training.of(name))

    def fit_networks(self, series: TrainingSeries, session: TrainingSession) -> None:
        """Trains one member after the other."""
        training = cast("EnsembleTraining", session.options)
        for member in self._members.values():
            member.scaler.set_weights(self.scaler.get_weights())
        *_, last = self._trained
        for name, member in self._trained.items():
            with session.part(training.of(name), last=name == last):
                member.fit_networks(series, session)

    def fit_statistics(self, series: TrainingSeries) -> None:
        """See `Detector.fit_statistics`."""
        for member in self._members.values():
            member.fit_statistics(series)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        importance = [stream.weight for stream in self.scoring.streams]
        return {**super().get_config(), **self._arguments, "importance": importance}
