"""The wheel: what ships, and that the runtime in it needs numpy and onnxruntime alone."""

import importlib.util
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "tests" / "golden" / "schema1.onnx"
GATEWAY = ("numpy", "onnxruntime")
HEAVY = ("keras", "tensorflow", "jax", "torch", "pandas", "onnx", "scipy", "sklearn", "plotly")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of this checkout, unpacked."""
    pytest.importorskip("build")
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    done = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (file,) = folder.glob("*.whl")
    with zipfile.ZipFile(file) as archive:
        archive.extractall(folder / "unpacked")
    return folder / "unpacked"


@pytest.fixture(scope="module")
def bare(wheel, tmp_path_factory):
    """A function that runs code where only the wheel, numpy and onnxruntime can be imported."""
    site = tmp_path_factory.mktemp("site")
    for name in GATEWAY:
        package = Path(importlib.util.find_spec(name).origin).parent
        for folder in (package, package.with_name(f"{name}.libs")):
            if folder.is_dir():
                (site / folder.name).symlink_to(folder)

    def run(code):
        paths = [str(wheel), str(site)]
        return subprocess.run(
            [sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:0] = {paths}\n{code}"],
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


def files_of(folder):
    """Paths of all files below a folder."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_what_ships(wheel):
    """Every module of kad, export and runtime, templates and type markers; nothing else."""
    inside = files_of(wheel)
    tops = {path.partition("/")[0] for path in inside}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"kad", "export", "runtime"}
    assert len(tops) == 4
    here = {
        f"{top}/{path}" for top in ("kad", "export", "runtime") for path in files_of(ROOT / top)
    }
    here = {path for path in here if "__pycache__" not in path}
    assert len(here) > 100
    assert {path for path in inside if ".dist-info/" not in path} == here
    assert {"kad/py.typed", "runtime/py.typed", "kad/report/templates/figures.js"} <= inside


def test_the_runtime_needs_numpy_and_onnxruntime_alone(bare):
    """A detector file is verified where nothing else can be imported; nothing else is loaded."""
    done = bare(
        "import runtime\n"
        f"assert runtime.verify({str(GOLDEN)!r}).passed\n"
        f"print(runtime.__file__, *sorted(sys.modules.keys() & set({HEAVY!r})))"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[1:] == []
    assert "unpacked/runtime/__init__.py" in done.stdout


def test_the_bare_process_is_bare(bare):
    """The proof that the test above can fail: what the wheel does not bring is not there."""
    for name in ("pandas", "keras", "datasets", "tests", "benchmarks"):
        done = bare(f"import {name}")
        assert f"No module named '{name}'" in done.stderr
