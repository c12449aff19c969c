"""The process around the gateway: configuration, state folder, signals, HTTP server."""

import signal
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

from runtime.errors import ConfigError, InputError
from runtime.gateway.config.read import Config, read_config
from runtime.gateway.config.traps import traps
from runtime.gateway.journal.outbox import Outbox
from runtime.gateway.operate.clocks import Clocks, kernel_synchronised
from runtime.gateway.operate.families import Families
from runtime.gateway.operate.http import Answers
from runtime.gateway.operate.logs import Log
from runtime.gateway.operate.metrics import Registry
from runtime.gateway.operate.server import Server
from runtime.gateway.operate.status import Overview, StreamHistory
from runtime.gateway.operate.systemd import Notifier
from runtime.gateway.payloads.options import PayloadOptions
from runtime.gateway.pipeline.gateway import Gateway, Setup
from runtime.gateway.pipeline.kept import Kept
from runtime.gateway.pipeline.passing import PassingSink, PassingSource
from runtime.gateway.pipeline.setup import load_models, open_sinks, open_sources
from runtime.gateway.protocols import Sink, Source
from runtime.gateway.sinks.line_protocol import LineProtocolSink
from runtime.gateway.sources.stdin import StdinSource

__all__ = ["run"]


def run(path: str | Path) -> int:
    """Runs a gateway until it is told to end, or its sources do.

    Args:
        path: The configuration.

    Returns:
        The exit code: 0 ended as asked, 1 failed.

    Raises:
        KadError: It cannot start.
    """
    config = read_config(path)
    wrong = [line.removeprefix("error: ") for line in traps(config) if line.startswith("error: ")]
    if wrong:
        raise ConfigError(wrong[0])
    registry = Registry()
    families = Families(registry, per_stream=config.http.per_stream)
    say = Log(
        style=config.gateway.log,
        least=config.gateway.log_level,
        on_held=families.log_suppressed.inc,
    )
    families.started.set(time.time())
    models = load_models(config)
    for note in models.notes:
        say.info("budget", note)
    for key, detector in models.detectors.items():
        families.model_info.of(f"{key}:{detector.metadata.identity[:12]}").set(1)
    clocks = Clocks(
        synchronised=kernel_synchronised,
        on_step=lambda seconds: _stepped(seconds, say, families),
    )
    with ExitStack() as stack:
        kept = Kept.open(config.gateway.state, config.journal, journal=config.is_durable)
        stack.callback(kept.close)
        outboxes: list[Outbox] = []

        def outbox(name: str) -> Outbox:
            box = Outbox.open(
                config.gateway.state / "outbox" / name,
                max_bytes=config.journal.outbox_mb * 2**20,
                full="drop-oldest",
            )
            outboxes.append(box)
            stack.callback(box.close)
            return box

        sources, sinks = _joined(open_sources(config), open_sinks(config, outbox))
        families.outbox_bytes.ask(lambda: float(sum(box.bytes for box in outboxes)))
        gateway = Gateway(
            Setup(
                options=config.gateway,
                journal=config.journal,
                settings=models.settings,
                detectors=models.detectors,
                choices=models.choices,
                sources=sources,
                sinks=sinks,
                is_durable=config.is_durable,
            ),
            kept,
            say=say,
            families=families,
            clocks=clocks,
            notifier=Notifier(),
        )
        _serve(config, gateway, registry, families, say, stack)
        _handle_signals(gateway, stack)
        return gateway.run()


class _Status:
    """What the HTTP server asks; see `Status`."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def healthy(self) -> Sequence[str]:
        return self._gateway.healthy()

    def ready(self) -> Sequence[str]:
        return self._gateway.ready()

    def overview(self) -> Overview:
        return self._gateway.board.overview()

    def history(self, stream: str) -> StreamHistory | None:
        return self._gateway.board.stream(stream)

    def mute(self, stream: str, channel: str | None, until_ns: int | None, origin: str) -> None:
        raise InputError(f"Streams cannot be muted here. Received: {stream!r} by {origin}.")


def _serve(
    config: Config,
    gateway: Gateway,
    registry: Registry,
    families: Families,
    say: Log,
    stack: ExitStack,
) -> None:
    if not config.http.enabled:
        return
    token = ""
    if config.http.token_file is not None:
        try:
            token = (config.folder / config.http.token_file).read_text().strip()
        except OSError as error:
            raise ConfigError(
                f"`token_file` in [http] must be a file. Received: {error.strerror}."
            ) from error
    server = Server(
        Answers(_Status(gateway), registry, token=token),
        host=config.http.host,
        port=config.http.port,
        allow_remote=config.http.allow_remote,
        on_error=lambda error: say.error("http", f"{type(error).__name__}: {error}"),
        on_status=lambda status: families.http_requests.of(str(status)).inc(),
    )
    server.start()
    stack.callback(server.close)
    say.info("http", "Metrics, probes and the page are served.", url=server.url)


def _handle_signals(gateway: Gateway, stack: ExitStack) -> None:
    if threading.current_thread() is not threading.main_thread():
        return

    def stop(_number: int, _frame: FrameType | None) -> None:
        gateway.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        before = signal.signal(number, stop)
        stack.callback(signal.signal, number, before)


def _joined(
    sources: list[tuple[Source, PayloadOptions]], sinks: list[Sink]
) -> tuple[list[tuple[Source, PayloadOptions]], list[Sink]]:
    """Passes line protocol from stdin on to stdout, with the scores behind it."""
    for place, (source, payload) in enumerate(sources):
        if not isinstance(source, StdinSource) or payload.shape != "line_protocol":
            continue
        for number, sink in enumerate(sinks):
            if isinstance(sink, LineProtocolSink) and sink.passes:
                passing = PassingSource(source)
                sources[place] = (passing, payload)
                sinks[number] = PassingSink(sink, passing)
    return sources, sinks


def _stepped(seconds: float, say: Log, families: Families) -> None:
    families.clock_steps.inc()
    say.warning("clock", "The wall clock was set.", seconds=seconds)
