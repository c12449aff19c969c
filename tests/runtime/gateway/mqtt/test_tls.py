"""TLS: a certificate of our own making, one that is not trusted, one of the client's."""

import shutil
import subprocess

import pytest

from runtime.gateway.mqtt.options import TLSOptions
from toys.broker import Broker
from toys.clients import gather, numbered, numbers, until, up

# paho-mqtt leaves the socket of a handshake that failed to the garbage collector.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning"
)


def _openssl(*args):
    subprocess.run(["openssl", *args], check=True, timeout=60, capture_output=True)


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """An authority of our own, and certificates that it signed for a broker and a client."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    folder = tmp_path_factory.mktemp("keys")

    def path(name):
        return str(folder / name)

    new = ["req", "-newkey", "rsa:2048", "-nodes"]
    _openssl(*new, "-x509", "-days", "2", "-subj", "/CN=kad test authority",
             "-keyout", path("ca.key"), "-out", path("ca.pem"))  # fmt: skip
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    for name in ("broker", "client"):
        _openssl(*new, "-subj", f"/CN={name}", "-keyout", path(f"{name}.key"),
                 "-out", path(f"{name}.csr"))  # fmt: skip
        _openssl("x509", "-req", "-days", "2", "-in", path(f"{name}.csr"), "-CA", path("ca.pem"),
                 "-CAkey", path("ca.key"), "-CAcreateserial", "-extfile", path("names"),
                 "-out", path(f"{name}.pem"))  # fmt: skip
    return folder


def _broker(tmp_path, keys, *more):
    folder = tmp_path / "broker"
    folder.mkdir()
    listener = [f"certfile {keys}/broker.pem", f"keyfile {keys}/broker.key", *more]
    return Broker(folder, listener=listener)


def test_messages_over_tls(opened, tmp_path, keys):
    """More than a record holds, in order, both ways."""
    with _broker(tmp_path, keys) as broker:
        client = opened(broker, "x/#", tls=TLSOptions(ca_file=keys / "ca.pem"))
        up(client)
        count = 2_000
        assert client.publish(numbered(0, count)) == count
        assert numbers(gather(client, count)) == list(range(count))
        until(lambda: client.published == count)


def test_a_certificate_that_nobody_trusts(opened, tmp_path, keys):
    """Refused, in words; taken only where somebody says so."""
    with _broker(tmp_path, keys) as broker:
        client = opened(broker, tls=TLSOptions())
        until(lambda: "not trusted" in client.trouble)
        assert client.connections == 0
        careless = opened(broker, client_id="careless", tls=TLSOptions(insecure=True))
        up(careless)
        plain = opened(broker, client_id="plain")
        until(lambda: plain.trouble and "yet" not in plain.trouble)
        assert plain.connections == 0


def test_the_client_shows_a_certificate(opened, tmp_path, keys):
    """Where the broker asks for one."""
    asks = ("require_certificate true", f"cafile {keys}/ca.pem")
    with _broker(tmp_path, keys, *asks) as broker:
        shown = TLSOptions(
            ca_file=keys / "ca.pem", cert_file=keys / "client.pem", key_file=keys / "client.key"
        )
        up(opened(broker, client_id="shown", tls=shown))
        bare = opened(broker, client_id="bare", tls=TLSOptions(ca_file=keys / "ca.pem"))
        until(lambda: bare.trouble and "yet" not in bare.trouble)
        assert bare.connections == 0


def test_a_file_that_is_missing_is_said_and_looked_for_again(opened, tmp_path, keys):
    """It may come later; nothing stops."""
    late = tmp_path / "late.pem"
    with _broker(tmp_path, keys) as broker:
        client = opened(broker, tls=TLSOptions(ca_file=late))
        until(lambda: "late.pem" in client.trouble)
        late.write_bytes((keys / "ca.pem").read_bytes())
        up(client)
