"""What the server answers: probes, metrics, data, mutes, and who may ask."""

import gzip
import json

import pytest

from runtime.errors import ConfigError
from runtime.gateway.operate.http import Answers
from runtime.gateway.operate.metrics import Registry
from runtime.gateway.operate.server import Server
from runtime.gateway.operate.status import FOREVER
from toys.http_raw import ask, exchange
from toys.operated import Operated

TOKEN = "0123456789abcdef"  # noqa: S105


@pytest.fixture(scope="module")
def operated():
    return Operated(3)


@pytest.fixture(scope="module")
def registry():
    made = Registry()
    made.gauge("kad_lag_seconds", "Behind.").of().set(0.5)
    return made


def serving(operated, registry, **more):
    server = Server(Answers(operated, registry, **more))
    server.start()
    return server


@pytest.fixture(scope="module")
def port(operated, registry):
    server = serving(operated, registry, token=TOKEN, hosts=["Gateway.plant"])
    yield server.port
    server.close()


def mute(port, said, token=TOKEN, **headers):
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    headers = {"Content_Type": "application/json", "Authorization": f"Bearer {token}"} | headers
    return ask(port, "POST", "/api/mute", body, **headers)


class TestProbes:
    def test_alive(self, port, operated):
        """200 while all go on; 503 with whom stands still."""
        assert json.loads(ask(port, target="/healthz")[2]) == {"healthy": True, "reasons": []}
        operated.standing = ["The scorer has made no progress for 34 s."]
        operated.troubles = ["x"]
        status, _, body = ask(port, target="/healthz")
        assert (status, json.loads(body)["reasons"]) == (503, operated.standing)
        operated.standing = []
        assert ask(port, target="/healthz")[0] == 200
        operated.troubles = []

    def test_ready(self, port, operated):
        """503 with all reasons, and 200 when they are gone."""
        operated.troubles = ["The broker is away.", "The journal is being replayed."]
        status, headers, body = ask(port, target="/readyz")
        assert (status, json.loads(body)) == (503, {"ready": False, "reasons": operated.troubles})
        assert headers["cache-control"] == "no-store"
        operated.troubles = []
        assert ask(port, target="/readyz")[0] == 200

    def test_metrics(self, port, registry):
        """Prometheus text, with its type."""
        status, headers, body = ask(port, target="/metrics")
        assert (status, body) == (200, registry.render())
        assert headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"


class TestData:
    def test_streams(self, port):
        """JSON without NaN; packed where the other side takes that."""
        _, headers, body = ask(port, target="/api/streams")
        said = json.loads(body, parse_constant=pytest.fail)
        assert sorted(stream["name"] for stream in said["streams"]) == [
            "line 1/pump 01", "line 1/pump 02", "line 1/pump 03",
        ]  # fmt: skip
        assert said["writable"] is True
        assert headers["content-type"] == "application/json"
        _, headers, packed = ask(port, Accept_Encoding="gzip, br")
        assert headers["content-encoding"] == "gzip"
        assert gzip.decompress(packed) == ask(port)[2]

    @pytest.mark.parametrize("target", ["line%201/pump%2001", "line%201%2Fpump%2001"])
    def test_a_stream(self, port, target):
        """By its name, a slash as it is or encoded."""
        status, _, body = ask(port, target=f"/api/stream/{target}")
        said = json.loads(body)
        assert status == 200
        assert said["threshold"] == 3.0
        assert len(said["high"]) == len(said["low"]) <= 121
        assert said["channels"][0] == "flow"

    def test_several(self, port):
        """Those that are not there are left out."""
        target = "/api/histories?stream=line%201/pump%2001&stream=none"
        assert list(json.loads(ask(port, target=target)[2])) == ["line 1/pump 01"]
        assert ask(port, target="/api/histories?" + "stream=a&" * 101)[0] == 400

    def test_a_stream_that_is_not_there(self, port):
        """404, and the name is shown."""
        status, _, body = ask(port, target="/api/stream/p%0A9")
        assert status == 404
        assert b"'p\\n9'" in body


class TestWhoMayAsk:
    @pytest.mark.parametrize(
        "host",
        ["127.0.0.1", "127.0.0.1:99", "LOCALHOST:1", "[::1]:80", "10.1.2.3", "gateway.PLANT:80",
         "localhost."],
    )  # fmt: skip
    def test_known_hosts(self, port, host):
        """Addresses, localhost and configured names, with any port: of a tunnel, too."""
        assert ask(port, target="/healthz", Host=host)[0] == 200

    @pytest.mark.parametrize(
        "host",
        ["evil.org", "127.0.0.1.evil.org:80", "", "localhost@evil.org", "127.0.0.1, evil.org"],
    )
    def test_strange_hosts(self, port, host):
        """A page of a stranger under a name of his own."""
        status, _, body = ask(port, target="/api/streams", Host=host)
        assert status == 421
        assert b"Add the name to `hosts`" in body

    def test_a_probe_without_a_host(self, port):
        """Load balancers send none; browsers always do."""
        assert exchange(port, b"GET /healthz HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200 ")

    def test_methods(self, port):
        """HEAD has GET's headers and no body; others are told what is allowed."""
        for target in ("/", "/metrics", "/api/streams", "/healthz"):
            status, headers, body = ask(port, "HEAD", target)
            assert (status, body) == (200, b"")
            assert int(headers["content-length"]) > 0
            status, headers, _ = ask(port, "DELETE", target)
            assert (status, headers["allow"]) == (405, "GET, HEAD")
        status, headers, _ = ask(port, "GET", "/api/mute")
        assert (status, headers["allow"]) == (405, "POST")
        assert ask(port, "OPTIONS", "/api/mute")[0] == 405

    @pytest.mark.parametrize(
        "target",
        ["/nothing", "/../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//", "/page.js", "/api",
         "/healthz/"],
    )  # fmt: skip
    def test_nothing_else_is_there(self, port, target):
        """No file of this machine, however it is written."""
        assert ask(port, target=target)[0] == 404

    def test_headers_of_the_page(self, port):
        """No script but its own, in no frame, nothing from elsewhere."""
        status, headers, body = ask(port)
        assert status == 200
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert "unsafe" not in policy
        assert headers["x-frame-options"] == "DENY"
        assert body.startswith(b"<!doctype html>")


class TestMute:
    def test_a_stream_and_a_channel(self, port, operated):
        """Stream, channel, end and origin reach the pipeline."""
        name = operated.names[0]
        operated.mutes.clear()
        for said in (
            {"stream": name, "until": 1_772_400_000_000},
            {"stream": name, "channel": "flow", "until": -1},
            {"stream": name, "channel": None, "until": None},
        ):
            status, _, body = mute(port, said)
            assert (status, json.loads(body)) == (200, {"ok": True})
        assert operated.mutes == [
            (name, None, 1_772_400_000_000_000_000, "page"),
            (name, "flow", FOREVER, "page"),
            (name, None, None, "page"),
        ]

    def test_is_seen_at_once(self, port, operated):
        """The next answer knows of it."""
        name = operated.names[1]
        mute(port, {"stream": name, "until": -1})
        streams = json.loads(ask(port, target="/api/streams")[2])["streams"]
        assert [s.get("muted") for s in streams if s["name"] == name] == [-1]
        mute(port, {"stream": name, "until": None})
        streams = json.loads(ask(port, target="/api/streams")[2])["streams"]
        assert [s.get("muted") for s in streams if s["name"] == name] == [None]

    @pytest.mark.parametrize(
        "said",
        [b"", b"{", b"\xff", b"[]", b"[" * 9000, {"stream": "a"}, {"until": 1},
         {"stream": 1, "until": 1},
         {"stream": "", "until": 1}, {"stream": "a", "until": "1"}, {"stream": "a", "until": True},
         {"stream": "a", "until": -2}, {"stream": "a", "until": 0}, {"stream": "a", "until": 1e300},
         b'{"stream":"a","until":NaN}', b'{"stream":"a","until":Infinity}',
         {"stream": "a", "until": 1, "channel": 3}, {"stream": "a", "until": 1, "more": 1}],
    )  # fmt: skip
    def test_no_mute(self, port, operated, said):
        """What is none changes nothing."""
        before = list(operated.mutes)
        assert mute(port, said)[0] == 400
        assert operated.mutes == before

    def test_a_stream_that_is_not_there(self, port):
        """The pipeline's own words."""
        status, _, body = mute(port, {"stream": "none", "until": -1})
        assert (status, body) == (409, b"A stream must be known. Received: 'none'. See the list.\n")

    @pytest.mark.parametrize(
        "said",
        [None, "Bearer", "Bearer " + TOKEN[:-1], "Basic " + TOKEN, TOKEN, "Bearer \xe9\xff"],
    )
    def test_a_wrong_token(self, port, operated, said):
        """401, and nothing is muted."""
        before = list(operated.mutes)
        mute_all = {"stream": operated.names[0], "until": -1}
        status, answered, _ = mute(port, mute_all, Authorization=said)
        assert (status, answered["www-authenticate"]) == (401, "Bearer")
        assert operated.mutes == before

    def test_a_form_of_another_page(self, port):
        """Only JSON, which a form of a stranger cannot send."""
        assert mute(port, b"{}", Content_Type="text/plain")[0] == 415
        assert mute(port, b"{}", Content_Type="application/x-www-form-urlencoded")[0] == 415

    def test_read_only_without_a_token(self, operated, registry):
        """Nobody can mute, whatever is brought, and the page knows."""
        server = serving(operated, registry)
        assert mute(server.port, {"stream": operated.names[0], "until": -1}, token="")[0] == 403
        assert json.loads(ask(server.port, target="/api/streams")[2])["writable"] is False
        server.close()

    @pytest.mark.parametrize(
        "token", ["short", "with blanks in it, long", "é" * 20, "a" * 16 + "\n"]
    )
    def test_tokens_that_are_none(self, operated, registry, token):
        """Too short, or not what a header can carry; the error does not say it."""
        with pytest.raises(ConfigError, match="openssl rand") as error:
            Answers(operated, registry, token=token)
        assert token.strip() not in str(error.value)


def test_old_clients(port):
    """HTTP/1.0 with a Host, as probes of load balancers send it."""
    answer = exchange(port, b"GET /healthz HTTP/1.0\nHost: localhost\n\n")
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
