"""Publications on their way: what a lost connection does to them."""

from dataclasses import replace

from runtime.gateway.mqtt.outgoing import Outgoing
from runtime.gateway.protocols import Publication


def marked(publication):
    return replace(publication, payload=publication.payload + b"!")


def sent(outgoing, count):
    for packet_id in range(1, count + 1):
        outgoing.sent(outgoing.take(), packet_id)


def test_what_goes_out_again_is_marked_and_what_never_went_is_not():
    outgoing = Outgoing(10, 1_000, marked)
    outgoing.put([Publication("t", text) for text in (b"a", b"b", b"c")])
    sent(outgoing, 2)
    outgoing.arrived(1)
    outgoing.lost()
    assert outgoing.again().publication.payload == b"b!"
    assert outgoing.again() is None
    assert outgoing.take().payload == b"c"


def test_marks_count_in_the_bound_of_bytes():
    """What was marked takes its new size until it has arrived, and nothing after."""
    outgoing = Outgoing(10, 6, marked)
    outgoing.put([Publication("t", b"abc")])
    sent(outgoing, 1)
    outgoing.lost()
    assert outgoing.put([Publication("t", b"b")]) == -1
    outgoing.again()
    outgoing.arrived(1)
    assert outgoing.put([Publication("t", b"abcde")]) == 2
