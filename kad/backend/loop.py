"""Many optimiser steps in one call.

Losses are written in `keras.ops` and never ask which backend they run on.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

Arrays = Mapping[str, np.ndarray]
Tensors = Mapping[str, Any]
Shapes = tuple[tuple[str, tuple[int, ...], str], ...]
Loss = Callable[[Tensors, Tensors, Tensors], tuple[Tensors, Tensors]]


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
            names: list[str] = []

            def body(i: Any, total: Any, carry: Any) -> tuple[Any, Any, Any]:
                sums, carry = step({k: v[i] for k, v in batches.items()}, carry)
                names[:] = sums
                return i + 1, total + tf.stack([sums[name] for name in names]), carry

            # What parts there are is known in the loop alone, and a step before it would be traced
            # and optimised twice: all sums start from one zero.
            _, total, carry = tf.while_loop(
                lambda i, *_: i < tf.shape(batches["weight"])[0],
                body,
                (0, tf.zeros([1]), carry),
                shape_invariants=(
                    tf.TensorShape([]),
                    tf.TensorShape([None]),
                    {k: v.shape for k, v in carry.items()},
                ),
            )
            return {name: total[i] for i, name in enumerate(names)}, carry

        @cache
        def graph(shapes: Shapes, carried: Shapes) -> Any:
            # Any number of steps: one trace for an epoch's calls of different length.
            batches = {name: tf.TensorSpec([None, *shape], dtype) for name, shape, dtype in shapes}
            carry = {name: tf.TensorSpec(shape, dtype) for name, shape, dtype in carried}
            # AutoGraph would rewrite the source of all that is called, for a third of the start.
            return tf.function(run, autograph=False).get_concrete_function(batches, carry)

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
