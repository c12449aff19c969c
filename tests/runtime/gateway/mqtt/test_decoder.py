"""Packets in any pieces, and bytes that are none."""

import contextlib
import struct
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.gateway.mqtt import packets
from runtime.gateway.mqtt.decoder import (
    Connack,
    Decoder,
    Disconnect,
    Oversized,
    Pingresp,
    Puback,
    Publish,
    Pubrel,
    Suback,
    Unsuback,
)
from runtime.gateway.mqtt.packets import PacketError
from toys import mqtt_packets as broker

MOST = 4_096

TOPICS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
IDS = st.integers(1, 65_535)
CODES = st.lists(st.integers(0, 255), min_size=1, max_size=5)
ITEMS = st.lists(
    st.sampled_from(
        [
            b"\x01\x01",
            b"\x02\x00\x00\x00\x09",
            b"\x03\x00\x04text",
            b"\x09\x00\x02\xff\x00",
            b"\x0b\x81\x01",
            b"\x26\x00\x01a\x00\x01b",
        ]
    ),
    max_size=4,
)


@st.composite
def _publish(draw, version):
    topic, payload, qos = draw(TOPICS), draw(st.binary(max_size=300)), draw(st.integers(0, 1))
    retain, dup, packet_id = draw(st.booleans()), draw(st.booleans()), draw(IDS)
    data = broker.publish(
        topic, payload, qos, retain=retain, dup=dup, packet_id=packet_id, version=version,
        items=draw(ITEMS),
    )  # fmt: skip
    return data, Publish(topic, payload, qos, retain, dup, packet_id if qos else 0)


@st.composite
def _any_packet(draw, version):
    packet_id, codes = draw(IDS), draw(CODES)
    text = draw(st.sampled_from(["", "why", "ü" * 100]))
    raw_id, five = struct.pack(">H", packet_id), version == 5
    pairs = [
        (packets.pubacks([packet_id]), Puback(packet_id, 0)),
        (broker.suback(packet_id, codes, version=version), Suback(packet_id, bytes(codes))),
        (
            broker.unsuback(packet_id, codes, version=version),
            Unsuback(packet_id, bytes(codes) if five else b""),
        ),
        (b"\xd0\x00", Pingresp()),
        (b"\x62\x02" + raw_id, Pubrel(packet_id)),
        draw(_publish(version)),
    ]
    if five:
        code = codes[:1]
        pairs += [
            (broker.disconnect(codes[0], text), Disconnect(codes[0], text)),
            (broker.packet(0x40, raw_id + bytes(code)), Puback(packet_id, codes[0])),
            (broker.packet(0x40, raw_id + bytes(code) + b"\0"), Puback(packet_id, codes[0])),
        ]
    return draw(st.sampled_from(pairs))


def _fed(decoder, pieces):
    return [packet for piece in pieces for packet in decoder.feed(piece)]


@pytest.mark.parametrize("version", [5, 4])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_splitting_gives_the_same_packets(version, data):
    """Cut anywhere, also in the middle of a length."""
    pairs = data.draw(st.lists(_any_packet(version), max_size=8))
    stream = b"".join(raw for raw, _ in pairs)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    decoder = Decoder(version=version, max_packet=MOST)
    assert _fed(decoder, pieces) == [packet for _, packet in pairs]


@settings(max_examples=100, deadline=None)
@given(
    topic=TOPICS, payload=st.binary(max_size=500), qos=st.integers(0, 1), retain=st.booleans(),
    dup=st.booleans(), packet_id=IDS, version=st.sampled_from([4, 5]),
)  # fmt: skip
def test_what_is_published_reads_back(topic, payload, qos, retain, dup, packet_id, version):
    """Our own PUBLISH is a broker's, too."""
    data = packets.publish(
        packets.length_and_text(topic), payload, version=version, qos=qos, retain=retain, dup=dup,
        packet_id=packet_id,
    )  # fmt: skip
    found = Decoder(version=version, max_packet=MOST).feed(data)
    assert found == [Publish(topic, payload, qos, retain, dup, packet_id if qos else 0)]


@settings(max_examples=150, deadline=None)
@given(
    data=st.one_of(
        st.binary(max_size=200),
        st.tuples(st.sampled_from([0x20, 0x30, 0x32, 0x40, 0x62, 0x90, 0xB0, 0xD0, 0xE0]),
                  st.binary(max_size=60)).map(lambda pair: broker.packet(*pair)),
    ),
    version=st.sampled_from([4, 5]),
    cut=st.integers(0, 200),
)  # fmt: skip
def test_bytes_that_are_none_raise_one_error(data, version, cut):
    """Whatever comes: packets, or PacketError."""
    decoder = Decoder(version=version, max_packet=MOST)
    found = []
    with contextlib.suppress(PacketError):
        found = _fed(decoder, [data[:cut], data[cut:]])
    assert all(isinstance(packet, tuple) for packet in found)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_byte_that_is_wrong_raises_one_error(data):
    """Real packets with single bytes changed."""
    raw = bytearray(b"".join(r for r, _ in data.draw(st.lists(_any_packet(5), min_size=1))))
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    found = []
    with contextlib.suppress(PacketError):
        found = Decoder(version=5, max_packet=MOST).feed(bytes(raw))
    assert all(isinstance(packet, tuple) for packet in found)


@pytest.mark.parametrize("version", [5, 4])
def test_of_a_message_that_is_too_large_the_payload_is_skipped(version):
    """In any pieces; what comes behind it is whole, and little is kept meanwhile."""
    large = broker.publish("a/b", bytes(3_000_000), 1, packet_id=7, version=version)
    small = broker.publish("a/c", b"1", 0, version=version)
    stream = small + large + small
    size = len(large) - 5
    expected = [
        Publish("a/c", b"1", 0, False, False, 0),
        Oversized("a/b", size, 1, 7),
        Publish("a/c", b"1", 0, False, False, 0),
    ]
    for step in (3_000, 100_000, len(stream)):
        pieces = [stream[at : at + step] for at in range(0, len(stream), step)]
        decoder = Decoder(version=version, max_packet=MOST)
        tracemalloc.start()
        assert _fed(decoder, pieces) == expected
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 2 * step + 200_000


def test_a_length_alone_takes_no_memory():
    """A packet of 256 MB that was only announced."""
    decoder = Decoder(version=5, max_packet=MOST)
    tracemalloc.start()
    assert decoder.feed(b"\x32\xff\xff\xff\x7f\x00\x01a") == []
    with pytest.raises(PacketError):
        Decoder(version=5, max_packet=MOST).feed(b"\x20\xff\xff\xff\x7f")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100_000


@pytest.mark.parametrize(
    "data",
    [
        b"\x30\xff\xff\xff\xff\x01",
        b"\x10\x00",
        b"\x36\x05\x00\x01a\x00\x01",
        b"\x32\x05\x00\x01a\x00\x00",
        b"\x30\x02\x00\x00",
        b"\x30\x04\x00\x02\xff\xfe",
        b"\x30\x03\x00\x01\x00",
        b"\xd0\x01\x00",
        b"\x40\x01\x00",
        b"\xe0\x00",
    ],
)
def test_malformed_packets_are_refused(data):
    """A length of five bytes, QoS 3, packet id 0, no topic, a text that is none, and so on."""
    with pytest.raises(PacketError):
        Decoder(version=4, max_packet=MOST).feed(data)


def test_an_answer_in_the_words_of_an_old_broker_is_read():
    """Two bytes, though MQTT 5 was asked for."""
    assert Decoder(version=5, max_packet=MOST).feed(b"\x20\x02\x00\x01") == [Connack(False, 1, {})]


def test_what_a_broker_says_of_itself_is_read():
    """Receive Maximum and Maximum Packet Size of a CONNACK."""
    items = [b"\x21\x00\x14", b"\x27\x00\x00\x10\x00"]
    found = Decoder(version=5, max_packet=MOST).feed(broker.connack(session=True, items=items))
    assert found == [Connack(True, 0, {0x21: 20, 0x27: 4_096})]
