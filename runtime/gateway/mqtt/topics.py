"""Topic filters: what they match, which of them overlap, and which hear our own outputs."""

from collections.abc import Sequence

from runtime.errors import ConfigError, shown

__all__ = [
    "check_filter",
    "check_topic",
    "is_shared",
    "matches",
    "may_match_below",
    "overlap",
    "overlapping",
]

_SHARED = ("$share/", "$queue/")
_MOST_BYTES = 65_535


def check_filter(topic_filter: str) -> None:
    """Checks a topic filter.

    Raises:
        ConfigError: It is empty, too long, has a NUL, or a `+` or `#` in a wrong place.
    """
    try:
        size = len(topic_filter.encode())
    except UnicodeEncodeError:
        size = -1
    name, levels = _shared_name(topic_filter), _levels(topic_filter)
    right = (
        0 < size <= _MOST_BYTES
        and "\0" not in topic_filter
        and all(level in {"+", "#"} or not set(level) & {"+", "#"} for level in levels)
        and "#" not in levels[:-1]
        and (name is None or (name != "" and not set(name) & {"+", "#"} and levels != [""]))
    )
    if not right:
        raise ConfigError(
            "a topic filter must have + for a whole level and # for all below, as its last level "
            f"(plant/+/data, plant/#), received {shown(topic_filter)}: correct it"
        )


def check_topic(topic: str) -> None:
    """Checks a topic to publish on.

    Raises:
        ConfigError: It is empty, too long, has a NUL, or a `+` or `#`.
    """
    try:
        size = len(topic.encode())
    except UnicodeEncodeError:
        size = -1
    if not 0 < size <= _MOST_BYTES or set(topic) & {"\0", "+", "#"}:
        raise ConfigError(
            f"a topic must be a text without +, # and NUL, at most {_MOST_BYTES} bytes, received "
            f"{shown(topic)}: correct it"
        )


def is_shared(topic_filter: str) -> bool:
    """Returns whether a filter is a shared subscription, which splits a stream among clients."""
    return topic_filter.startswith(_SHARED)


def matches(topic_filter: str, topic: str) -> bool:
    """Returns whether a filter asks for a topic.

    `a/#` asks for `a` too; wildcards in the first level ask for no topic that begins with `$`.
    """
    levels = _levels(topic_filter)
    parts = topic.split("/")
    if parts[0].startswith("$") and levels[0] in {"+", "#"}:
        return False
    for at, level in enumerate(levels):
        if level == "#":
            return True
        if at >= len(parts) or level not in {"+", parts[at]}:
            return False
    return len(levels) == len(parts)


def overlap(one: str, other: str) -> bool:
    """Returns whether there is a topic that both filters ask for: it would come twice."""
    a, b = _levels(one), _levels(other)
    if (a[0] in {"+", "#"} and b[0].startswith("$")) or (
        b[0] in {"+", "#"} and a[0].startswith("$")
    ):
        return False
    for first, second in zip(a, b, strict=False):
        if "#" in {first, second}:
            return True
        if first != second and "+" not in {first, second}:
            return False
    if len(a) == len(b):
        return True
    # `a/#` asks for `a`.
    longer, shorter = (a, b) if len(a) > len(b) else (b, a)
    return len(longer) == len(shorter) + 1 and longer[-1] == "#"


def overlapping(filters: Sequence[str]) -> list[tuple[str, str]]:
    """Returns the pairs of filters that overlap, also where one is there twice."""
    return [
        (one, other)
        for at, one in enumerate(filters)
        for other in filters[at + 1 :]
        if overlap(one, other)
    ]


def may_match_below(topic_filter: str, prefix: str) -> bool:
    """Returns whether a filter asks for a topic that is a prefix or lies below it.

    Args:
        topic_filter: Of a source.
        prefix: Topic below which somebody publishes, such as `kad`; levels may be `+`, for
            what is not known before.
    """
    return overlap(topic_filter, f"{prefix.rstrip('/')}/#")


def _shared_name(topic_filter: str) -> str | None:
    """Returns the name of the group of a shared subscription; None: it is not shared."""
    if topic_filter.startswith("$share/"):
        return topic_filter.split("/", 2)[1]
    return None


def _levels(topic_filter: str) -> list[str]:
    """Returns the levels of a filter, of a shared subscription those behind its name."""
    if topic_filter.startswith("$share/"):
        return [*topic_filter.split("/", 2), ""][2].split("/")
    if topic_filter.startswith("$queue/"):
        return topic_filter.removeprefix("$queue/").split("/")
    return topic_filter.split("/")
