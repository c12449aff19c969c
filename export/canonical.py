"""One order and one set of names for a graph, whatever a process has traced before."""

from collections.abc import Iterator

import onnx

from export.simplify import used

__all__ = ["PARAMS", "canonical"]

PARAMS = "params"
"""Name of the row of what belongs to one machine, which the file has as an initializer."""


def canonical(model: onnx.ModelProto) -> onnx.ModelProto:
    """Returns a model whose bytes follow from what it computes: order and names are its own.

    A converter names and sorts by what else a process has traced. Names of inputs, outputs and of
    the initializers that are asked for by name stay.
    """
    model = onnx.ModelProto.FromString(model.SerializeToString())
    kept = {v.name for v in (*model.graph.input, *model.graph.output)} | {PARAMS}
    _sort(model.graph)
    names: dict[str, str] = {}
    for i, name in enumerate(dict.fromkeys(_named(model.graph))):
        names[name] = name if name in kept else f"v{i}"
    _rename(model.graph, {**names, "": ""})
    model.producer_name, model.producer_version, model.graph.doc_string = "kad", "", ""
    model.graph.name = "detector"
    return model


def _sort(graph: onnx.GraphProto) -> None:
    """Sorts nodes by a walk from the outputs, each behind what it needs; constants by their use."""
    makers = {output: i for i, node in enumerate(graph.node) for output in node.output}
    order: list[int] = []
    done: set[int] = set()
    for output in graph.output:
        stack = [(makers.get(output.name, -1), False)]
        while stack:
            at, is_ready = stack.pop()
            if at < 0 or at in done:
                continue
            if is_ready:
                done.add(at)
                order.append(at)
                continue
            stack.append((at, True))
            needs = [makers.get(name, -1) for name in _inputs(graph.node[at])]
            stack.extend((need, False) for need in reversed(needs))
    nodes = [onnx.NodeProto.FromString(graph.node[i].SerializeToString()) for i in order]
    del graph.node[:]
    graph.node.extend(nodes)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                _sort(attribute.g)
    uses = {name: i for i, name in reversed(list(enumerate(used(graph))))}
    tensors = sorted(
        (onnx.TensorProto.FromString(t.SerializeToString()) for t in graph.initializer),
        key=lambda tensor: uses.get(tensor.name, len(uses)),
    )
    del graph.initializer[:]
    graph.initializer.extend(tensors)


def _inputs(node: onnx.NodeProto) -> Iterator[str]:
    yield from node.input
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield from used(attribute.g)


def _named(graph: onnx.GraphProto) -> Iterator[str]:
    """Yields every name where it is made, those inside loops included."""
    for value in (*graph.input, *graph.initializer):
        yield value.name
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _named(attribute.g)
        yield from filter(None, node.output)


def _rename(graph: onnx.GraphProto, names: dict[str, str]) -> None:
    for value in (*graph.input, *graph.output, *graph.initializer):
        value.name = names[value.name]
    del graph.value_info[:]
    for i, node in enumerate(graph.node):
        node.name, node.doc_string = f"{node.op_type}_{i}", ""
        for field in (node.input, node.output):
            renamed = [names[name] for name in field]
            del field[:]
            field.extend(renamed)
        for attribute in node.attribute:
            if attribute.HasField("g"):
                attribute.g.name = "body"
                _rename(attribute.g, names)
