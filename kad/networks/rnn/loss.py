"""The loss of the predictor over a chunk of rows, fed these or its own predictions."""

from collections.abc import Mapping
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

    Both runs, fed the rows and fed its own predictions, go through the network as one batch.

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
        states = [
            [_doubled(part * keep, two=two) for part in layer]
            for layer in states_of(carry, predictor)
        ]
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
    places = range(1 + len(predictor.recurrent))
    fed = {"x": steps_first(rows.z[:, : options.chunk]), "context": steps_first(rows.context)}
    for i in places:
        if f"dropout{i}" in batch:
            fed[f"dropout{i}"] = steps_first(batch[f"dropout{i}"])

    def advance(past: Any, now: Any) -> tuple[Any, Any]:
        states, own = past
        dropout = None
        if "dropout0" in now:
            masks = [ops.cast(now[f"dropout{i}"], "int32") < kept for i in places]
            dropout = [
                _doubled(ops.cast(mask, "float32"), two=two) * (KEEP / kept) for mask in masks
            ]
        x = ops.concatenate([now["x"], own], axis=0) if two else now["x"]
        out = predictor.step(x, _doubled(now["context"], two=two), states, dropout)
        own = out.predicted[-ops.shape(own)[0] :, 0]
        return (out.states, own), (out.predicted, out.hidden)

    (states, _), (predicted, hidden) = scan(advance, (states, rows.z[:, 0]), fed)
    return states, predicted, hidden


def _doubled(x: Any, *, two: bool) -> Any:
    return ops.concatenate([x, x], axis=0) if two else x
