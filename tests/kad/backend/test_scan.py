"""A scan is a loop."""

import numpy as np
import pytest


@pytest.mark.parametrize("backend", ["tensorflow", "torch", "jax"])
def test_scan_is_a_loop(on_backend, backend):
    """Nested carry and other nested outputs, and the gradient through all steps, as in a loop."""
    numbers = on_backend(backend)["scan"]
    names = [name for name in numbers if name.startswith("scan")]
    assert len(names) == 2 + 3 + 1
    for name in names:
        want = numbers[name.replace("scan", "loop")]
        np.testing.assert_allclose(numbers[name], want, rtol=1e-5, atol=1e-6, err_msg=name)
    assert numbers["scan2"].shape == (5, 3, 2)
    assert (np.abs(numbers["scan_gradient"]) > 0.01).all()
