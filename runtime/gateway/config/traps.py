"""Topics that would lose messages, bring them twice, mix them, or run in a circle."""

from collections.abc import Iterator

from runtime.gateway.config.published import address, publishes_on, shared_topics, used
from runtime.gateway.config.read import Config, SourceConfig
from runtime.gateway.mqtt.topics import is_shared, overlap
from runtime.gateway.payloads.topics import TopicTemplate

__all__ = ["traps"]


def traps(config: Config) -> Iterator[str]:
    """Yields what is wrong with the topics, `error:` or `warning:` and a sentence."""
    mqtt = [source for source in config.sources if source.keys.kind == "mqtt"]
    filters = [(s, TopicTemplate(topic).filter) for s in mqtt for topic in s.payload.topics]
    for source in mqtt:
        if not source.payload.topics:
            yield f"error: the source {source.name} has no topics."
    for at, (source, one) in enumerate(filters):
        if is_shared(one):
            yield (
                f"error: {one} of {source.name} is a shared subscription: it splits the rows of a "
                "stream among readers. Split the load by topic instead."
            )
        for other, two in filters[:at]:
            if _same_broker(config, source, other) and overlap(one, two):
                yield (
                    f"error: {one} of {source.name} and {two} of {other.name} overlap: the broker "
                    "may bring such a message twice. Make one of them narrower."
                )
        yield from _loops(config, source, one)
    yield from shared_topics(config)
    yield from _same_clients(config)
    if mqtt and not config.is_durable:
        yield (
            "warning: the journal is off: what was acknowledged since the newest snapshot is lost "
            "with the process."
        )


def _same_broker(config: Config, one: SourceConfig, other: SourceConfig) -> bool:
    return address(config, one.keys.broker) == address(config, other.keys.broker)


def _loops(config: Config, source: SourceConfig, one: str) -> Iterator[str]:
    broker = address(config, source.keys.broker)
    for sink in config.sinks:
        if sink.kind != "mqtt" or address(config, sink.broker) != broker:
            continue
        found = [template for template in used(sink).values() if publishes_on(template, one)]
        if found:
            yield (
                f"error: {one} of {source.name} matches what {sink.name} publishes on "
                f"{found[0]}: a loop. Name the topics of devices alone."
            )
    commands = config.commands
    hears = bool(commands.topic) and address(config, commands.broker) == broker
    if hears and overlap(one, commands.topic):
        yield (
            f"error: {one} of {source.name} matches the topic of commands, {commands.topic}. "
            "Give commands a topic of their own."
        )


def _same_clients(config: Config) -> Iterator[str]:
    """Yields who would throw whom out: a broker has one client of a name."""
    clients = [
        *(
            (f"the source {source.name}", source.keys.broker, f"-{source.name}")
            for source in config.sources
            if source.keys.kind == "mqtt"
        ),
        *(
            (f"the sink {sink.name}", sink.broker, f"-{sink.name}-out")
            for sink in config.sinks
            if sink.kind in ("mqtt", "thingsboard")
        ),
    ]
    if config.commands.topic:
        clients.append(("[commands]", config.commands.broker, "-commands"))
    seen: dict[tuple[tuple[str, int], str], str] = {}
    for who, broker, suffix in clients:
        name = config.broker(broker, suffix=suffix).client_id
        other = seen.setdefault((address(config, broker), name), who)
        if other != who:
            yield (
                f"error: {other} and {who} would both be the client {name} of one broker, and "
                "throw each other out. Give one of them another name."
            )
