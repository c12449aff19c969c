"""The process around the gateway: configuration, state folder, signals, reloads, HTTP server."""

import logging
import signal
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Literal

from runtime.errors import ConfigError
from runtime.gateway.config.read import Config
from runtime.gateway.journal.outbox import Outbox
from runtime.gateway.mqtt.make import make_client
from runtime.gateway.operate.clocks import Clocks, kernel_synchronised
from runtime.gateway.operate.families import Families
from runtime.gateway.operate.http import Answers
from runtime.gateway.operate.logs import Level, Log
from runtime.gateway.operate.metrics import Registry
from runtime.gateway.operate.server import Server
from runtime.gateway.operate.status import Overview, StreamHistory
from runtime.gateway.operate.systemd import Notifier
from runtime.gateway.payloads.options import PayloadOptions
from runtime.gateway.pipeline.changes import Changes, read, said_of
from runtime.gateway.pipeline.commander import Commander
from runtime.gateway.pipeline.gateway import Gateway
from runtime.gateway.pipeline.kept import Kept
from runtime.gateway.pipeline.memory import Memory
from runtime.gateway.pipeline.passing import PassingSink, PassingSource
from runtime.gateway.pipeline.setup import (
    LoadedModels,
    OwnedSource,
    Setup,
    load_models,
    open_sinks,
    open_sources,
)
from runtime.gateway.protocols import Client, Sink, Source, Subscription
from runtime.gateway.sinks.line_protocol import LineProtocolSink
from runtime.gateway.sources.stdin import StdinSource

__all__ = ["run"]

_OUTBOXES = {"lasting": "outbox", "scores": "outbox-scores"}


def run(path: str | Path) -> int:
    """Runs a gateway until it is told to end, or its sources do.

    Args:
        path: The configuration.

    Returns:
        The exit code: 0 ended as asked, 1 failed.

    Raises:
        KadError: It cannot start.
    """
    notifier = Notifier()
    config = read(Path(path))
    while True:
        process = _Process(config, notifier)
        code = process.run()
        if process.next is None or code:
            return code
        config = process.next


class _Process:
    """One life of the gateway, from a configuration to the next one that needs another life."""

    def __init__(self, config: Config, notifier: Notifier) -> None:
        self.next: Config | None = None
        """The configuration to begin anew with; None: it is over."""
        self._config, self._notifier = config, notifier
        self._registry = Registry()
        self._families = Families(self._registry, per_stream=config.http.per_stream)
        self._say = Log(
            style=config.gateway.log,
            least=config.gateway.log_level,
            on_held=self._families.log_suppressed.inc,
            secrets=_secrets(config),
        )
        self._families.started.set(time.time())
        logger = logging.getLogger("runtime.gateway")
        logger.handlers, logger.propagate = [_Handler(self._say)], False
        logger.setLevel(logging.INFO)
        kept_by = (lambda: None) if config.gateway.trust_clock else kernel_synchronised
        self._clocks = Clocks(synchronised=kept_by, on_step=self._stepped)
        self._hang_up = threading.Event()
        self._next_look_s = time.monotonic() + config.gateway.reload_s
        self._outboxes: list[Outbox] = []

    def run(self) -> int:
        """Runs the gateway.

        Raises:
            KadError: It cannot start.
        """
        config, say = self._config, self._say
        models = load_models(config)
        said_of(models, say, self._families)
        self._clocks.hold(_longest_gap_s(models))
        with ExitStack() as stack:
            kept = Kept.open(config.gateway.state, config.journal, journal=config.is_durable)
            stack.callback(kept.close)
            self._memory = Memory(config.gateway.state, say)
            sources, sinks = _joined(
                self._sources(),
                open_sinks(config, lambda name, what: self._outbox(name, what, stack)),
            )
            self._gateway = Gateway(
                Setup(
                    options=config.gateway,
                    journal=config.journal,
                    settings=models.settings,
                    detectors=models.detectors,
                    files={model.key: model.file for model in config.models},
                    choices=models.choices,
                    pasts={
                        m.key: str(config.folder / m.history) for m in config.models if m.history
                    },
                    budgets={m.key: m.false_alarms for m in config.models if m.false_alarms},
                    sources=sources,
                    sinks=sinks,
                    is_durable=config.is_durable,
                    may_repeat=not self._memory.before.ended,
                ),
                kept,
                say=say,
                families=self._families,
                clocks=self._clocks,
                notifier=self._notifier,
            )
            self._changes = Changes(
                config,
                self._gateway,
                memory=self._memory,
                anew=self._begin_anew,
                notifier=self._notifier,
                families=self._families,
                say=say,
            )
            self._commander = Commander(
                folder=config.gateway.state if config.commands.folder else None,
                client=self._command_client(),
                controls=self._gateway.controls,
                swap=self._changes.swap,
                clock_is_set=lambda: not self._clocks.trouble,
                say=say,
            )
            stack.callback(self._commander.close)
            self._gateway.on_answers = self._commander.answer
            self._gateway.every_second = self._every_second
            self._serve(stack)
            self._handle_signals(stack)
            self._memory.begin()
            code = self._gateway.run()
            if self._gateway.is_kept:
                self._memory.end()
            return code

    def _sources(self) -> list[tuple[Source, PayloadOptions]]:
        """Opens the sources, and keeps what they ask for, for the next life."""
        before = self._memory.before
        sources = open_sources(self._config, before.filters, before.sessions)
        self._owned = [one for one, _ in sources if isinstance(one, OwnedSource)]
        self._sessions_lost = {one.name: 0 for one in self._owned}
        self._memory.sources(
            {one.name: one.filters for one in self._owned},
            {one.name: one.session for one in self._owned},
        )
        return sources

    def _look_at_sessions(self) -> None:
        """Takes note of sessions at brokers, and says which were lost."""
        for source in self._owned:
            if source.session is not None and source.is_ready:
                self._memory.session(source.name, source.session)
            lost = source.sessions_lost
            if lost > self._sessions_lost[source.name]:
                self._families.sessions_lost.of(source.name).inc(
                    lost - self._sessions_lost[source.name]
                )
                self._sessions_lost[source.name] = lost
                text = (
                    f"The broker of {source.name} had forgotten the session: what it had kept for "
                    "this gateway is lost."
                )
                self._say.error("hole", text)
                self._gateway.controls.note("hole", text)

    def _outbox(self, name: str, what: Literal["lasting", "scores"], stack: ExitStack) -> Outbox:
        # Half of the bound for each: scores never drive events out.
        box = Outbox.open(
            self._config.gateway.state / _OUTBOXES[what] / name,
            max_bytes=self._config.journal.outbox_mb * 2**20 // 2,
            full="drop-oldest",
        )
        stack.callback(box.close)
        self._outboxes.append(box)
        self._families.outbox_bytes.ask(lambda: float(sum(box.bytes for box in self._outboxes)))
        return box

    def _command_client(self) -> Client | None:
        options = self._config.commands
        if not options.topic:
            return None
        broker = self._config.broker(options.broker, suffix="-commands")
        client = make_client(broker, subscriptions=[Subscription(options.topic)])
        client.connect()
        return client

    def _every_second(self) -> None:
        self._commander.look()
        self._look_at_sessions()
        now = time.monotonic()
        is_due = self._config.gateway.reload_s and now >= self._next_look_s
        if is_due:
            self._next_look_s = now + self._config.gateway.reload_s
        if self._hang_up.is_set():
            self._hang_up.clear()
            self._changes.reload()
        elif is_due:
            self._changes.look()

    def _begin_anew(self, config: Config) -> None:
        self.next = config
        self._gateway.stop()

    def _serve(self, stack: ExitStack) -> None:
        http = self._config.http
        if not http.enabled:
            return
        token = ""
        if http.token_file is not None:
            try:
                token = (self._config.folder / http.token_file).read_text().strip()
            except OSError as error:
                raise ConfigError(
                    f"`token_file` in [http] must be a file. Received: {error.strerror}."
                ) from error
        server = Server(
            Answers(
                _Status(self._gateway, self._commander),
                self._registry,
                token=token,
                hosts=http.hosts,
            ),
            host=http.host,
            port=http.port,
            allow_remote=http.allow_remote,
            on_error=lambda error: self._say.error("http", f"{type(error).__name__}: {error}"),
            on_status=lambda status: self._families.http_requests.of(str(status)).inc(),
        )
        server.start()
        stack.callback(server.close)
        self._say.info("http", "Metrics, probes and the page are served.", url=server.url)

    def _handle_signals(self, stack: ExitStack) -> None:
        if threading.current_thread() is not threading.main_thread():
            return

        def stop(_number: int, _frame: FrameType | None) -> None:
            self._gateway.stop()

        def hang_up(_number: int, _frame: FrameType | None) -> None:
            self._hang_up.set()

        for number, handler in (
            (signal.SIGTERM, stop),
            (signal.SIGINT, stop),
            (getattr(signal, "SIGHUP", None), hang_up),
        ):
            if number is not None:
                before = signal.signal(number, handler)
                stack.callback(signal.signal, number, before)

    def _stepped(self, seconds: float) -> None:
        self._families.clock_steps.inc()
        self._say.warning("clock", "The wall clock was set.", seconds=seconds)


class _Handler(logging.Handler):
    """Brings what the clients log into the process's log."""

    def __init__(self, say: Log) -> None:
        super().__init__()
        self._said = say

    def emit(self, record: logging.LogRecord) -> None:
        level: Level = "error" if record.levelno >= logging.ERROR else "warning"
        if record.levelno < logging.WARNING:
            level = "info"
        kind = record.name.rpartition(".")[2]
        self._said.say(level, kind, record.getMessage())


class _Status:
    """What the HTTP server asks; see `Status`."""

    def __init__(self, gateway: Gateway, commander: Commander) -> None:
        self._gateway, self._commander = gateway, commander

    def healthy(self) -> Sequence[str]:
        return self._gateway.healthy()

    def ready(self) -> Sequence[str]:
        return self._gateway.ready()

    def overview(self) -> Overview:
        return self._gateway.overview()

    def history(self, stream: str) -> StreamHistory | None:
        return self._gateway.history(stream)

    def mute(self, stream: str, channel: str | None, until_ns: int | None, origin: str) -> None:
        self._commander.mute(stream, channel, until_ns, origin)


def _longest_gap_s(models: LoadedModels) -> float:
    """Returns the longest gap that a stream of any model goes on behind, seconds."""
    gaps = [
        detector.metadata.period_s * (detector.metadata.max_gap_steps if own is None else own)
        for key, detector in models.detectors.items()
        for own in [models.settings.models[key].max_gap]
    ]
    return max(gaps, default=0.0)


def _secrets(config: Config) -> list[str]:
    """Returns what no line of the log may contain."""
    found = []
    for name in config.brokers:
        password = config.broker(name).credentials().password
        if password:
            found.append(password.decode(errors="replace"))
    return found


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
