"""Packets that a client writes."""

import pytest

from runtime.gateway.mqtt import packets
from runtime.gateway.mqtt.options import Credentials, Will
from runtime.gateway.mqtt.packets import PacketError


def test_connect_as_the_specification_draws_it():
    """3.1.1 with will, user and password; MQTT 5 with what it says of the session."""
    will = Will(topic="w", payload=b"!", delay_s=10)
    secret = Credentials("u", b"p")
    old = packets.connect(
        version=4, client_id="c", keepalive_s=60, clean=True, will=will, credentials=secret
    )
    body = b"\x00\x04MQTT\x04\xee\x00\x3c" + b"\x00\x01c\x00\x01w\x00\x01!\x00\x01u\x00\x01p"
    assert old == b"\x10" + bytes([len(body)]) + body
    new = packets.connect(
        version=5, client_id="c", keepalive_s=60, clean=False, session_expiry_s=604_800,
        receive_maximum=20_000, max_packet=65_536, will=will,
    )  # fmt: skip
    head = b"\x00\x04MQTT\x05\x2c\x00\x3c"
    said = b"\x0d\x11\x00\x09\x3a\x80\x21\x4e\x20\x27\x00\x01\x00\x00"
    body = head + said + b"\x00\x01c" + b"\x05\x18\x00\x00\x00\x0a" + b"\x00\x01w\x00\x01!"
    assert new == b"\x10" + bytes([len(body)]) + body


def test_subscribe_and_unsubscribe():
    """MQTT 5 asks for retained messages of new subscriptions only."""
    assert packets.subscribe(1, [("a/#", 1)], version=4) == b"\x82\x08\x00\x01\x00\x03a/#\x01"
    assert packets.subscribe(1, [("a/#", 1)], version=5) == b"\x82\x09\x00\x01\x00\x00\x03a/#\x11"
    assert packets.unsubscribe(2, ["a"], version=4) == b"\xa2\x05\x00\x02\x00\x01a"
    assert packets.unsubscribe(2, ["a"], version=5) == b"\xa2\x06\x00\x02\x00\x00\x01a"


def test_many_acknowledgements_are_one_piece():
    """In order, four bytes each."""
    assert packets.pubacks([1, 256, 65_535]) == b"\x40\x02\x00\x01\x40\x02\x01\x00\x40\x02\xff\xff"
    assert packets.pubacks([]) == b""


def test_goodbye():
    """With a reason in MQTT 5 only."""
    assert packets.disconnect(version=5) == packets.disconnect(version=4, code=4) == b"\xe0\x00"
    assert packets.disconnect(version=5, code=4) == b"\xe0\x01\x04"


@pytest.mark.parametrize("size", [0, 1, 120, 127, 128, 16_383, 16_384, 2_097_152])
def test_lengths(size):
    """One to four bytes."""
    data = packets.publish(b"\x00\x01a", bytes(size), version=4, qos=0)
    total, shift, at = 0, 0, 1
    while True:
        total |= (data[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if data[at - 1] < 0x80:
            break
    assert total == size + 3 == len(data) - at


@pytest.mark.parametrize("text", ["a\0b", "x" * 65_536, "\ud800"])
def test_texts_that_cannot_be_written(text):
    """NUL, too long, half of a pair."""
    with pytest.raises(PacketError):
        packets.length_and_text(text)


def test_a_packet_that_is_too_long():
    """256 MB are the end; here by a payload that only says that it is so long."""

    class Long(bytes):
        def __len__(self):
            return 1 << 28

    with pytest.raises(PacketError, match="268435455"):
        packets.publish(b"\x00\x01a", Long(), version=5)
