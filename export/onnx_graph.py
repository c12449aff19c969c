"""From a pure function in `keras.ops` to an ONNX graph: the only place that knows tf2onnx."""

import hashlib
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import tensorflow as tf
import tf2onnx
from onnx import numpy_helper

from export.recurrent import Markers
from kad.graph.lowering import lowered_by
from runtime.errors import VerificationError

OPSET = 17
IR_VERSION = 8
# What fails in an optimiser is raised; otherwise tf2onnx copies the graph before each of them, and
# goes on without a word.
os.environ.setdefault("TF2ONNX_CATCH_ERRORS", "FALSE")
_CONTROL_FLOW = {"If", "Loop", "Scan"}

Dim = int | str
Shape = tuple[Dim, ...]


def to_onnx(
    function: Callable[..., Mapping[str, Any]],
    *,
    inputs: Mapping[str, Shape],
    outputs: Mapping[str, Shape],
    constants: Mapping[str, npt.NDArray[np.float32]] | None = None,
    frozen: Mapping[str, int] | None = None,
    loops: int = 0,
) -> onnx.ModelProto:
    """Converts a function and names the dimensions of its tensors.

    Frozen dimensions are static in the trace: a recurrence over one step is no loop, and no shape
    is computed in the graph.

    Args:
        function: Takes one float32 tensor per input, returns a mapping with every output.
        inputs: Shape per input in the function's order; a `str` names a dynamic dimension.
        outputs: Shape per output.
        constants: Inputs that the file has as initializers of their names.
        frozen: Sizes of the named dimensions that the file fixes.
        loops: Control flow nodes that the detector declares.

    Returns:
        A checked model: opset 17, IR 8, standard operators, one file.

    Raises:
        VerificationError: The graph has control flow or operators that a detector may not have.
    """
    sizes = frozen or {}

    def static(shape: Shape) -> list[int | None]:
        return [d if isinstance(d, int) else sizes.get(d) for d in shape]

    signature = [
        tf.TensorSpec(static(shape), tf.float32, name=name) for name, shape in inputs.items()
    ]

    def traced(*tensors: Any) -> Mapping[str, Any]:
        return {name: tf.identity(value, name=name) for name, value in function(*tensors).items()}

    # It warns of every marker and loop that it cannot infer a shape through.
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    graph = tf.function(traced, input_signature=signature, autograph=False)
    markers = Markers()
    with lowered_by(markers):
        converted, _ = tf2onnx.convert.from_function(
            graph,
            input_signature=signature,
            opset=OPSET,
            custom_op_handlers={**_HANDLERS, "PyFunc": (partial(_recurrent, markers), [])},
        )
    model: onnx.ModelProto = converted
    model.ir_version = IR_VERSION
    for name, array in (constants or {}).items():
        model.graph.initializer.append(numpy_helper.from_array(array, name))
        model.graph.input.remove(next(i for i in model.graph.input if i.name == name))
    order = {name: position for position, name in enumerate(outputs)}
    model.graph.output.sort(key=lambda output: order[output.name])
    _name_dimensions(
        model,
        {
            name: tuple(sizes.get(d, d) if isinstance(d, str) else d for d in shape)
            for name, shape in {**inputs, **outputs}.items()
        },
    )
    _check(model, loops)
    return model


def _where(_: Any, node: Any, __: str, ___: Sequence[Any]) -> None:
    # tf2onnx lowers `where` to c*x + (1-c)*y, which lets one NaN through into the state.
    node.type = "Where"
    node.domain = ""


def _recurrent(markers: Markers, graph: Any, node: Any, _: str, __: Sequence[Any]) -> None:
    """Replaces a marker by its operator; ONNX has steps first, and states per direction."""
    name = next(name for name in markers if name in node.name)
    operator, attributes, weights, is_step = markers[name]
    x, *states = node.input
    outputs = list(node.output)
    graph.remove_node(node.name)

    def constant(label: str, array: Any) -> Any:
        return graph.make_const(f"{name}{label}", array).output[0]

    first = constant("first", np.array([0], np.int64))

    def unsqueezed(tensor: str) -> Any:
        return graph.make_node("Unsqueeze", [tensor, first]).output[0]

    by_step = unsqueezed(x) if is_step else _steps_first(graph, x)
    starts = [unsqueezed(state) for state in states]
    constants = [constant(label, array) for label, array in zip("WRB", weights, strict=True)]
    run = graph.make_node(
        operator,
        [by_step, *constants, *(["", *starts] if starts else [])],
        attr=attributes,
        output_count=1 + len(states),
    )
    if not is_step:
        direction = constant("direction", np.array([1], np.int64))
        squeezed = graph.make_node("Squeeze", [run.output[0], direction]).output[0]
        graph.make_node("Transpose", [squeezed], attr={"perm": [1, 0, 2]}, outputs=outputs[:1])
    ends = outputs[-len(states) :] if states else []
    for state, end in zip(run.output[1:], ends, strict=True):
        graph.make_node("Squeeze", [state, first], outputs=[end])


def _steps_first(graph: Any, x: str) -> Any:
    return graph.make_node("Transpose", [x], attr={"perm": [1, 0, 2]}).output[0]


_HANDLERS: dict[str, Any] = {"Select": (_where, []), "SelectV2": (_where, [])}


def _name_dimensions(model: onnx.ModelProto, shapes: Mapping[str, Shape]) -> None:
    del model.graph.value_info[:]
    for tensor in [*model.graph.input, *model.graph.output]:
        shape = tensor.type.tensor_type.shape
        del shape.dim[:]
        for dim in shapes[tensor.name]:
            entry = shape.dim.add()
            if isinstance(dim, str):
                entry.dim_param = dim
            else:
                entry.dim_value = dim


def _check(model: onnx.ModelProto, loops: int) -> None:
    onnx.checker.check_model(model, full_check=True)
    found = [n.op_type for n in model.graph.node if n.op_type in _CONTROL_FLOW]
    if len(found) > loops:
        raise VerificationError(
            f"A detector's graph may have {loops} control flow nodes. Received: "
            f"{', '.join(found)}. Write the recurrence with layers that ONNX has operators for."
        )
    foreign = sorted({f"{n.domain}.{n.op_type}" for n in model.graph.node if n.domain})
    if foreign:
        raise VerificationError(
            f"A detector's graph may have standard operators only. Received: {', '.join(foreign)}."
        )


def weights_sha256(model: onnx.ModelProto, *, but: str = "") -> str:
    """Returns the SHA-256 of all weights, whatever their names and order.

    Args:
        model: The model.
        but: Name of an initializer that does not count.
    """
    arrays = [numpy_helper.to_array(t) for t in model.graph.initializer if t.name != but]
    digests = sorted(
        hashlib.sha256(f"{a.dtype}{a.shape}".encode() + np.ascontiguousarray(a).tobytes()).digest()
        for a in arrays
    )
    return hashlib.sha256(b"".join(digests)).hexdigest()


def set_metadata(model: onnx.ModelProto, entries: Mapping[str, str]) -> None:
    """Replaces the model's `metadata_props`."""
    del model.metadata_props[:]
    for key, value in entries.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
