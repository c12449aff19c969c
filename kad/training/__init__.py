"""Training phases: examples, optimisers, early stopping, checkpoints."""
