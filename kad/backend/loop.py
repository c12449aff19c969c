"""Everything in kad that depends on the Keras backend.

`select_backend` decides before Keras is imported; `TrainingLoop` runs optimiser steps and
`CompiledStep` runs a detector's `step`, each as fast as the backend allows. Losses and detectors
themselves are written in `keras.ops` and never ask which backend they run on.
"""

import importlib
import importlib.metadata
import importlib.util
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Literal, cast, get_args

import numpy as np

from runtime.errors import ConfigError, MissingExtraError

Backend = Literal["jax", "tensorflow", "torch"]
BACKENDS: tuple[Backend, ...] = get_args(Backend)
"""In the order of preference: JAX trains fastest on a CPU (`python -m benchmarks training`)."""

Arrays = Mapping[str, np.ndarray]
Tensors = Mapping[str, Any]
Shapes = tuple[tuple[str, tuple[int, ...], str], ...]
Loss = Callable[[Tensors, Tensors, Tensors], tuple[Tensors, Tensors]]


def select_backend(name: str | None = None) -> Backend:
    """Chooses the Keras backend; call it before Keras is imported.

    Without a name: the backend that Keras already runs on, else `KERAS_BACKEND`, else the first
    installed one of `BACKENDS`.

    Args:
        name: One of `BACKENDS`, or `None`.

    Returns:
        The backend in use.

    Raises:
        ConfigError: The name is unknown, or Keras already runs on another backend.
        MissingExtraError: The backend is not installed.
    """
    running = sys.modules["keras"].backend.backend() if "keras" in sys.modules else None
    name = name or running or os.environ.get("KERAS_BACKEND") or _first_installed()
    if name not in BACKENDS:
        raise ConfigError(f"The backend must be one of {', '.join(BACKENDS)}. Received: {name!r}.")
    if running and name != running:
        raise ConfigError(
            f"Keras already runs on {running}; one process has one backend. Received: {name!r}. "
            f"Start a new process with KERAS_BACKEND={name}."
        )
    if importlib.util.find_spec(name) is None:
        raise MissingExtraError(
            f"The {name} backend is not installed: pip install 'kad-anomaly[train,{name}]'"
        )
    if importlib.util.find_spec("keras") is None:
        raise MissingExtraError(f"Keras is not installed: pip install 'kad-anomaly[train,{name}]'")
    os.environ["KERAS_BACKEND"] = name
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    _import_tensorflow_quietly()
    return cast("Backend", name)


def _import_tensorflow_quietly() -> None:
    """Imports TensorFlow, where it is installed, without its start-up messages.

    They are written to file descriptor 2 before any log level counts. Keras imports an installed
    TensorFlow on every backend: to set a seed, to save, to load.
    """
    if "tensorflow" in sys.modules or importlib.util.find_spec("tensorflow") is None:
        return
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "wb") as sink:  # noqa: PTH123
        os.dup2(sink.fileno(), 2)
        try:
            importlib.import_module("tensorflow")
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def _first_installed() -> str:
    for name in BACKENDS:
        if importlib.util.find_spec(name):
            return name
    raise MissingExtraError(
        "Training needs one of jax, tensorflow and torch: pip install 'kad-anomaly[train,jax]'"
    )


def backend_versions() -> dict[str, str]:
    """Returns the versions of Keras and of the backend in use."""
    import keras

    name = keras.backend.backend()
    package = "tensorflow-cpu" if name == "tensorflow" else name
    versions = {"keras": keras.version()}
    for candidate in (package, name):
        try:
            versions[name] = importlib.metadata.version(candidate)
            break
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


class TrainingLoop:
    """Runs many optimiser steps, or many evaluations, in one call.

    JAX compiles the whole call into one `scan`, TensorFlow into one graph with a loop; Torch runs
    step by step.

    Args:
        loss: Pure function of `(data, batch, carry)` in `keras.ops`. Returns a mapping of
            per-example tensors of shape `(batch,)`, with the key `loss`, and the next step's
            `carry`. `data` stays on the device for the life of the loop.
        variables: Trainable variables that the optimiser moves.
        optimizer: A Keras optimiser; it is built here.
        data: Arrays that every step may read.
        carry: Returns, for a batch size, what the first step is handed; later steps are handed
            what the step before returned, without its gradient. An evaluation starts anew.
    """

    def __init__(
        self,
        loss: Loss,
        *,
        variables: Sequence[Any],
        optimizer: Any,
        data: Arrays,
        carry: Callable[[int], Arrays] | None = None,
    ) -> None:
        import keras

        self.loss = loss
        self.variables = list(variables)
        self.optimizer = optimizer
        self.optimizer.build(self.variables)
        self.data = {k: keras.ops.convert_to_tensor(v) for k, v in data.items()}
        self._first_carry = carry or (lambda _: {})
        self._carry: Tensors | None = None
        backend = keras.backend.backend()
        self._train, self._evaluate = _LOOPS[backend](self)

    def restart(self) -> None:
        """Forgets what earlier steps handed on."""
        self._carry = None

    def train(self, batches: Arrays) -> dict[str, float]:
        """Takes one optimiser step per leading index of `batches`.

        Args:
            batches: Arrays `(steps, batch, ...)`; `weight` `(steps, batch)` weighs the examples.

        Returns:
            The weighted mean of every loss part over all steps.
        """
        if self._carry is None:
            self._carry = self._start(batches)
        sums, self._carry = self._train(batches, self._carry)
        return self._mean(sums)

    def evaluate(self, batches: Arrays) -> dict[str, float]:
        """Returns the weighted mean of every loss part without moving the weights."""
        return self._mean(self._evaluate(batches, self._start(batches)))

    def weighted(
        self, data: Tensors, batch: Tensors, carry: Tensors
    ) -> tuple[dict[str, Any], Tensors]:
        """Returns the weighted sums of the loss parts, the weight of one batch, and the carry."""
        from keras import ops

        weight = batch["weight"]
        losses, carry = self.loss(data, batch, carry)
        parts = {k: ops.sum(v * weight) for k, v in losses.items()}
        return {**parts, "weight": ops.sum(weight)}, carry

    def _start(self, batches: Arrays) -> Tensors:
        from keras import ops

        first = self._first_carry(batches["weight"].shape[1])
        return {k: ops.convert_to_tensor(v) for k, v in first.items()}

    @staticmethod
    def _mean(sums: Mapping[str, Any]) -> dict[str, float]:
        totals = {k: float(np.sum(np.asarray(v, "float64"))) for k, v in sums.items()}
        weight = totals.pop("weight")
        return {k: v / weight for k, v in totals.items()}


def _jax_loop(loop: TrainingLoop) -> tuple[Callable[..., Any], Callable[..., Any]]:
    import jax
    import keras

    def objective(values: Any, data: Any, batch: Any, carry: Any) -> tuple[Any, Any]:
        with keras.StatelessScope(state_mapping=list(zip(loop.variables, values, strict=True))):
            sums, carry = loop.weighted(data, batch, carry)
        return sums["loss"] / sums["weight"], (sums, carry)

    def train_step(data: Any, state: Any, batch: Any) -> tuple[Any, Any]:
        values, moments, carry = state
        gradients, (sums, carry) = jax.grad(objective, has_aux=True)(values, data, batch, carry)
        return (*loop.optimizer.stateless_apply(moments, gradients, values), carry), sums

    @jax.jit
    def train(state: Any, data: Any, batches: Any) -> Any:
        return jax.lax.scan(lambda s, b: train_step(data, s, b), state, batches)

    @jax.jit
    def evaluate(values: Any, carry: Any, data: Any, batches: Any) -> Any:
        def step(carry: Any, batch: Any) -> tuple[Any, Any]:
            sums, carry = objective(values, data, batch, carry)[1]
            return carry, sums

        return jax.lax.scan(step, carry, batches)[1]

    def run_train(batches: Arrays, carry: Any) -> tuple[Any, Any]:
        values = [v.value for v in loop.variables]
        moments = [v.value for v in loop.optimizer.variables]
        state, sums = train((values, moments, carry), loop.data, dict(batches))
        values, moments, carry = state
        for variable, value in zip(loop.variables, values, strict=True):
            variable.assign(value)
        for variable, value in zip(loop.optimizer.variables, moments, strict=True):
            variable.assign(value)
        return sums, carry

    def run_evaluate(batches: Arrays, carry: Any) -> Any:
        return evaluate([v.value for v in loop.variables], carry, loop.data, dict(batches))

    return run_train, run_evaluate


def _tensorflow_loop(loop: TrainingLoop) -> tuple[Callable[..., Any], Callable[..., Any]]:
    import tensorflow as tf

    def train_step(batch: Any, carry: Any) -> tuple[Any, Any]:
        with tf.GradientTape() as tape:
            sums, carry = loop.weighted(loop.data, batch, carry)
            objective = sums["loss"] / sums["weight"]
        gradients = tape.gradient(objective, [v.value for v in loop.variables])
        loop.optimizer.apply(gradients, loop.variables)
        return sums, carry

    def over(step: Callable[[Any, Any], tuple[Any, Any]]) -> Callable[..., Any]:
        def run(batches: Any, carry: Any) -> tuple[Any, Any]:
            total, carry = step({k: v[0] for k, v in batches.items()}, carry)
            for i in tf.range(1, tf.shape(batches["weight"])[0]):
                sums, carry = step({k: v[i] for k, v in batches.items()}, carry)
                total = {k: total[k] + sums[k] for k in total}
            return total, carry

        @cache
        def graph(shapes: Shapes, carried: Shapes) -> Any:
            # Any number of steps: one trace for an epoch's calls of different length.
            batches = {name: tf.TensorSpec([None, *shape], dtype) for name, shape, dtype in shapes}
            carry = {name: tf.TensorSpec(shape, dtype) for name, shape, dtype in carried}
            return tf.function(run).get_concrete_function(batches, carry)

        def call(batches: Arrays, carry: Any) -> Any:
            shapes = tuple((k, v.shape[1:], v.dtype.name) for k, v in sorted(batches.items()))
            carried = tuple((k, tuple(v.shape), v.dtype.name) for k, v in sorted(carry.items()))
            tensors = {k: tf.convert_to_tensor(v) for k, v in batches.items()}
            return graph(shapes, carried)(tensors, dict(carry))

        return call

    run_evaluate = over(lambda batch, carry: loop.weighted(loop.data, batch, carry))
    return over(train_step), lambda batches, carry: run_evaluate(batches, carry)[0]


def _torch_loop(loop: TrainingLoop) -> tuple[Callable[..., Any], Callable[..., Any]]:
    import torch
    from keras import ops

    def tensors(batches: Arrays, i: int) -> dict[str, Any]:
        return {k: ops.convert_to_tensor(v[i]) for k, v in batches.items()}

    def total(history: list[dict[str, Any]]) -> dict[str, Any]:
        return {k: torch.stack([h[k].detach() for h in history]).cpu() for k in history[0]}

    def train(batches: Arrays, carry: Any) -> tuple[Any, Any]:
        history = []
        for i in range(len(batches["weight"])):
            sums, carry = loop.weighted(loop.data, tensors(batches, i), carry)
            carry = {k: v.detach() for k, v in carry.items()}
            values = [v.value for v in loop.variables]
            gradients = torch.autograd.grad(sums["loss"] / sums["weight"], values)
            with torch.no_grad():
                loop.optimizer.apply(gradients, loop.variables)
            history.append(sums)
        return total(history), carry

    def evaluate(batches: Arrays, carry: Any) -> Any:
        history = []
        with torch.no_grad():
            for i in range(len(batches["weight"])):
                sums, carry = loop.weighted(loop.data, tensors(batches, i), carry)
                history.append(sums)
        return total(history)

    return train, evaluate


_LOOPS = {"jax": _jax_loop, "tensorflow": _tensorflow_loop, "torch": _torch_loop}


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
    return jax.lax.scan(lambda past, now: step(past, now), carry, xs)  # noqa: PLW0108


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
        carry, out = step(carry, now)
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

        graph = tf.function(function, reduce_retracing=True)

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
