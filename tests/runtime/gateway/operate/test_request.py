"""Requests from bytes: what is taken, what is refused, and that cuts change nothing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.gateway.operate.request import (
    MOST_BODY,
    MOST_HEAD,
    HttpError,
    Request,
    Response,
    parse,
)
from toys.http_raw import request

WHOLE = request("POST", "/api/stream/a%2Fb/%C3%A9?x=1&x=%26", b"body", X_One="1", Accept="a")


def test_a_whole_one():
    """Segments are decoded one by one, header names are in lower case."""
    assert parse(WHOLE + b"more") == Request(
        method="POST",
        path=("api", "stream", "a/b", "é"),
        query={"x": ["1", "&"]},
        headers={"host": "127.0.0.1", "x-one": "1", "accept": "a", "content-length": "4"},
        body=b"body",
    )


def test_every_cut_waits_for_the_rest():
    """A part of a request is no request, and no error."""
    assert [parse(WHOLE[:size]) for size in range(len(WHOLE))] == [None] * len(WHOLE)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET /\r\n\r\n", 400),
        (b"GET  / HTTP/1.1\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\n\n", 400),  # TLS to a port without it
        (b"GET http://evil/ HTTP/1.1\r\n\r\n", 400),
        (b"GET /%ff HTTP/1.1\r\n\r\n", 400),
        (b"GET /?x=%ff HTTP/1.1\r\n\r\n", 400),
        (b"GET /\xc3\xa9 HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\n\r\n", 505),
        (request(**{"Bad Name": "x"}), 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (request("POST", Content_Length="-1"), 400),
        (request("POST", Content_Length="1e3"), 400),
        (request("POST", Content_Length="4, 4"), 400),
        (request("POST", Content_Length=str(MOST_BODY + 1)), 413),
        (request("POST", Transfer_Encoding="chunked"), 501),
        (b"GET /" + b"a" * MOST_HEAD, 414),
        (request(X="a" * MOST_HEAD), 431),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * MOST_HEAD, 431),
        (request(**{f"X{i}": "1" for i in range(100)}), 431),
        (request(target="/?" + "&".join(["a=1"] * 300)), 400),
    ],
)
def test_refused(data, status):
    """What is no request, or too long, by its status."""
    with pytest.raises(HttpError) as error:
        parse(data)
    assert error.value.status == status


@settings(deadline=None)
@given(st.binary(max_size=200), st.integers(0, 200))
def test_any_bytes(data, place):
    """Bytes in the middle of a request: an answer, a wait or a refusal, and nothing else."""
    try:
        found = parse(WHOLE[:place] + data + WHOLE[place:])
    except HttpError as error:
        found = error.status
    assert found is None or isinstance(found, Request) or found in {400, 413, 414, 431, 501, 505}


@pytest.mark.parametrize(
    ("said", "takes"),
    [("gzip, br", True), ("br,GZIP;q=0.5", True), ("gzip;q=0", False), ("gzip; q=0.00, br", False),
     ("xgzip", False), ("", False)],
)  # fmt: skip
def test_who_takes_gzip(said, takes):
    """As asked for; not where it is refused."""
    assert parse(request(Accept_Encoding=said)).takes_gzip is takes


def test_an_answer():
    """HEAD has the headers of GET; gzip only where it is taken and pays."""
    whole = Response(body=b"x" * 5000, type="text/plain").encode()
    head = Response(body=b"x" * 5000, type="text/plain").encode(head=True)
    assert whole == head + b"x" * 5000
    assert b"Content-Length: 5000\r\n" in head
    packed = Response(body=b"x" * 5000).encode(packed=True)
    assert b"Content-Encoding: gzip" in packed
    assert len(packed) < 700
    assert b"gzip" not in Response(body=b"x").encode(packed=True)
