"""What sinks share that hand their publications to an MQTT client."""

from runtime.gateway.sinks.delivery import Delivery

__all__ = ["DeliverySink"]


class DeliverySink:
    """A sink over a `Delivery`; see `Sink` and `Resuming`. It makes publications by itself.

    Args:
        name: As in the configuration.
        delivery: Hands them over.
    """

    def __init__(self, name: str, delivery: Delivery) -> None:
        self.name = name
        self._delivery = delivery

    def pending(self) -> bytes:
        """Returns what has not arrived and is nowhere on the disk, for a snapshot."""
        return self._delivery.pending()

    def resume(self, pending: bytes) -> None:
        """Takes what `pending` returned in an earlier life; before all outputs."""
        self._delivery.resume(pending)

    @property
    def acknowledged(self) -> int:
        """All outputs up to this sequence number are with the broker, or were dropped."""
        return self._delivery.acknowledged

    @property
    def waiting(self) -> int:
        """Publications that have not arrived."""
        return self._delivery.waiting

    @property
    def fullness(self) -> float:
        """Share of `kept_bytes` in use; who would rather wait than drop stops below 1."""
        return self._delivery.fullness

    @property
    def dropped(self) -> int:
        """Scores, or messages with scores, that were dropped."""
        return self._delivery.dropped

    @property
    def lost(self) -> int:
        """Events, states and answers that the outbox dropped for its bound, or could not read."""
        return self._delivery.lost

    @property
    def trouble(self) -> str:
        """Why nothing goes out now; empty: all is well."""
        return self._delivery.trouble
