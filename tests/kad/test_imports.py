"""What `import kad` offers, and what it leaves alone."""

import os
import subprocess
import sys

import pytest

import kad

HEAVY = ("keras", "tensorflow", "jax", "torch")
FREE = {
    "kad": "import kad",
    "kad --help": (
        "import sys; from kad.cli import main; sys.argv = ['kad', '--help']\n"
        "try: main()\n"
        "except SystemExit as ended: assert not ended.code"
    ),
    "kad train --help": (
        "import sys; from kad.cli import main; sys.argv = ['kad', 'train', '--help']\n"
        "try: main()\n"
        "except SystemExit as ended: assert not ended.code"
    ),
    "kad.cli": "import kad.cli.app",
    "kad.detectors": "from kad.detectors import detector_names; assert detector_names()",
    "kad.options": "import kad.options",
    "kad.data": "import kad.data.frames, kad.data.labels, kad.data.rows, kad.data.tables",
    "kad.metrics and kad.pump": "import kad.metrics, kad.pump",
    "kad.backend": "from kad.backend import select_backend",
    "kad.backend.loop": "import kad.backend.loop",
}
"""What must run before Keras is loaded: `select_backend` chooses for it."""


def heavy_modules(code, **environment):
    """Heavy modules that are loaded in a new interpreter after some code."""
    ending = f"\nimport sys; sys.stderr.write(' '.join(sys.modules.keys() & set({HEAVY!r})))"
    done = subprocess.run(
        [sys.executable, "-c", code + ending],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stderr.split()


def test_public_names():
    """`kad.__all__` is what kad offers, and each name can be had."""
    assert kad.__all__ == sorted(kad.__all__, key=lambda n: (not n.isupper(), n))
    assert all(getattr(kad, name) is not None for name in kad.__all__)


def test_importing_kad_does_no_work():
    """`import kad` loads neither Keras nor a backend nor pandas, and no variable is set."""
    code = (
        "import os, sys; before = dict(os.environ); import kad; "
        "loaded = {'keras', 'tensorflow', 'jax', 'torch', 'pandas'} & set(sys.modules); "
        "assert not loaded, loaded; assert dict(os.environ) == before; "
        "import kad.backend.loop; assert 'keras' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("code", FREE.values(), ids=FREE)
def test_loads_neither_keras_nor_a_backend(code):
    """What comes before the choice of a backend does not make it."""
    assert heavy_modules(code) == []


def test_the_import_test_can_fail(tmp_path):
    """A module that imports Keras is caught."""
    for name, text in (("greedy.py", "import keras\n"), ("keras.py", "")):
        (tmp_path / name).write_text(text)
    assert heavy_modules("import greedy", PYTHONPATH=str(tmp_path)) == ["keras"]
