"""What the predictor says about each sample of a chunk before it has come."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from keras import ops

from kad.backend.scan import scan
from kad.graph.rolling import extended, is_one_step, steps_first
from kad.graph.scoring import Samples
from kad.networks.rnn.predictor import Predictor
from kad.networks.rnn.states import state_parts, states_of


def predict(
    predictor: Predictor, samples: Samples, old: Mapping[str, Any], *, imputes: bool
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Predicts from the samples of a chunk.

    Args:
        predictor: The network.
        samples: The samples.
        old: Parts of the state: the recurrent layers' states, and `pending` `(streams, horizon,
            horizon, channels)`, what was predicted at each of the last `horizon` steps, as one row
            `(streams, 1, ...)`.
        imputes: Whether forecasts replace missing samples after the warm-up: a loop over samples.

    Returns:
        The next values of these parts of the state, and per step: `z` `(streams, steps, channels)`,
        the standardised samples with missing ones imputed; `observed`, the same shape, 1 where a
        sample was observed; `forecasts` `(streams, steps, horizon, channels)`, the predictions
        made for each sample 1 to `horizon` steps before; `hidden` `(streams, steps, units)`, the
        hidden state before each sample.
    """
    if not imputes:
        return _predict(predictor, samples, old)
    names = [name for name in old if name.startswith(("pending", "layer"))]
    now = {
        "z": samples.z,
        "observed": samples.observed,
        "is_observed": samples.is_observed,
        "is_warm": samples.is_warm,
    }
    now |= {"context": samples.context} if predictor.context else {}

    def advance(past: Any, now: Any) -> tuple[Any, dict[str, Any]]:
        chunk = {name: value[:, None] for name, value in now.items()}
        samples = _imputed(chunk, past, horizon=predictor.horizon, features=predictor.channels)
        following, out = _predict(predictor, samples, past)
        return following, {name: value[:, 0] for name, value in out.items()}

    following, out = scan(
        advance,
        {name: old[name] for name in names},
        {name: steps_first(value) for name, value in now.items()},
    )
    return following, {name: steps_first(value) for name, value in out.items()}


def _imputed(
    chunk: Mapping[str, Any], past: Mapping[str, Any], *, horizon: int, features: int
) -> Samples:
    """Returns one step's samples, the forecast in place of those that are missing."""
    forecast = past["pending"][..., -horizon * features :][..., :features]
    imputed = ops.where(chunk["is_warm"], forecast, chunk["z"])
    return Samples(
        x=chunk["z"],
        z=ops.where(chunk["is_observed"], chunk["z"], imputed),
        observed=chunk["observed"],
        is_observed=chunk["is_observed"],
        context=chunk.get("context", chunk["z"][..., :0]),
        count=chunk["is_warm"],
        is_warm=chunk["is_warm"],
        machine={},
    )


def _predict(
    predictor: Predictor, samples: Samples, old: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    z, features, horizon = samples.z, predictor.channels, predictor.horizon
    steps = ops.shape(z)[1]
    states = states_of(old, predictor)
    read = predictor.read(z, samples.context, states)
    made = ops.reshape(read.predicted, (-1, steps, horizon * features))
    rows, pending = extended(old["pending"], made, horizon)
    made = ops.reshape(rows, (-1, (steps + horizon) * horizon, features))
    ahead = np.arange(1, horizon + 1)
    place = (horizon - ahead) * horizon + ahead - 1
    if is_one_step(z):
        forecasts = ops.take(made, place, axis=1)[:, None]
        before = states[-1][0][:, None]
    else:
        forecasts = ops.take(made, ops.arange(steps)[:, None] * horizon + place[None], axis=1)
        before = ops.concatenate([states[-1][0][:, None], read.hidden[:, :-1]], axis=1)
    following = {"pending": pending, **state_parts(read.states)}
    return following, {
        "z": z,
        "observed": samples.observed,
        "forecasts": forecasts,
        "hidden": before,
    }
