"""A run whose names break careless pages, and its page."""

import pytest

from kad.report.write import write_report
from toys.pages import NAMES, WINDOW, series
from toys.series import TINY


@pytest.fixture(scope="session")
def awkward(tmp_path_factory):
    """A trained run whose channels have awkward names."""
    from kad.config import build_config
    from kad.runs.train import train

    config = build_config(overrides={**TINY, "data": {"train": "0:600", "units": {NAMES[0]: "°C"}}})
    return train(config, series(), out=tmp_path_factory.mktemp("report") / "a <run>")


@pytest.fixture(scope="session")
def awkward_page(awkward, tmp_path_factory):
    """The page of a series with a fault and labels."""
    output = tmp_path_factory.mktemp("page") / "page.html"
    return write_report(awkward.folder, series(), labels=[WINDOW], output=output)


@pytest.fixture
def run(awkward):
    """The run of this folder's tests."""
    return awkward


@pytest.fixture
def page(awkward_page):
    """Their page."""
    return awkward_page
