"""One golden detector of every kind, trained and exported once for all promises."""

import pytest

from kad.detectors import detector_names
from toys import golden


@pytest.fixture(scope="session", params=detector_names())
def kind(request):
    """The name of each kind."""
    return request.param


@pytest.fixture(scope="session")
def trained(kind, tmp_path_factory):
    """A trained run of it."""
    folder = tmp_path_factory.mktemp("conformance") / kind
    return golden.train(kind, golden.read_series(), folder)


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
