"""A recurrence along the first axis, compiled where the backend compiles."""

from collections.abc import Callable
from typing import Any


def scan(step: Callable[[Any, Any], tuple[Any, Any]], carry: Any, xs: Any) -> tuple[Any, Any]:
    """Runs `step` along the first axis, compiled where the backend compiles.

    `keras.ops.scan`, but outputs may have another structure than what is carried.

    Args:
        step: Pure function of carry and one slice of `xs`; returns the next carry and outputs.
        carry: Nested tensors before the first step.
        xs: Nested tensors `(steps, ...)`.

    Returns:
        The last carry, and the outputs with a leading axis of steps.
    """
    import keras

    return _SCANS[keras.backend.backend()](step, carry, xs)


def _jax_scan(step: Any, carry: Any, xs: Any) -> tuple[Any, Any]:
    import jax

    # JAX keeps what it traced for a function it has seen: it would miss that weights it read
    # then are to be differentiated, or have other values, now.
    last, outputs = jax.lax.scan(lambda past, now: step(past, now), carry, xs)  # noqa: PLW0108
    return last, outputs


def _tensorflow_scan(step: Any, carry: Any, xs: Any) -> tuple[Any, Any]:
    import tensorflow as tf

    def specs(nested: Any) -> Any:
        return tf.nest.map_structure(lambda x: tf.TensorSpec(x.shape, x.dtype), nested)

    carry = tf.nest.map_structure(tf.convert_to_tensor, carry)
    xs = tf.nest.map_structure(tf.convert_to_tensor, xs)
    if tf.nest.flatten(xs)[0].shape[0] == 1:
        carry, out = step(carry, tf.nest.map_structure(lambda x: x[0], xs))
        return carry, tf.nest.map_structure(lambda x: x[None], out)
    steps = tf.shape(tf.nest.flatten(xs)[0])[0]
    first = tf.nest.map_structure(lambda x: x[0], xs)
    traced = tf.function(step).get_concrete_function(specs(carry), specs(first))
    _, outputs = traced.structured_outputs
    arrays = tf.nest.map_structure(
        lambda spec: tf.TensorArray(spec.dtype, size=steps, element_shape=spec.shape), outputs
    )
    inputs = tf.nest.map_structure(
        lambda x: tf.TensorArray(x.dtype, size=steps, element_shape=x.shape[1:]).unstack(x), xs
    )

    def body(i: Any, carry: Any, arrays: Any) -> tuple[Any, Any, Any]:
        now = tf.nest.map_structure(lambda array: array.read(i), inputs)
        following, out = step(carry, now)
        # What a step computes may not say how many there are in a batch.
        for new, old in zip(tf.nest.flatten(following), tf.nest.flatten(carry), strict=True):
            new.set_shape(old.shape)
        carry = following
        return i + 1, carry, tf.nest.map_structure(lambda a, x: a.write(i, x), arrays, out)

    _, carry, arrays = tf.while_loop(
        lambda i, *_: i < steps,
        body,
        (tf.constant(0), carry, arrays),
        shape_invariants=(
            tf.TensorShape([]),
            tf.nest.map_structure(lambda x: x.shape, carry),
            tf.nest.map_structure(lambda _: tf.TensorShape(None), arrays),
        ),
    )
    return carry, tf.nest.map_structure(lambda array: array.stack(), arrays)


def _torch_scan(step: Any, carry: Any, xs: Any) -> tuple[Any, Any]:
    import torch
    from keras import tree

    history = []
    for i in range(len(tree.flatten(xs)[0])):
        carry, out = step(carry, tree.map_structure(lambda x, i=i: x[i], xs))
        history.append(out)
    return carry, tree.map_structure(lambda *parts: torch.stack(parts), *history)


_SCANS = {"jax": _jax_scan, "tensorflow": _tensorflow_scan, "torch": _torch_scan}
