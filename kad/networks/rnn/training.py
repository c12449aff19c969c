"""Training of the RNN predictor's network."""

import numpy as np

from kad.detector import TrainingSeries
from kad.networks.rnn.loss import chunk_loss
from kad.networks.rnn.options import RNNTraining
from kad.networks.rnn.predictor import Predictor
from kad.networks.rnn.states import zero_states
from kad.training.chunks import Segments, chunk_steps, held_out_chunks, training_chunks
from kad.training.optimiser import Adam
from kad.training.session import TrainingSession


def fit_predictor(
    predictor: Predictor, series: TrainingSeries, session: TrainingSession, options: RNNTraining
) -> None:
    """Trains the predictor by truncated back-propagation through parallel streams."""
    train, held_out = split(series)
    layout = {"length": options.chunk, "streams": options.batch_size}
    rows = options.examples_per_epoch

    def batches(rng: np.random.Generator) -> dict[str, np.ndarray]:
        drawn = training_chunks(train, **layout, rows=rows, rng=rng)
        shape = (*drawn["start"].shape, options.chunk)
        if options.noise:
            size = (*shape[:2], options.chunk + predictor.ahead, predictor.channels)
            level = rng.uniform(0, options.noise, (*shape[:2], 1, 1)).astype("float32")
            drawn["noise"] = level * rng.standard_normal(size, dtype="float32")
        if options.dropout:
            for i, width in enumerate(predictor.dropout_widths):
                drawn[f"dropout{i}"] = rng.integers(0, 256, (*shape, width), dtype="uint8")
        return drawn

    session.run_phase(
        "predictor",
        loss=chunk_loss(predictor, options),
        network=predictor.trainable_variables,
        data={"z": series.values, "mask": series.observed, "context": series.context},
        batches=batches,
        validation=held_out_chunks(held_out, **layout),
        epochs=options.epochs,
        optimizer=Adam(
            options.learning_rate,
            options.learning_rate_decay,
            clip_norm=options.gradient_norm,
            weight_decay=options.weight_decay or None,
        ),
        last=True,
        steps=chunk_steps(**layout, rows=rows),
        carry=lambda streams: zero_states(predictor, streams),
    )


def split(series: TrainingSeries) -> tuple[Segments, Segments]:
    """Returns the rows to train on and the held-out rows, in segments of two rows or more."""
    cut = len(series.values) - series.held_out_rows
    train = [(a, min(b, cut)) for a, b in series.ranges]
    held_out = [(max(a, cut), b) for a, b in series.ranges]
    return [(a, b) for a, b in train if b - a >= 2], [(a, b) for a, b in held_out if b - a >= 2]
