"""Subscriptions that would lose messages, bring them twice, or run in a circle."""

from collections.abc import Iterator

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
            if source.keys.broker == other.keys.broker and overlap(one, two):
                yield (
                    f"error: {one} of {source.name} and {two} of {other.name} overlap: the broker "
                    "may bring such a message twice. Make one of them narrower."
                )
        yield from _loops(config, source, one)
    if mqtt and not config.is_durable:
        yield (
            "warning: the journal is off: what was acknowledged since the newest snapshot is lost "
            "with the process."
        )


def _loops(config: Config, source: SourceConfig, one: str) -> Iterator[str]:
    for sink in config.sinks:
        if sink.kind != "mqtt" or sink.broker != source.keys.broker:
            continue
        topics = sink.options.topics
        for name in ("score", "event", "state", "scores", "status"):
            template: str = getattr(topics, name)
            own = template.replace("{stream}", "#").replace("{gateway}", config.gateway.name)
            own = own[: own.index("#") + 1] if "#" in own else own
            if overlap(one, own):
                yield (
                    f"error: {one} of {source.name} matches what {sink.name} publishes on "
                    f"{template}: a loop. Name the topics of devices alone."
                )
                break
