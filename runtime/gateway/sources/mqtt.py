"""Messages of a broker, as a source of the pipeline."""

from collections.abc import Sequence

from runtime.gateway.samples import Message
from runtime.gateway.sources.router import Router

__all__ = ["MQTTSource"]


class MQTTSource:
    """`protocols.Source` over a client that others may share; who made the client closes it.

    Args:
        name: As in the configuration.
        router: Of the client.
        filters: Topic filters that this source asks for.

    Raises:
        ConfigError: A filter is none.
    """

    ended = False
    """A broker never ends: it comes back."""

    def __init__(self, name: str, router: Router, filters: Sequence[str]) -> None:
        self.name = name
        self._router = router
        self._inlet = router.inlet(filters)

    @property
    def filters(self) -> Sequence[str]:
        """What it asks for."""
        return self._inlet.filters

    def receive(self, most: int, wait_s: float) -> Sequence[Message]:
        """Returns what has come, in order, at most `most`; waits up to `wait_s` for the first."""
        return self._inlet.receive(most, wait_s)

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Lets the broker forget messages; from any thread.

        Out go acknowledgements of all that came before them on the same client, and no others.
        """
        self._inlet.acknowledge(messages)

    @property
    def trouble(self) -> str:
        """Why nothing can come now; empty: all is well."""
        return self._router.client.trouble

    def close(self, timeout_s: float) -> None:  # noqa: ARG002 - nothing is waited for
        """Takes no more, and does not unsubscribe: the broker keeps what comes from now on."""
        self._inlet.close()

    def remove(self) -> None:
        """Ends it for good, as a reload does that no longer names it: its filters are given up."""
        self._inlet.close()
        self._router.remove(self._inlet)
