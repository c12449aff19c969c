"""Shared fixtures: the backend of this process, a tiny trained run, the real series."""

import gc
import os
from pathlib import Path

import pytest

from kad.backend import select_backend
from toys.series import TINY, ten_minutes, wave


def pytest_configure(config):
    """Chooses the backend before any test imports Keras; the suite exports, so TensorFlow.

    A process that only hands tests out to workers waits for no backend.
    """
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    # Workers share the processor: threads of the processes that tests start wait for each other.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    config.addinivalue_line("markers", "backends: runs JAX or Torch in a process of its own")
    hands_out = getattr(config.option, "dist", "no") != "no" and not hasattr(config, "workerinput")
    if not hands_out:
        gc.set_threshold(50_000, 20, 10)  # tracing makes much, of which little is garbage
        select_backend()


def pytest_collection_modifyitems(items):
    """Files with slow tests come first: at the end no worker waits for another one's long file."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_collection_finish():
    """What libraries and test modules made stays to the end: the collector need not walk it."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def data_dir():
    """The folder of the real series."""
    folder = os.environ.get("KAD_DATA_DIR")
    if not folder or not Path(folder).is_dir():
        pytest.skip("needs the real series: set KAD_DATA_DIR")
    return Path(folder)


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """A trained run: two channels with units, tiny networks."""
    from kad.config import build_config
    from kad.runs.train import train

    config = build_config(overrides={**TINY, "data": {"units": {"a": "bar"}}})
    return train(config, wave(), out=tmp_path_factory.mktemp("runs") / "wave")


@pytest.fixture(scope="session")
def detector(run):
    """The detector of the trained run."""
    return run.detector


@pytest.fixture(scope="session")
def exported(run, tmp_path_factory):
    """The exported file of the trained run."""
    from export import export

    return export(run.folder, tmp_path_factory.mktemp("exported") / "detector.onnx")


def _patient(opening):
    """Gives what it opens two minutes for everything: a busy machine takes half of one."""

    def opened(**options):
        found = opening(**options)
        found.set_default_timeout(120_000)
        return found

    return opened


@pytest.fixture(scope="session")
def browser():
    """A Chromium without a window, driven by Playwright."""
    from kad.report.picture import find_browser

    playwright = pytest.importorskip("playwright.sync_api")
    path = find_browser()
    if path is None:
        pytest.skip("needs Chromium or Chrome on PATH")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        chromium.new_page = _patient(chromium.new_page)
        chromium.new_context = _patient(chromium.new_context)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def rnn_run(tmp_path_factory):
    """A trained run of a tiny RNN predictor, with context."""
    from kad.runs.train import train
    from toys.rnn import tiny

    return train(tiny(), ten_minutes(), out=tmp_path_factory.mktemp("runs") / "rnn")
