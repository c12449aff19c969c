"""A function of tensors, from arrays to arrays, as fast as the backend allows."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


def compile_function(function: Callable[..., Any], variables: Sequence[Any]) -> Callable[..., Any]:
    """Compiles an inference function of arrays.

    JAX compiles once per input shape, so callers keep to few shapes. Weights are read at every
    call: assigning them needs no recompilation.

    Args:
        function: Pure function of tensors in `keras.ops` that returns a mapping of tensors.
        variables: Every variable that it reads.

    Returns:
        The same function from numpy arrays to a mapping of numpy arrays.
    """
    import keras

    backend = keras.backend.backend()
    variables = list(variables)
    if backend == "jax":
        import jax

        @jax.jit
        def stateless(values: Any, *inputs: Any) -> Any:
            with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
                return function(*inputs)

        def run(*inputs: Any) -> Any:
            return stateless([v.value for v in variables], *inputs)
    elif backend == "tensorflow":
        import tensorflow as tf

        graph = tf.function(function, reduce_retracing=True, autograph=False)

        def run(*inputs: Any) -> Any:
            return graph(*[tf.convert_to_tensor(i) for i in inputs])
    else:
        import torch

        def run(*inputs: Any) -> Any:
            with torch.no_grad():
                return function(*[keras.ops.convert_to_tensor(i) for i in inputs])

    def to_numpy(*inputs: Any) -> dict[str, np.ndarray]:
        return {k: keras.ops.convert_to_numpy(v) for k, v in run(*inputs).items()}

    return to_numpy
