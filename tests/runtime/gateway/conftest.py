"""A broker for the gateway's tests, and a cable to it that can be cut."""

import pytest

from toys.broker import Broker
from toys.proxy import Proxy


@pytest.fixture
def broker(tmp_path):
    """Mosquitto with the recommended settings and persistence."""
    folder = tmp_path / "broker"
    folder.mkdir()
    with Broker(folder) as running:
        yield running


@pytest.fixture
def cable(broker):
    """A proxy in front of the broker: `cut`, `shut` and `open`, `stall` and `flow`."""
    with Proxy(broker.port) as between:
        yield between
