"""Optimisers of training phases."""

from typing import NamedTuple

import keras


class Adam(NamedTuple):
    """Settings of one phase's optimiser."""

    learning_rate: float
    """In the first epoch."""
    decay: float
    """Factor on the learning rate after every epoch."""
    beta_2: float = 0.999
    """Second decay rate."""
    clip: float | None = None
    """Each gradient is clipped to ± this value."""
    clip_norm: float | None = None
    """The norm of all gradients together is clipped to this value."""
    weight_decay: float | None = None
    """Share of every weight that is taken off per unit of learning rate and step."""

    def build(self, steps: int) -> keras.optimizers.Optimizer:
        """Returns the optimiser for epochs of `steps` steps."""
        schedule = keras.optimizers.schedules.ExponentialDecay(
            self.learning_rate, steps, self.decay, staircase=True
        )
        return keras.optimizers.Adam(
            schedule,
            beta_2=self.beta_2,
            clipvalue=self.clip,
            global_clipnorm=self.clip_norm,
            weight_decay=self.weight_decay,
        )
