"""The toy broker itself: it starts, keeps its port over a restart, and ends."""

import socket


def _connect(port):
    with socket.create_connection(("127.0.0.1", port), 5) as end:
        end.settimeout(5)
        end.sendall(bytes([0x10, 15]) + b"\x00\x04MQTT\x04\x02\x00\x3c\x00\x03abc")
        return end.recv(4)


def test_it_answers_before_and_after_a_restart(broker):
    """The same port, with the process gone in between."""
    assert _connect(broker.port) == b"\x20\x02\x00\x00"
    broker.stop()
    assert not broker.running
    broker.start()
    assert _connect(broker.port) == b"\x20\x02\x00\x00"


def test_a_cable_hands_on_and_can_be_cut(cable):
    """What goes in comes out; a cut ends the connection, and the next one works."""
    assert _connect(cable.port) == b"\x20\x02\x00\x00"
    with socket.create_connection(("127.0.0.1", cable.port), 5) as end:
        end.settimeout(5)
        end.sendall(bytes([0x10, 15]) + b"\x00\x04MQTT\x04\x02\x00\x3c\x00\x03abc")
        assert end.recv(4) == b"\x20\x02\x00\x00"
        cable.cut()
        assert end.recv(4) == b""
    assert _connect(cable.port) == b"\x20\x02\x00\x00"
