"""The topics on which a configuration publishes, and where two of them can be the same."""

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from urllib.parse import unquote

from runtime.gateway.config.read import Config, SinkConfig
from runtime.gateway.mqtt.topics import overlap

__all__ = ["address", "publishes_on", "shared_topics", "used"]

_HOME = ("online", "cause", "severity")


def address(config: Config, broker: str) -> tuple[str, int]:
    """Returns host and port of a broker: two tables may be of one.

    Raises:
        ConfigError: There is no such broker, or its table cannot be used.
    """
    options = config.broker(broker)
    return options.host.lower(), options.port


def used(sink: SinkConfig) -> Mapping[str, str]:
    """Returns the templates on which an MQTT sink publishes, by name, with the gateway's name."""
    topics = sink.options.topics
    names = ["event", "state", "status", "gateway_event", "answers"]
    names.append("scores" if sink.options.publishing.scores == "array" else "score")
    names.extend(_HOME if sink.home_assistant is not None else ())
    # The name as it stands in topics: through the template, which escapes it.
    return {name: topics.of_stream(name, "\0").replace("%00", "{stream}") for name in names}


def publishes_on(template: str, topic_filter: str) -> bool:
    """Returns whether a filter asks for a topic that some stream's name makes of a template."""
    if "{stream}" not in template:
        return overlap(topic_filter, template)
    # A name has any number of levels; more than the filter has make no difference.
    for levels in range(1, topic_filter.count("/") + 3):
        own = template.replace("{stream}", "/".join(["+"] * levels)).split("/")
        if overlap(topic_filter, "/".join("+" if "+" in level else level for level in own)):
            return True
    return False


def shared_topics(config: Config) -> Iterator[str]:
    """Yields where two things are published on one topic: `error:` or `warning:` and a sentence."""
    sinks = [sink for sink in config.sinks if sink.kind == "mqtt"]
    for at, sink in enumerate(sinks):
        yield from _like_the_gateway(config, sink, sink)
        for other in sinks[:at]:
            if address(config, sink.broker) != address(config, other.broker):
                continue
            same = sorted({*used(sink).values()} & {*used(other).values()})
            if same:
                yield (
                    f"error: {other.name} and {sink.name} publish on the same topics of one "
                    f"broker: {', '.join(same)}. Give one of them a [sink.topics] of its own."
                )
                continue
            yield from _like_the_gateway(config, sink, other)
            yield from _like_the_gateway(config, other, sink)
    things = [sink for sink in config.sinks if sink.kind == "thingsboard"]
    for at, sink in enumerate(things):
        for other in things[:at]:
            if sink.broker == other.broker:
                yield (
                    f"error: {other.name} and {sink.name} say the same to one ThingsBoard, with "
                    "the same token. Leave one out, or give it a table in [brokers] of its own."
                )


def _like_the_gateway(config: Config, sink: SinkConfig, other: SinkConfig) -> Iterator[str]:
    """Yields where a stream's topic of one sink is the gateway's of the other."""
    for template in used(sink).values():
        if "{stream}" not in template:
            continue
        first, *rest = map(re.escape, template.split("{stream}"))
        pattern = re.compile(first + "(.+)" + r"\1".join(rest), re.DOTALL)
        for topic in used(other).values():
            found = None if "{stream}" in topic else pattern.fullmatch(topic)
            stream = unquote(found[1]) if found is not None else ""
            if stream and _is_scored(config, stream):
                # Other names than the gateway's own are far-fetched.
                weight = "error" if stream == config.gateway.name else "warning"
                yield (
                    f"{weight}: a stream named {stream} would share {topic} with what {other.name} "
                    f"says of the gateway: {sink.name} publishes on {template}. Give one of them "
                    "another template in [sink.topics]."
                )


def _is_scored(config: Config, stream: str) -> bool:
    patterns = [pattern for model in config.models for pattern in model.streams]
    return any(fnmatchcase(stream, pattern) for pattern in patterns)
