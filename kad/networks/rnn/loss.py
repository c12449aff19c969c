"""The loss of the predictor over a chunk of rows, fed these or its own predictions."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from keras import ops

from kad.backend.loop import Loss
from kad.backend.scan import scan
from kad.graph.rolling import steps_first
from kad.networks.rnn.options import RNNTraining
from kad.networks.rnn.predictor import Predictor, States
from kad.networks.rnn.states import state_parts, states_of

KEEP = 256
"""Dropout masks are drawn as bytes."""


def chunk_loss(predictor: Predictor, options: RNNTraining) -> Loss:
    """Returns the loss of one chunk.

    Both runs, fed the rows and fed its own predictions, go through the network step by step as one
    batch; where a network takes all steps at once, it does so with the rows.

    Args:
        predictor: The network.
        options: Lengths and weights.

    Returns:
        A function of the training data `z`, `mask` and `context`, each `(rows, ...)`; of a batch,
        see `training_chunks`, where `noise` and `dropout<place>` may be added; and of the
        streams' named states. It gives `loss` and its parts, each `(streams,)`, and the next
        states.
    """
    chunk, two = options.chunk, bool(options.free_running or options.professor_forced)

    def loss(data: Any, batch: Any, carry: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        rows = _rows_of(data, batch, chunk=chunk, ahead=predictor.ahead)
        keep = 1.0 - batch["fresh"][:, None]
        states = [[part * keep for part in layer] for layer in states_of(carry, predictor)]
        states, predicted, hidden = _run(predictor, rows, batch, states, options=options, two=two)
        streams = ops.shape(rows.z)[0]
        z, mask = steps_first(rows.z), steps_first(rows.mask)
        forced, free = predicted[:, :streams], predicted[:, -streams:, :1]
        parts = {"teacher_forced": mean_loss(options.loss, chunk, forced, z=z, mask=mask)}
        if two:
            parts["free_running"] = mean_loss(options.loss, chunk, free, z=z, mask=mask)
            gap = hidden[:, -streams:] - ops.stop_gradient(hidden[:, :streams])
            there = steps_first(rows.inside[:, 1 : chunk + 1])[..., None]
            parts["professor_forced"] = ops.sum(ops.square(gap) * there, axis=(0, 2)) / (
                ops.sum(there, axis=(0, 2)) * predictor.units + 1e-6
            )
        total = sum(getattr(options, name) * value for name, value in parts.items())
        following = state_parts([[part[:streams] for part in layer] for layer in states])
        return {"loss": total, **parts}, following

    return loss


def mean_loss(kind: str, chunk: int, predicted: Any, *, z: Any, mask: Any) -> Any:
    """Mean squared or absolute error per stream over steps, predictions ahead, and channels.

    Args:
        kind: `squared` or `absolute`.
        chunk: Steps.
        predicted: `(chunk, streams, ahead, channels)`.
        z: `(chunk + ahead, streams, channels)`, or longer.
        mask: As `z`; 0 where a sample does not count.
    """
    size = ops.square if kind == "squared" else ops.abs
    total, count = 0.0, 0.0
    for k in range(predicted.shape[2]):
        target, counts = z[k + 1 : k + 1 + chunk], mask[k + 1 : k + 1 + chunk]
        total = total + ops.sum(size(predicted[:, :, k] - target) * counts, axis=(0, 2))
        count = count + ops.sum(counts, axis=(0, 2))
    return total / (count + 1e-6)


class _Rows(NamedTuple):
    """The rows of a chunk per stream, and those that its last predictions are for."""

    z: Any
    """`(streams, chunk + ahead, channels)`."""
    mask: Any
    """Same shape; 0 where a sample does not count."""
    inside: Any
    """`(streams, chunk + ahead)`: 1 before the end of the segment."""
    context: Any
    """`(streams, chunk, context)`."""


def _rows_of(data: Any, batch: Any, *, chunk: int, ahead: int) -> _Rows:
    rows = batch["start"][:, None] + ops.arange(chunk + ahead, dtype="int32")
    inside = ops.cast(ops.less(rows, batch["end"][:, None]), "float32")
    rows = ops.minimum(rows, batch["end"][:, None] - 1)
    z = ops.take(data["z"], rows, axis=0)
    return _Rows(
        z=z + batch["noise"] if "noise" in batch else z,
        mask=ops.take(data["mask"], rows, axis=0) * inside[..., None],
        inside=inside,
        context=ops.take(data["context"], rows[:, :chunk], axis=0),
    )


def _run(
    predictor: Predictor,
    rows: _Rows,
    batch: Mapping[str, Any],
    states: States,
    *,
    options: RNNTraining,
    two: bool,
) -> tuple[States, Any, Any]:
    """Runs the network over a chunk: the last states, and predictions and hidden by step.

    Where there are two runs, that which is fed its own predictions has the second half of every
    batch.
    """
    kept = max(1, round((1 - options.dropout) * KEEP))
    if not predictor.is_parallel:
        runs = ("forced", "free") if two else ("forced",)
        return _step_by_step(predictor, rows, batch, states, options.chunk, kept=kept, runs=runs)
    masks = [batch[name] for name in _dropouts(predictor, batch)]
    dropout = [_factors(mask, kept) for mask in masks] or None
    run = predictor.run(rows.z[:, : options.chunk], rows.context, states, dropout)
    shape = (-1, options.chunk, predictor.ahead, predictor.channels)
    predicted, hidden = steps_first(ops.reshape(run.predicted, shape)), steps_first(run.hidden)
    if two:
        _, *free = _step_by_step(
            predictor, rows, batch, states, options.chunk, kept=kept, runs=("free",)
        )
        predicted, hidden = (
            ops.concatenate(pair, axis=1) for pair in zip((predicted, hidden), free, strict=True)
        )
    return run.states, predicted, hidden


def _step_by_step(
    predictor: Predictor,
    rows: _Rows,
    batch: Mapping[str, Any],
    states: States,
    chunk: int,
    *,
    kept: int,
    runs: Sequence[str],
) -> tuple[States, Any, Any]:
    """Runs as one batch, `forced` fed the rows and `free` its own predictions."""
    names = _dropouts(predictor, batch)
    fed = {"x": steps_first(rows.z[:, :chunk]), "context": steps_first(rows.context)}
    fed |= {name: steps_first(batch[name]) for name in names}

    def all_of(x: Any) -> Any:
        return x if len(runs) == 1 else ops.concatenate([x] * len(runs), axis=0)

    def advance(past: Any, now: Any) -> tuple[Any, Any]:
        states, own = past
        dropout = [all_of(_factors(now[name], kept)) for name in names] or None
        inputs = {"forced": now["x"], "free": own}
        x = ops.concatenate([inputs[run] for run in runs], axis=0)
        out = predictor.step(x, all_of(now["context"]), states, dropout)
        own = out.predicted[-ops.shape(own)[0] :, 0]
        return (out.states, own), (out.predicted, out.hidden)

    first = [[all_of(part) for part in layer] for layer in states]
    (states, _), (predicted, hidden) = scan(advance, (first, rows.z[:, 0]), fed)
    return states, predicted, hidden


def _dropouts(predictor: Predictor, batch: Mapping[str, Any]) -> list[str]:
    """Returns the names of the masks that a batch has, by place of the network."""
    names = [f"dropout{i}" for i in range(1 + len(predictor.recurrent))]
    return [name for name in names if name in batch]


def _factors(mask: Any, kept: int) -> Any:
    return ops.cast(ops.cast(mask, "int32") < kept, "float32") * (KEEP / kept)
