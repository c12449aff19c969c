"""What a broker's codes mean, in words, and what to do."""

__all__ = [
    "BAD_USER",
    "TAKEN_OVER",
    "UNSUPPORTED_VERSION",
    "refused_publication",
    "refused_subscription",
    "why_ended",
    "why_refused",
]

UNSUPPORTED_VERSION = 0x84
"""CONNACK of MQTT 5: the broker does not speak it (0x01 in the words of 3.1.1)."""
TAKEN_OVER = 0x8E
"""DISCONNECT of MQTT 5: another client came with the same client id."""
BAD_USER = 0x86
"""CONNACK of MQTT 5: bad user name or password."""

FROM_3 = {1: 0x84, 2: 0x85, 3: 0x88, 4: 0x86, 5: 0x87}
"""Return codes of a 3.1.1 CONNACK in those of MQTT 5."""

_WORDS = {
    0x04: "it publishes the last will",
    0x80: "unspecified error",
    0x81: "malformed packet",
    0x82: "protocol error",
    0x83: "its own implementation does not take it",
    0x84: "it does not speak this version of MQTT",
    0x85: "it does not take this client id: change client_id",
    0x86: "bad user name or password: check user and password_file",
    0x87: "not authorized: check the broker's access list, user and password",
    0x88: "server unavailable",
    0x89: "server busy",
    0x8A: "this client is banned: ask who runs the broker",
    0x8B: "it shuts down",
    0x8C: "bad authentication method",
    0x8D: "it heard nothing for longer than keepalive_s",
    0x8E: (
        "another client came with the same client_id and took the session over: give each gateway "
        "its own"
    ),
    0x8F: "invalid topic filter",
    0x90: "invalid topic name",
    0x91: "packet identifier in use",
    0x92: "packet identifier not found",
    0x93: "more messages at a time than it takes",
    0x94: "invalid topic alias",
    0x95: "packet too large: send less at once, or raise the broker's max_packet_size",
    0x96: "messages come too fast for it",
    0x97: "quota exceeded",
    0x98: "an administrator ended it",
    0x99: "invalid payload format",
    0x9A: "it keeps no retained messages",
    0x9B: "it does not take this QoS",
    0x9C: "use another server, for now",
    0x9D: "the server has moved",
    0x9E: "it knows no shared subscriptions",
    0x9F: "connections come too fast for it",
    0xA0: "it allows connections for a time only",
    0xA1: "it knows no subscription identifiers",
    0xA2: "it knows no wildcards in subscriptions",
}


def why_refused(code: int, text: str = "") -> str:
    """Returns why a broker refused a connection.

    Args:
        code: Reason code of MQTT 5, see `FROM_3`.
        text: The broker's own words.
    """
    return f"the broker refuses the connection: {_said(code, text)}"


def why_ended(code: int, text: str = "") -> str:
    """Returns why a broker ended a connection by DISCONNECT."""
    return f"the broker ended the connection: {_said(code, text)}"


def refused_subscription(topic_filter: str, code: int) -> str:
    """Returns why a broker does not give what a filter asks for; 3.1.1 has no code but 0x80."""
    return f"the broker refuses the subscription to {topic_filter!r}: {_said(code, '')}"


def refused_publication(topic: str, code: int) -> str:
    """Returns why a broker did not take a publication."""
    return f"the broker does not take what is published on {topic!r}: {_said(code, '')}"


def _said(code: int, text: str) -> str:
    words = _WORDS.get(code, f"reason code 0x{code:02x}")
    own = " ".join(text.split())[:200]
    return f"{words} ({own})" if own else words
