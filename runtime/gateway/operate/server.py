"""The sockets of the HTTP server: one thread for all of them, and nobody can hold it up."""

import errno
import ipaddress
import selectors
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from runtime.errors import ConfigError, shown
from runtime.gateway.operate.request import (
    MOST_BODY,
    MOST_HEAD,
    HttpError,
    Request,
    Response,
    parse,
)

__all__ = ["Server", "is_loopback"]

_MOST_OPEN = 64
_MOST_ACCEPTED = 16
_READ = 65_536
_HIGHEST_PORT = 65_535
_NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


def is_loopback(host: str) -> bool:
    """Returns whether an address is one of this machine alone; a name is looked up by no one."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(slots=True, eq=False)
class _Connection:
    socket: socket.socket
    until: float
    """When it is closed, whatever it does."""
    received: bytearray = field(default_factory=bytearray)
    to_send: memoryview | None = None
    drains: bool = False
    """All is sent: what still comes is thrown away until the other side closes."""


class Server:
    """Answers requests, one a connection, from one thread.

    A connection has `timeout_s` to send its request and again to take its answer, whatever its
    rate. Of more than 64 at once the one that was opened first is closed.

    Args:
        answer: Makes the answer to a request; an error of its own becomes status 500.
        host: Address to listen on; port 0 takes a free one.
        port: TCP port.
        allow_remote: Whether `host` may be an address that other machines reach.
        timeout_s: See above.
        on_error: Is told the errors of `answer`.
        on_status: Is told the status of each answer.

    Raises:
        ConfigError: The address is not of this machine alone, or cannot be had.
    """

    def __init__(
        self,
        answer: Callable[[Request], Response],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        allow_remote: bool = False,
        timeout_s: float = 5.0,
        on_error: Callable[[Exception], None] = lambda _error: None,
        on_status: Callable[[int], None] = lambda _status: None,
    ) -> None:
        self._answer = answer
        self._timeout_s = timeout_s
        self._on_error = on_error
        self._on_status = on_status
        self._listener = _listen(host, port, allow_remote=allow_remote)
        self._waker, self._woken = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        self._open: dict[_Connection, None] = {}
        self._ending = False
        self._thread = threading.Thread(target=self._run, name="kad-http", daemon=True)
        self.port: int = self._listener.getsockname()[1]
        """TCP port that it listens on."""
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{self.port}/"
        """Where the page is."""

    def start(self) -> None:
        """Begins to answer, in a thread of its own."""
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._thread.start()

    def close(self) -> None:
        """Closes all connections and the port; at once, and as often as one likes."""
        self._ending = True
        with suppress(OSError):
            self._waker.send(b"\0")
        if self._thread.is_alive():
            self._thread.join()
        for connection in list(self._open):
            self._drop(connection)
        for part in (self._listener, self._waker, self._woken):
            part.close()
        self._selector.close()

    def _run(self) -> None:
        while not self._ending:
            try:
                self._turn()
            except Exception as error:  # noqa: BLE001 - whoever is connected pays, the next do not
                for connection in list(self._open):
                    self._drop(connection)
                with suppress(Exception):
                    self._on_error(error)

    def _turn(self) -> None:
        now = time.monotonic()
        waits = min((c.until for c in self._open), default=now + 60.0) - now
        for key, events in self._selector.select(max(waits, 0.0)):
            if key.fileobj is self._listener:
                self._accept()
            elif isinstance(key.data, _Connection) and key.data in self._open:
                self._serve(key.data, events)
        now = time.monotonic()
        for connection in [c for c in self._open if c.until <= now]:
            self._late(connection)

    def _accept(self) -> None:
        for _ in range(_MOST_ACCEPTED):
            try:
                opened, _address = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _NO_ROOM:
                    self._make_room()
                return
            opened.settimeout(0.0)
            if len(self._open) >= _MOST_OPEN:
                self._drop(next(iter(self._open)))
            connection = _Connection(opened, time.monotonic() + self._timeout_s)
            self._open[connection] = None
            self._selector.register(opened, selectors.EVENT_READ, connection)

    def _make_room(self) -> None:
        """Gives back a descriptor where the process has none left, and does not turn in circles."""
        if self._open:
            self._drop(next(iter(self._open)))
        else:
            time.sleep(0.05)

    def _serve(self, connection: _Connection, events: int) -> None:
        try:
            if events & selectors.EVENT_READ:
                self._receive(connection)
            elif events & selectors.EVENT_WRITE:
                self._send(connection)
        except BlockingIOError:
            return
        except OSError:
            self._drop(connection)

    def _receive(self, connection: _Connection) -> None:
        data = connection.socket.recv(_READ)
        if not data:
            self._drop(connection)
            return
        if connection.drains:
            return
        connection.received += data
        try:
            request = parse(bytes(connection.received))
        except HttpError as error:
            self._reply(connection, _refusal(error))
            return
        if request is not None:
            response = self._respond(request)
            head, packed = request.method == "HEAD", request.takes_gzip
            self._reply(connection, response, head=head, packed=packed)
        elif len(connection.received) > MOST_HEAD + MOST_BODY:
            self._drop(connection)

    def _respond(self, request: Request) -> Response:
        try:
            return self._answer(request)
        except HttpError as error:
            return _refusal(error)
        except Exception as error:  # noqa: BLE001 - one answer fails, the next ones do not
            self._on_error(error)
            return _refusal(HttpError(500, "This answer could not be made; the log says why."))

    def _reply(
        self,
        connection: _Connection,
        response: Response,
        *,
        head: bool = False,
        packed: bool = False,
    ) -> None:
        self._on_status(response.status)
        connection.received.clear()
        connection.to_send = memoryview(response.encode(head=head, packed=packed))
        connection.until = time.monotonic() + self._timeout_s
        self._selector.modify(connection.socket, selectors.EVENT_WRITE, connection)
        self._send(connection)

    def _send(self, connection: _Connection) -> None:
        if connection.to_send is None:
            return
        sent = connection.socket.send(connection.to_send)
        connection.to_send = connection.to_send[sent:]
        if not connection.to_send:
            # Closing now, with bytes unread, would reset the connection and the answer with it.
            connection.drains = True
            connection.socket.shutdown(socket.SHUT_WR)
            connection.until = min(connection.until, time.monotonic() + 1.0)
            self._selector.modify(connection.socket, selectors.EVENT_READ, connection)

    def _late(self, connection: _Connection) -> None:
        if connection.to_send is None and connection.received:
            with suppress(OSError):
                late = HttpError(408, f"A request must be whole within {self._timeout_s:g} s.")
                self._reply(connection, _refusal(late))
                return
        self._drop(connection)

    def _drop(self, connection: _Connection) -> None:
        self._open.pop(connection, None)
        with suppress(KeyError, ValueError, OSError):
            self._selector.unregister(connection.socket)
        connection.socket.close()


def _refusal(error: HttpError) -> Response:
    return Response(
        status=error.status,
        body=f"{error}\n".encode("utf-8", "backslashreplace"),
        type="text/plain; charset=utf-8",
        headers=error.headers,
    )


def _listen(host: str, port: int, *, allow_remote: bool) -> socket.socket:
    if not allow_remote and not is_loopback(host):
        raise ConfigError(
            "The page must listen on this machine alone, such as 127.0.0.1. "
            f"Received: {shown(host)}. Write allow_remote = true if others may see it."
        )
    try:
        if not 0 <= port <= _HIGHEST_PORT:  # getaddrinfo takes what is left of 70,000
            raise OverflowError("no port")  # noqa: TRY301 - the same answer as the system's
        found = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE | socket.AI_NUMERICSERV
        )
        family, kind, protocol, _, address = found[0]
        listener = socket.socket(family, kind, protocol)
    except (OSError, OverflowError, UnicodeError) as error:
        raise ConfigError(
            f"The page's host and port must be an address. Received: {shown(f'{host}:{port}')} "
            f"({error}). Write for example host = '127.0.0.1' and port = 8008."
        ) from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
        listener.settimeout(0.0)
    except (OSError, OverflowError) as error:
        listener.close()
        taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        raise ConfigError(
            f"The page's address must be free. Received: {host}:{port}, "
            f"{'which another program has' if taken else error}. "
            "Name another port, or 0 for any."
        ) from error
    return listener
