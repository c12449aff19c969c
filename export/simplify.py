"""Fewer operators for the same numbers: what a converter leaves in a graph and no optimiser takes.

At the sizes of a single step it is the number of operators that takes time, not arithmetic. Most of
what is left over moves axes of length 1: whatever only does that is a Reshape, and of Reshapes in a
row the last one is enough.
"""

import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import helper, numpy_helper, shape_inference

__all__ = ["folded", "simplified", "used"]

_RESHAPES = {"Reshape", "Squeeze", "Unsqueeze", "Flatten", "Transpose"}
_ELEMENTWISE = {
    *("Add", "Sub", "Mul", "Div", "Max", "Min", "Where", "And", "Or"),
    *("Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual"),
}
_ROUNDS = 3
Shape = tuple[int | None, ...]
Array = npt.NDArray[np.generic]


def simplified(model: onnx.ModelProto) -> onnx.ModelProto:
    """Returns a model with fewer operators: the same numbers, names of inputs and outputs kept."""
    model = onnx.ModelProto.FromString(model.SerializeToString())
    while True:
        before = len(model.graph.node)
        graph = _Graph(model)
        for rule in _RULES:
            for node in list(model.graph.node):
                rule(graph, node)
        graph.remove_unused()
        if not graph.has_changed:
            del model.graph.value_info[:]
            return model
        if len(model.graph.node) > before:
            raise RuntimeError("A rule made the graph larger.")


def folded(model: onnx.ModelProto) -> onnx.ModelProto:
    """Returns a model in which all that does not depend on inputs is a constant.

    ONNX Runtime's own optimiser does it, as far as it stays with standard operators.
    """
    version = model.ir_version
    for _ in range(_ROUNDS):
        model = simplified(_optimised(model))
    # It names every domain that it knows.
    needed = {node.domain for node in model.graph.node}
    domains = [entry for entry in model.opset_import if entry.domain in needed]
    del model.opset_import[:]
    model.opset_import.extend(domains)
    model.ir_version = version
    onnx.checker.check_model(model, full_check=True)
    return model


def _optimised(model: onnx.ModelProto) -> onnx.ModelProto:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.log_severity_level = 4
    with tempfile.TemporaryDirectory() as folder:
        options.optimized_model_filepath = str(Path(folder) / "optimised.onnx")
        onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        return onnx.load(options.optimized_model_filepath)


class _Graph:
    """A model's main graph, with what is known of its tensors."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.graph = model.graph
        del model.graph.value_info[:]
        known = shape_inference.infer_shapes(model, data_prop=True).graph
        self.shapes: dict[str, Shape] = {}
        self.types: dict[str, int] = {}
        for value in (*known.value_info, *known.input, *known.output):
            tensor = value.type.tensor_type
            self.types[value.name] = tensor.elem_type
            if tensor.HasField("shape"):
                self.shapes[value.name] = tuple(
                    d.dim_value if d.HasField("dim_value") else None for d in tensor.shape.dim
                )
        self.constants = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
        for node in model.graph.node:
            if node.op_type == "Constant" and node.attribute[0].name == "value":
                self.constants[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
        for name, array in self.constants.items():
            self.shapes[name] = array.shape
        self.makers = {output: node for node in model.graph.node for output in node.output}
        self.outputs = {output.name for output in model.graph.output}
        self.users: dict[str, int] = defaultdict(int)
        for name in used(model.graph):
            self.users[name] += 1
        self.has_changed = False

    def made_by(self, name: str, operator: str) -> onnx.NodeProto | None:
        """Returns the node behind a tensor if it has this operator and the tensor one user."""
        node = self.makers.get(name)
        if node is None or node.op_type != operator or self.users[name] != 1:
            return None
        return None if name in self.outputs else node

    def scalar(self, name: str) -> float | None:
        """Returns the value of a constant of one number."""
        array = self.constants.get(name)
        return float(array.reshape(())) if array is not None and array.size == 1 else None

    def constant(self, array: Array) -> str:
        """Returns the name of a constant, which is added where it is not there."""
        for name, value in self.constants.items():
            same = value.dtype == array.dtype and value.shape == array.shape
            if same and np.array_equal(value, array):
                return str(name)
        name = f"kad_constant_{len(self.constants)}"
        while name in self.constants or name in self.makers:
            name += "_"
        self.constants[name] = array
        self.graph.initializer.append(numpy_helper.from_array(array, name))
        return name

    def change(
        self, node: onnx.NodeProto, operator: str, inputs: list[str], **attributes: object
    ) -> None:
        """Makes another operator of a node."""
        for name in node.input:
            self.users[name] -= 1
        for name in inputs:
            self.users[name] += 1
        node.op_type = operator
        del node.input[:], node.attribute[:]
        node.input.extend(inputs)
        node.attribute.extend(helper.make_attribute(k, v) for k, v in attributes.items())
        self.has_changed = True

    def bypass(self, node: onnx.NodeProto) -> None:
        """Lets the users of a node's output take its first input."""
        source, output = node.input[0], node.output[0]
        if output in self.outputs:
            return
        for name in _replaced(self.graph, output, source):
            self.users[name] += 1
        self.users[output] = 0
        self.has_changed = True

    def remove_unused(self) -> None:
        """Removes nodes and constants that nothing takes."""
        while True:
            taken = {*used(self.graph), *self.outputs}
            kept = [n for n in self.graph.node if any(output in taken for output in n.output)]
            if len(kept) == len(self.graph.node):
                break
            nodes = [onnx.NodeProto.FromString(n.SerializeToString()) for n in kept]
            del self.graph.node[:]
            self.graph.node.extend(nodes)
        kept_constants = [t for t in self.graph.initializer if t.name in taken]
        if len(kept_constants) < len(self.graph.initializer):
            tensors = [onnx.TensorProto.FromString(t.SerializeToString()) for t in kept_constants]
            del self.graph.initializer[:]
            self.graph.initializer.extend(tensors)


def used(graph: onnx.GraphProto) -> Iterator[str]:
    """Yields every use of a tensor, those inside loops included."""
    for node in graph.node:
        yield from node.input
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from used(attribute.g)
                yield from (output.name for output in attribute.g.output)


def _replaced(graph: onnx.GraphProto, old: str, new: str) -> Iterator[str]:
    for node in graph.node:
        for i, name in enumerate(node.input):
            if name == old:
                node.input[i] = new
                yield new
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _replaced(attribute.g, old, new)
                for output in attribute.g.output:
                    if output.name == old:
                        output.name = new
                        yield new


def _attributes(node: onnx.NodeProto) -> dict[str, object]:
    return {a.name: helper.get_attribute_value(a) for a in node.attribute}


def _as_reshape(graph: _Graph, node: onnx.NodeProto) -> None:
    """What only moves axes of length 1 is a Reshape; one that changes nothing goes."""
    if node.op_type not in _RESHAPES or graph.types.get(node.output[0]) is None:
        return
    before, after = graph.shapes.get(node.input[0]), graph.shapes.get(node.output[0])
    if before is None or after is None or after.count(None) > 1 or 0 in after:
        return
    if node.op_type == "Transpose":
        order = _attributes(node)["perm"]
        moved = [axis for axis in order if before[axis] != 1]  # type: ignore[attr-defined]
        if moved != sorted(moved):
            return
    if before == after:
        graph.bypass(node)
        return
    given = graph.constants.get(node.input[1]) if node.op_type == "Reshape" else None
    if given is not None and not (given == 0).any():
        return
    target = np.array([-1 if size is None else size for size in after], np.int64)
    graph.change(node, "Reshape", [node.input[0], graph.constant(target)])


def _join_reshapes(graph: _Graph, node: onnx.NodeProto) -> None:
    if node.op_type != "Reshape" or node.input[1] not in graph.constants:
        return
    before = graph.makers.get(node.input[0])
    if before is None or before.op_type != "Reshape" or (graph.constants[node.input[1]] == 0).any():
        return
    graph.change(node, "Reshape", [before.input[0], node.input[1]])


def _broadcast(graph: _Graph, node: onnx.NodeProto) -> None:
    """A Reshape that adds leading axes of length 1, or is of one number: broadcasting does it."""
    if node.op_type not in _ELEMENTWISE:
        return
    ranks = [len(graph.shapes.get(name, ())) for name in node.input]
    for i, name in enumerate(node.input):
        source = graph.makers.get(name)
        after = graph.shapes.get(name)
        if source is None or source.op_type != "Reshape" or after is None:
            continue
        before = graph.shapes.get(source.input[0])
        other = max((rank for j, rank in enumerate(ranks) if j != i), default=0)
        if before is None or other < len(after):
            continue
        is_one = all(size == 1 for size in before) and len(before) <= other
        leads = len(after) - len(before)
        if is_one or (leads > 0 and after[:leads] == (1,) * leads and after[leads:] == before):
            inputs = list(node.input)
            inputs[i] = source.input[0]
            graph.change(node, node.op_type, inputs, **_attributes(node))
            return


def _whole_slice(graph: _Graph, node: onnx.NodeProto) -> None:
    """A slice of everything."""
    if node.op_type == "Slice":
        before, after = graph.shapes.get(node.input[0]), graph.shapes.get(node.output[0])
        forward = (
            len(node.input) < 5 or (graph.constants.get(node.input[4], np.array(-1)) > 0).all()
        )
        if before is not None and before == after and None not in before and forward:
            graph.bypass(node)


def _nothing(graph: _Graph, node: onnx.NodeProto) -> None:
    """A copy, or a cast to the type that it has."""
    same = node.op_type == "Cast" and (
        graph.types.get(node.input[0]) == _attributes(node)["to"]
        and graph.types.get(node.input[0]) is not None
    )
    if node.op_type == "Identity" or same:
        graph.bypass(node)


def _clip(graph: _Graph, node: onnx.NodeProto) -> None:
    """min(max(x, a), b), or max(min(x, b), a)."""
    within = {"Min": "Max", "Max": "Min"}.get(node.op_type)
    if within is None or len(node.input) != 2:
        return
    for x, outer in _both_ways(node):
        inner = graph.made_by(x, within)
        if inner is None or len(inner.input) != 2:
            continue
        for y, bound in _both_ways(inner):
            limits = graph.scalar(bound), graph.scalar(outer)
            lowest, highest = limits if within == "Max" else limits[::-1]
            if lowest is None or highest is None or y in graph.constants:
                continue
            if lowest <= highest:
                ends = [graph.constant(np.array(v, np.float32)) for v in (lowest, highest)]
                graph.change(node, "Clip", [y, *ends])
                return


def _both_ways(node: onnx.NodeProto) -> list[tuple[str, str]]:
    one, other = node.input
    return [(one, other), (other, one)]


def _sum_of_squares(graph: _Graph, node: onnx.NodeProto) -> None:
    if node.op_type != "ReduceSum" or len(node.input) < 2:
        return
    axes, squares = graph.constants.get(node.input[1]), graph.made_by(node.input[0], "Mul")
    if axes is None or squares is None or squares.input[0] != squares.input[1]:
        return
    keep = _attributes(node).get("keepdims", 1)
    graph.change(
        node, "ReduceSumSquare", [squares.input[0]], axes=axes.reshape(-1).tolist(), keepdims=keep
    )


def _root_of_squares(graph: _Graph, node: onnx.NodeProto) -> None:
    if node.op_type == "Sqrt":
        total = graph.made_by(node.input[0], "ReduceSumSquare")
        if total is not None:
            graph.change(node, "ReduceL2", [total.input[0]], **_attributes(total))


def _join_concats(graph: _Graph, node: onnx.NodeProto) -> None:
    """A concatenation within another one along the same axis."""
    if node.op_type != "Concat":
        return
    axis, inputs = _attributes(node)["axis"], []
    for name in node.input:
        inner = graph.made_by(name, "Concat")
        same = inner is not None and _attributes(inner)["axis"] == axis
        inputs += list(inner.input) if inner is not None and same else [name]
    if len(inputs) > len(node.input):
        graph.change(node, "Concat", inputs, axis=axis)


_Rule = Callable[[_Graph, onnx.NodeProto], None]
_RULES: tuple[_Rule, ...] = (
    _nothing,
    _as_reshape,
    _join_reshapes,
    _broadcast,
    _whole_slice,
    _clip,
    _sum_of_squares,
    _root_of_squares,
    _join_concats,
)
