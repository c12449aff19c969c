"""What the predictor says about each sample of a chunk before it has come."""

from collections.abc import Mapping
from typing import Any

from keras import ops

from kad.backend.scan import scan
from kad.graph.rolling import steps_first
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
            horizon, channels)`, what was predicted at each of the last `horizon` steps.
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
    now = {"z": samples.z, "observed": samples.observed, "is_warm": samples.is_warm}
    now |= {"context": samples.context} if predictor.context else {}

    def advance(past: Any, now: Any) -> tuple[Any, dict[str, Any]]:
        chunk = {name: value[:, None] for name, value in now.items()}
        following, out = _predict(predictor, _imputed(chunk, past), past)
        return following, {name: value[:, 0] for name, value in out.items()}

    following, out = scan(
        advance,
        {name: old[name] for name in names},
        {name: steps_first(value) for name, value in now.items()},
    )
    return following, {name: steps_first(value) for name, value in out.items()}


def _imputed(chunk: Mapping[str, Any], past: Mapping[str, Any]) -> Samples:
    """Returns one step's samples, the forecast in place of those that are missing."""
    z, observed, is_warm = chunk["z"], chunk["observed"], chunk["is_warm"]
    context = chunk.get("context", z[..., :0])
    known = ops.logical_or(observed > 0.5, ops.logical_not(is_warm)[..., None])
    seen = ops.where(known, z, past["pending"][:, -1:, 0])
    return Samples(z, seen, observed, context, count=is_warm, is_warm=is_warm)


def _predict(
    predictor: Predictor, samples: Samples, old: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    z, features, horizon = samples.z, predictor.channels, predictor.horizon
    steps = ops.shape(z)[1]
    states = states_of(old, predictor)
    read = predictor.read(z, samples.context, states)
    pending = ops.concatenate([old["pending"], read.predicted], axis=1)
    made = ops.reshape(pending, (-1, (steps + horizon) * horizon, features))
    ahead = ops.arange(1, horizon + 1)
    row = ops.arange(steps)[:, None] + (horizon - ahead)[None]
    forecasts = ops.take(made, row * horizon + (ahead - 1)[None], axis=1)
    before = ops.concatenate([states[-1][0][:, None], read.hidden[:, :-1]], axis=1)
    following = {"pending": pending[:, steps:], **state_parts(read.states)}
    return following, {
        "z": z,
        "observed": samples.observed,
        "forecasts": forecasts,
        "hidden": before,
    }
