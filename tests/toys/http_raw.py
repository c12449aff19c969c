"""HTTP as bytes on a socket, right or wrong: what a client library would not send."""

import socket


def exchange(port, data, *, host="127.0.0.1", timeout=5.0):
    """Sends bytes and returns all that comes back; empty where the connection was cut."""
    with socket.create_connection((host, port), timeout=timeout) as connection:
        try:
            connection.sendall(data)
            return read_all(connection)
        except ConnectionError:
            return b""


def read_all(connection):
    """Reads to the end."""
    parts = []
    while part := connection.recv(65_536):
        parts.append(part)
    return b"".join(parts)


def request(method="GET", target="/", body=b"", **headers):
    """Bytes of a request; `_` of a header's name is `-`, None leaves it out."""
    said = {"Host": "127.0.0.1", **headers}
    if body:
        said.setdefault("Content-Length", str(len(body)))
    lines = [f"{method} {target} HTTP/1.1"]
    lines += [f"{k.replace('_', '-')}: {v}" for k, v in said.items() if v is not None]
    return "\r\n".join([*lines, "", ""]).encode() + body


def ask(port, method="GET", target="/", body=b"", **headers):
    """Returns status, headers by lower-case name and body of an answer."""
    head, _, content = exchange(port, request(method, target, body, **headers)).partition(
        b"\r\n\r\n"
    )
    first, *lines = head.decode("latin-1").split("\r\n")
    named = dict(line.split(": ", 1) for line in lines)
    return int(first.split(" ")[1]), {k.lower(): v for k, v in named.items()}, content
