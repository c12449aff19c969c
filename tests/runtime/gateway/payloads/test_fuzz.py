"""Malformed messages: bad input and no more."""

from toys.payload_fuzz import fuzz


def test_malformed_messages_are_bad_input_and_no_more():
    """`scripts/fuzz` is the long form."""
    counts, bad = fuzz(4000)
    assert bad == {}
    assert counts["read"] > 300
    assert counts["json"] > 500
    assert len(counts) > 12
