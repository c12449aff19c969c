"""What `import kad` offers, and what it leaves alone."""

import subprocess
import sys

import kad


def test_public_names():
    """`kad.__all__` is what kad offers, and each name can be had."""
    assert kad.__all__ == sorted(kad.__all__, key=lambda n: (not n.isupper(), n))
    assert all(getattr(kad, name) is not None for name in kad.__all__)


def test_importing_kad_does_no_work():
    """`import kad` loads neither Keras nor a backend, and leaves the environment alone."""
    code = (
        "import os, sys; before = dict(os.environ); import kad; "
        "loaded = {'keras', 'tensorflow', 'jax', 'torch', 'pandas'} & set(sys.modules); "
        "assert not loaded, loaded; assert dict(os.environ) == before; "
        "import kad.backend.loop; assert 'keras' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
