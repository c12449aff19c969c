"""One process has one backend."""

import keras
import pytest

from kad.backend.select import backend_versions, select_backend
from runtime.errors import ConfigError


def test_one_process_has_one_backend():
    """Another backend than the running one is refused with what to do."""
    running = keras.backend.backend()
    other = next(b for b in ("jax", "tensorflow", "torch") if b != running)
    assert select_backend() == running
    with pytest.raises(ConfigError, match=f"already runs on {running}"):
        select_backend(other)
    with pytest.raises(ConfigError, match="Received: 'mxnet'"):
        select_backend("mxnet")
    assert set(backend_versions()) == {"keras", running}
