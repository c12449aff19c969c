"""The server on real sockets: bounds, slow clients, rubbish, ends."""

import random
import socket
import threading
import time
from contextlib import suppress

import pytest

from runtime.errors import ConfigError
from runtime.gateway.operate.request import Response
from runtime.gateway.operate.server import Server, is_loopback
from toys.http_raw import ask, exchange, read_all, request


def echo(asked):
    if asked.path == ("fails",):
        raise ZeroDivisionError("inside")
    size = int(asked.query.get("size", ["0"])[0])
    return Response(body=asked.body + b"x" * size, type="text/plain")


@pytest.fixture
def errors():
    return []


@pytest.fixture
def server(errors):
    made = Server(echo, timeout_s=0.6, on_error=errors.append)
    made.start()
    yield made
    made.close()
    assert not any(thread.name == "kad-http" for thread in threading.enumerate())


def test_answers(server):
    """A body there and back; the address that was given."""
    status, headers, body = ask(server.port, "POST", body=b"hello")
    assert (status, body, headers["content-length"]) == (200, b"hello", "5")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["connection"] == "close"
    assert server.url == f"http://127.0.0.1:{server.port}/"


def test_a_large_answer_arrives_whole(server):
    """More than any buffer of a socket."""
    _, headers, body = ask(server.port, target="/?size=8000000")
    assert len(body) == int(headers["content-length"]) == 8_000_000


def test_an_error_of_ours_is_one_answer(server, errors):
    """500 without a word of the inside; the next request is answered."""
    status, _, body = ask(server.port, target="/fails")
    assert status == 500
    assert b"inside" not in body
    assert [type(error) for error in errors] == [ZeroDivisionError]
    assert ask(server.port)[0] == 200


def test_an_error_of_who_counts_ends_nothing():
    """A callback that fails cuts one connection; the server goes on."""
    counts = iter([ZeroDivisionError])
    errors = []

    def count(_status):
        for kind in counts:
            raise kind

    made = Server(echo, on_status=count, on_error=errors.append)
    made.start()
    assert exchange(made.port, request()) == b""
    assert ask(made.port)[0] == 200
    assert [type(error) for error in errors] == [ZeroDivisionError]
    made.close()


def test_ipv6():
    """The loopback address of IPv6, where there is one."""
    try:
        made = Server(echo, host="::1")
    except ConfigError:
        pytest.skip("no IPv6 here")
    made.start()
    assert made.url == f"http://[::1]:{made.port}/"
    assert exchange(made.port, request(Host="[::1]"), host="::1").startswith(b"HTTP/1.1 200 ")
    made.close()


def test_a_body_that_is_too_long_hears_why(server):
    """The answer arrives although its sender goes on sending."""
    data = request("POST", Content_Length="1000000") + b"x" * 200_000
    assert exchange(server.port, data).startswith(b"HTTP/1.1 413 ")


def test_slow_clients_hold_up_nobody(server):
    """100 clients that send a byte now and then: others are answered, and they are cut off."""
    slow = [socket.create_connection(("127.0.0.1", server.port), timeout=5) for _ in range(100)]
    try:
        for connection in slow[-50:]:
            connection.sendall(b"GET / HT")
        start = time.monotonic()
        assert ask(server.port)[0] == 200
        assert time.monotonic() - start < 0.5
        assert slow[0].recv(100) == b""
        assert read_all(slow[-1]).startswith(b"HTTP/1.1 408 ")
        assert time.monotonic() - start < 4
    finally:
        for connection in slow:
            connection.close()


def test_a_client_that_does_not_read_is_cut_off(server):
    """An answer that nobody takes does not stay in memory."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        connection.sendall(request(target="/?size=30000000"))
        deadline = time.monotonic() + 5
        while server._open and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not server._open
    assert ask(server.port)[0] == 200


def test_rubbish(server):
    """Bytes at random, requests with bytes changed, cut and doubled: it answers the next one."""
    dice = random.Random(5)  # noqa: S311
    whole = request("POST", "/a?b=c", b"body", X="1")
    for number in range(300):
        data = bytearray(whole if number % 3 else dice.randbytes(dice.randrange(1, 3000)))
        for _ in range(dice.randrange(4)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        data = data[: dice.randrange(1, len(data) + 1)] * dice.choice([1, 1, 2])
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
            connection.sendall(data)
            if dice.random() < 0.7:
                connection.shutdown(socket.SHUT_WR)
                answer = b""
                with suppress(ConnectionError):
                    answer = read_all(connection)
                assert answer == b"" or answer.startswith(b"HTTP/1.1 ")
    assert ask(server.port)[0] == 200


def test_many_at_once(server):
    """Clients of several threads."""
    found = []
    threads = [
        threading.Thread(target=lambda: found.extend(ask(server.port)[0] for _ in range(20)))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [200] * 120


def test_ends_at_once_and_twice(server):
    """With a client in the middle of its request; the port is free again."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(b"GET /")
        start = time.monotonic()
        server.close()
        server.close()
        assert time.monotonic() - start < 1
    again = Server(echo, port=server.port)
    again.start()
    assert ask(again.port)[0] == 200
    again.close()


def test_never_started():
    """It closes, and the port is free."""
    made = Server(echo)
    made.close()
    Server(echo, port=made.port).close()


def test_a_taken_port():
    """Said in one line, before anything runs."""
    first = Server(echo)
    with pytest.raises(ConfigError, match="which another program has. Name another port"):
        Server(echo, port=first.port)
    first.close()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.0.2.1", "example.org"])  # noqa: S104
def test_only_this_machine(host):
    """Others must be let in on purpose."""
    with pytest.raises(ConfigError, match="allow_remote = true"):
        Server(echo, host=host)


def test_remote_where_it_is_allowed():
    """On purpose it listens everywhere."""
    made = Server(echo, host="0.0.0.0", allow_remote=True)  # noqa: S104
    made.start()
    assert ask(made.port)[0] == 200
    made.close()


@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", 70_000), ("127.0.0.1", -1)])
def test_no_port(host, port):
    """A number that is no port."""
    with pytest.raises(ConfigError, match="port"):
        Server(echo, host=host, port=port)


def test_loopback():
    """What is of this machine alone."""
    assert [is_loopback(host) for host in ("127.8.9.1", "::1", "localhost")] == [True] * 3
    assert [is_loopback(host) for host in ("10.0.0.1", "localhost.evil.org", "", "::")] == [
        False
    ] * 4
