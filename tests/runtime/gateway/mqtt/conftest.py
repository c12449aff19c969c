"""Both clients, and one beside them."""

import threading

import pytest

from toys.clients import client_of, until, up


@pytest.fixture(params=["own", "paho"])
def kind(request):
    """Which client."""
    if request.param == "paho":
        pytest.importorskip("paho.mqtt")
    return request.param


@pytest.fixture
def opened(kind):
    """Opens clients, which end with the test."""
    clients = []

    def open_client(broker, *filters, **more):
        clients.append(client_of(broker, *filters, client=kind, **more))
        return clients[-1]

    before = threading.active_count()
    yield open_client
    for client in clients:
        client.close(0.0)
    until(lambda: threading.active_count() <= before + 1)  # the cable's may live a little longer


@pytest.fixture
def other(broker):
    """A client beside, straight at the broker, that publishes and watches."""
    client = client_of(broker, "will/#", "kad/#", client_id="other")
    up(client)
    yield client
    client.close(0.0)
