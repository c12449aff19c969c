"""Everything in kad that depends on the Keras backend."""

from kad.backend.select import BACKENDS, select_backend

__all__ = ["BACKENDS", "select_backend"]
