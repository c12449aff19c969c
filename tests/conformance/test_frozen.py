"""Files whose numbers of streams and steps are fixed: every detector, at its default size."""

import numpy as np
import onnx
import pytest

from export.detector_file import detector_file
from kad.detectors import detector_names
from runtime import Detector
from toys import checks
from toys.compared import TOLERANCE, calm
from toys.detectors import default_size
from toys.graphs import graphs_once

CONTROL_FLOW = {"If", "Loop", "Scan"}
FROZEN = ((1, 1), (2, 1), (1, 3))


CASES = {f"{name} {channels}": (name, channels) for name in detector_names() for channels in (1, 2)}


@pytest.fixture(scope="module", params=CASES.values(), ids=CASES)
def made(request):
    """A detector of default size, and its file for any number of streams and steps.

    A graph that two tests ask for is traced once.
    """
    detector = default_size(*request.param)
    with graphs_once({}):
        yield detector, detector_file(detector, {})


@pytest.mark.slow
def test_a_frozen_file_gives_the_numbers_of_the_dynamic_one(made):
    """One stream and one step, two streams, three steps; with missing samples, after a warm-up."""
    detector, dynamic = made
    free = Detector(dynamic.content)
    state = checks.scored(detector, calm(detector, steps=detector.warmup_steps + 20))["next_state"]
    x = calm(detector, steps=30)
    x[:, 10:12, 0] = np.nan
    for streams, steps in FROZEN:
        file = detector_file(detector, {"streams": streams, "steps": steps})
        fixed = Detector(file.content)
        assert (fixed.fixed_streams, fixed.fixed_steps) == (streams, steps)
        got = fixed.step(x[:streams], state[:streams])
        want = free.step(x[:streams], state[:streams])
        # Each was replayed and lies within the tolerance of Keras.
        checks.agree(got._asdict(), want._asdict(), tolerance=2 * TOLERANCE)
        if steps == 1:
            graph = onnx.load_from_string(file.content).graph
            assert not CONTROL_FLOW & {node.op_type for node in graph.node}


@pytest.mark.slow
def test_a_step_file_knows_all_shapes(made):
    """No loop, no shape arithmetic, no unknown shape, standard operators, the same metadata."""
    detector, dynamic = made
    file = detector_file(detector, {"streams": 1, "steps": 1}, of=dynamic.metadata)
    model = onnx.load_from_string(file.content)
    found = {node.op_type for node in model.graph.node}
    assert not found & {*CONTROL_FLOW, "Shape", "ConstantOfShape", "Range", "NonZero"}
    assert {entry.domain for entry in model.opset_import} == {""}
    assert model.ir_version == 8
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    shapes = {v.name: v.type.tensor_type.shape for v in (*inferred.value_info, *inferred.output)}
    for node in model.graph.node:
        for output in filter(None, node.output):
            assert all(d.HasField("dim_value") for d in shapes[output].dim), (node.op_type, output)
    meta, step = dynamic.metadata, file.metadata
    assert step.step_of == meta.graph_sha256 != step.graph_sha256
    for name in ("inputs", "state", "threshold", "networks_sha256", "calibration", "training"):
        assert getattr(step, name) == getattr(meta, name)
    assert max(file.gaps["stream"].values()) <= TOLERANCE
