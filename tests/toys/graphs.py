"""Exports of many detectors of one make: their graph is traced and converted once."""

import json
from contextlib import contextmanager
from unittest.mock import patch

from onnx import ModelProto, numpy_helper

from export import detector_file
from export.canonical import PARAMS

_OWN = ("name", "channels", "channel_units", "period_s", "card")
"""Of a detector's configuration, what its graph does not depend on, but for how many channels."""


@contextmanager
def graphs_once(known):
    """Takes the graph of an earlier export where a detector differs by what its machine taught it.

    That is one initializer of the graph. The export's replay compares every file with its own
    detector all the same: a graph that does not fit is refused.

    Args:
        known: The graphs so far, by make; new ones are put there.
    """
    trace = detector_file._graph

    def graph(detector, step, frozen):
        config = {k: v for k, v in detector.get_config().items() if k not in _OWN}
        make = type(detector).__name__, len(detector.channels), config, dict(frozen)
        key = json.dumps(make, sort_keys=True)
        if key not in known:
            known[key] = trace(detector, step, frozen).SerializeToString()
        model = ModelProto.FromString(known[key])
        (params,) = (tensor for tensor in model.graph.initializer if tensor.name == PARAMS)
        params.CopyFrom(numpy_helper.from_array(detector.params, PARAMS))
        return model

    with patch.object(detector_file, "_graph", graph):
        yield
