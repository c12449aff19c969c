"""One tiny detector of every kind, trained and exported once for all promises."""

import pytest

from kad.detectors import detector_names
from toys import detectors
from toys.series import ten_minutes


@pytest.fixture(scope="session", params=detector_names())
def trained(request, tmp_path_factory):
    """A trained run of each kind."""
    from kad.runs.train import train

    config = detectors.config_of(request.param)
    folder = tmp_path_factory.mktemp("conformance") / request.param
    return train(config, ten_minutes(), out=folder)


@pytest.fixture(scope="session")
def detector(trained):
    """Its detector."""
    return trained.detector


@pytest.fixture(scope="session")
def path(trained, tmp_path_factory):
    """Its file."""
    from export import export

    return export(trained.folder).path


@pytest.fixture(scope="session")
def onnx(path):
    """The file, loaded."""
    from runtime import Detector

    return Detector(path)
