"""What is owed, what flies, when to try again: without a broker."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.gateway.mqtt.options import BrokerOptions
from runtime.gateway.mqtt.outgoing import Outgoing
from runtime.gateway.mqtt.owed import Owed
from runtime.gateway.mqtt.retry import Retry
from toys.clients import numbered


@settings(max_examples=100, deadline=None)
@given(order=st.permutations(range(12)), cuts=st.lists(st.integers(0, 12), max_size=4))
def test_acknowledgements_are_a_prefix_in_whatever_order_they_come(order, cuts):
    """Packet ids come out in order of arrival, each once."""
    owed = Owed()
    tokens = [owed.came(100 + at) for at in range(12)]
    out = []
    edges = sorted({0, 12, *cuts})
    for first, last in itertools.pairwise(edges):
        out += owed.settle([tokens[at] for at in order[first:last]])
        done = set(order[:last])
        front = next((at for at in range(12) if at not in done), 12)
        assert out == list(range(100, 100 + front))
    assert owed.settle(tokens) == []
    assert len(owed) == 0


def test_tokens_of_an_old_connection_mean_nothing():
    """Though the new one has the same packet ids."""
    owed = Owed()
    old = [owed.came(packet_id) for packet_id in (1, 2, 3)]
    owed.settle(old[1:])
    owed.forget()
    new = [owed.came(packet_id) for packet_id in (1, 2, 3)]
    assert owed.settle(old) == []
    assert owed.settle([*old, new[1], 0, new[0]]) == [1, 2]
    assert not set(old) & set(new)


def test_numbers_go_on_in_order_of_publishing():
    """An acknowledgement out of order waits for those before it."""
    outgoing = Outgoing(10, 1_000)
    assert outgoing.put(numbered(0, 4)) == 4
    for _ in range(3):
        outgoing.sent(outgoing.take(), outgoing.new_id())
    assert (outgoing.published, outgoing.waiting, outgoing.flying) == (0, 4, 3)
    outgoing.arrived(2)
    assert (outgoing.published, outgoing.waiting, outgoing.flying) == (0, 3, 2)
    outgoing.arrived(1)
    assert outgoing.published == 2
    outgoing.passed(outgoing.take())
    assert outgoing.published == 2
    assert outgoing.arrived(3).payload == b"2"
    assert (outgoing.published, outgoing.waiting) == (4, 0)
    assert outgoing.arrived(3) is None


def test_what_flew_goes_out_again_first():
    """With its packet id, in order, and only what has not arrived."""
    outgoing = Outgoing(10, 1_000)
    outgoing.put(numbered(0, 5))
    for _ in range(4):
        outgoing.sent(outgoing.take(), outgoing.new_id())
    outgoing.arrived(2)
    outgoing.lost()
    assert (outgoing.flying, outgoing.waiting) == (0, 4)
    again = []
    while (flight := outgoing.again()) is not None:
        again.append((flight.packet_id, flight.publication.payload))
    assert again == [(1, b"0"), (3, b"2"), (4, b"3")]
    assert outgoing.flying == 3
    assert outgoing.new_id() == 5


def test_all_from_the_first_that_has_not_arrived_goes_back():
    """For another version: the numbers stay."""
    outgoing = Outgoing(10, 1_000)
    outgoing.put(numbered(0, 4))
    for _ in range(3):
        outgoing.sent(outgoing.take(), outgoing.new_id())
    outgoing.arrived(2)
    outgoing.back()
    assert (outgoing.published, outgoing.flying) == (0, 0)
    assert [outgoing.take().payload for _ in range(4)] == [b"0", b"1", b"2", b"3"]


def test_a_bound_of_bytes():
    """It takes a whole batch or none; what has arrived makes room."""
    outgoing = Outgoing(100, 10)
    assert outgoing.put(numbered(0, 2, "ab")) == 2
    assert outgoing.put(numbered(0, 2, "ab")) == -1
    outgoing.sent(outgoing.take(), 1)
    outgoing.arrived(1)
    assert outgoing.put(numbered(0, 2, "ab")) == 4
    assert outgoing.put([]) == 4
    assert Outgoing(1, 1).put(numbered(0, 50)) == 50


def test_packet_ids_go_round_and_miss_those_in_use():
    """65,535 is followed by 1; what waits for its answer is left out."""
    outgoing = Outgoing(10, 1_000)
    outgoing.put(numbered(0, 1))
    assert outgoing.reserve() == 1
    outgoing.sent(outgoing.take(), outgoing.new_id())
    for _ in range(65_533):
        outgoing.new_id()
    assert outgoing.new_id() == 3
    outgoing.release(1)
    for _ in range(65_532):
        outgoing.new_id()
    assert outgoing.new_id() == 1


def _retry(version="auto"):
    options = BrokerOptions(client_id="a", version=version, reconnect_s=(1.0, 30.0))
    return Retry(options, chance=lambda: 1.0)


def test_pauses_double_up_to_the_longest():
    """And begin anew after a connection that lasted."""
    retry = _retry()
    assert [retry.pause() for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]
    assert not retry.lost(300.0)
    assert retry.pause() == 1
    half = Retry(BrokerOptions(client_id="a"), chance=lambda: 0.0)
    assert half.pause() == 0.5


def test_short_connections_in_a_row_are_suspicious():
    """Two clients with one id; some brokers do not say so."""
    retry = _retry()
    said = [retry.lost(retry.pause()) for _ in range(4)]
    assert said == [False, False, True, True]
    assert not retry.lost(1_000.0)
    assert _retry().lost(1_000.0, 0x8E)


@pytest.mark.parametrize(("version", "first"), [("auto", 5), ("5", 5), ("3.1.1", 4)])
def test_which_version_comes_next(version, first):
    """3.1.1 for good where MQTT 5 is refused, for once where nobody answers."""
    retry = _retry(version)
    tried = []
    for _ in range(8):
        tried += [retry.version]
        retry.unanswered()
    assert tried == ([5, 5, 5, 4, 5, 5, 5, 4] if version == "auto" else [first] * 8)
    retry.lost(100.0)
    assert retry.version == first
    assert retry.refused(0x84) is (version == "auto")
    assert not retry.refused(0x84)
    retry.lost(100.0)
    assert retry.version == (5 if version == "5" else 4)
    assert not retry.refused(0x86)


def test_a_broker_that_spoke_mqtt_5_is_not_taken_for_an_old_one():
    """A gate in front of it hangs up while it restarts."""
    retry = _retry()
    retry.connected()
    for _ in range(8):
        retry.unanswered()
        assert retry.version == 5
