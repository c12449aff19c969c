import subprocess
import sys
from pathlib import Path

import pytest

import runtime
from runtime import errors

ROOT = Path(__file__).parents[2]
HEAVY = ("keras", "tensorflow", "jax", "torch", "pandas", "onnx", "scipy", "sklearn", "tf2onnx")


def heavy_modules(statement, path=ROOT):
    """Heavy modules that are loaded in a new interpreter after a statement."""
    code = f"{statement}\nimport sys\nprint(*sorted(sys.modules.keys() & set({HEAVY!r})))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=path, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize("module", ["runtime", "runtime.cli.app"])
def test_import_loads_nothing_heavy(module):
    """A gateway needs numpy and onnxruntime alone."""
    assert heavy_modules(f"import {module}, onnxruntime") == []


def test_the_import_test_can_fail(tmp_path):
    """A module that imports one of them is caught."""
    for name in ("greedy.py", "pandas.py"):
        (tmp_path / name).write_text("import pandas\n" if name == "greedy.py" else "")
    assert heavy_modules("import greedy", tmp_path) == ["pandas"]


def test_import_does_no_work():
    """No threads, no onnxruntime before the first detector, no readers of times as text."""
    code = (
        "import runtime, sys, threading\n"
        "late = {'onnxruntime', 'runtime.clock.timestamps', 'runtime.tables'}\n"
        "print(sorted(late & set(sys.modules)), threading.active_count())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["[]", "1"]


def test_public_names():
    """`__all__` is sorted, has no names twice, and each exists and has a docstring."""
    assert runtime.__all__ == sorted(set(runtime.__all__))
    for name in runtime.__all__:
        assert getattr(runtime, name).__doc__
    assert set(errors.__all__) <= set(runtime.__all__)


@pytest.mark.parametrize("error", [getattr(errors, name) for name in errors.__all__])
def test_every_error_is_a_kad_error_with_an_exit_code(error):
    """One tree: a caller can catch KadError; the user's faults exit with 2."""
    assert issubclass(error, errors.KadError)
    user_fault = issubclass(error, errors.InputError | errors.MissingExtraError)
    assert error.exit_code == (2 if user_fault else 1)
