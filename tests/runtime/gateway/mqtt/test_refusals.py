"""What both MQTT clients say of a broker that refuses, or is none."""

import contextlib
import socket

import pytest

from runtime.errors import MissingExtraError
from runtime.gateway.mqtt.make import make_client
from runtime.gateway.protocols import Publication
from toys.broker import Broker
from toys.clients import gather, numbered, numbers, options_of, until, up
from toys.mqtt_packets import connack, sent_by
from toys.proxy import Proxy


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_a_wrong_password_is_said_and_never_shown(
    opened, kind, tmp_path, version, caplog, monkeypatch
):
    """In words in `trouble`; then the right one, which is read anew, opens the door."""
    folder = tmp_path / "guarded"
    folder.mkdir()
    secret = tmp_path / "password"
    secret.write_text("wrong-one\n")
    with Broker(folder, passwords={"kad": "right-one"}) as broker:
        client = opened(broker, user="kad", password_file=secret, version=version)
        until(lambda: "password" in client.trouble or "not authorized" in client.trouble)
        assert client.connections == 0
        assert "wrong-one" not in repr(client) + repr(vars(client)["_options"]) + client.trouble
        secret.write_text("right-one\n")
        up(client)
        client.close(1.0)
        monkeypatch.setenv("KAD_WORD", "right-one")
        up(opened(broker, user="kad", password_env="KAD_WORD", client_id="env"))  # noqa: S106 - its name
        late = opened(broker, user="kad", password_env="KAD_MISSING", client_id="late")  # noqa: S106
        until(lambda: "KAD_MISSING" in late.trouble)
    assert "right-one" not in caplog.text


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_a_refused_subscription_is_said(opened, broker, version):
    """The connection stands, and nothing can come: that is trouble."""
    code = b"\x87" if version == "5" else b"\x80"

    def changed(data):
        return data[:-1] + code if data[0] == 0x90 else data

    with Proxy(broker.port, changed=changed) as guard:
        client = opened(guard, "open/#", "closed/#", version=version)
        until(lambda: "closed/#" in client.trouble)
        assert "open/#" not in client.trouble
        assert client.connections == 1
        client.close(0.0)


def test_an_old_broker_is_spoken_to_in_its_words(opened, broker, other):
    """MQTT 5 is refused: 3.1.1 at once, and it stays so."""
    with Proxy(broker.port, refuse_5=True) as old:
        client = opened(old, "x/#")
        up(client)
        assert client.version == "3.1.1"
        old.cut()
        up(client, 2)
        other.publish(numbered(0, 10))
        assert numbers(gather(client, 10)) == list(range(10))
        client.close(1.0)
    assert old.versions == [5, 4, 4]


def test_a_message_that_is_too_large_does_not_stop_it(opened, broker, other):
    """In 3.1.1 the broker cannot know: its payload is skipped, counted, acknowledged."""
    client = opened(broker, "x/#", version="3.1.1", max_packet=10_000)
    up(client)
    other.publish([Publication("x/a", bytes(900_000)), Publication("x/a", b"7")])
    assert numbers(gather(client, 1)) == [7]
    assert client.counts["oversized"] == 1
    assert client.connections == 1


def test_a_publication_that_no_broker_takes_is_counted(opened, broker, other):
    """A topic with a wildcard would end the connection, again and again."""
    client = opened(broker)
    up(client)
    client.publish([Publication("a/+", b""), Publication("", b""), Publication("kad/a", b"1")])
    assert numbers(gather(other, 1)) == [1]
    until(lambda: client.published == 3)
    assert client.counts["refused"] == 2
    assert client.connections == 1


def test_a_broker_that_can_do_less_gets_less(opened, broker, other, caplog):
    """No QoS 1 and nothing retained: said, and not sent, as it would end the connection."""

    def changed(data):
        less = connack(items=[b"\x24\x00", b"\x25\x00"])
        return less if data[0] == 0x20 else data

    with Proxy(broker.port, changed=changed) as between:
        client = opened(between, version="5")
        up(client)
        client.publish([Publication("kad/a", b"1", retain=True)])
        assert numbers(gather(other, 1)) == [1]
        assert (client.published, client.connections) == (1, 1)
        first = [head for head, _ in sent_by(between) if head & 0xF0 == 0x30]
        client.close(0.0)
    assert first == [0x30]
    assert "QoS 0 only" in caplog.text
    assert "no retained" in caplog.text


def test_without_paho_the_command_is_said(broker, monkeypatch):
    """The exact command that installs it."""
    monkeypatch.setitem(__import__("sys").modules, "paho.mqtt", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'kad-anomaly\[mqtt\]'"):
        make_client(options_of(broker, client="paho"))


def test_no_broker_at_all_is_said(opened, tmp_path):
    """Something listens there that speaks no MQTT, or hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        place = type("Place", (), {"host": "127.0.0.1", "port": server.getsockname()[1]})
        client = opened(place)
        for answer in (b"HTTP/1.1 400 Bad Request\r\n\r\n", b""):
            end, _ = server.accept()
            with contextlib.closing(end):
                if answer:
                    end.sendall(answer)
            until(lambda: client.trouble and "yet" not in client.trouble)
        assert client.connections == 0
        client.close(0.0)
