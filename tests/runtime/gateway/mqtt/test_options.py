"""Options of a broker: what is refused, and what stays secret."""

import subprocess

import pytest

from runtime.errors import ConfigError
from runtime.gateway.mqtt.options import BrokerOptions, TLSOptions, Will


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"client_id": ""}, "client_id"),
        ({"client_id": "a\0"}, "client_id"),
        ({"host": ""}, "host"),
        ({"port": 0}, "port"),
        ({"port": True}, "port"),
        ({"port": "1883"}, "port"),
        ({"version": "4"}, "version"),
        ({"client": "gmqtt"}, "client"),
        ({"keepalive_s": 0}, "keepalive_s"),
        ({"receive_maximum": 70_000}, "receive_maximum"),
        ({"publish_window": 0}, "publish_window"),
        ({"session_expiry_s": -1}, "session_expiry_s"),
        ({"max_packet": 10}, "max_packet"),
        ({"most_waiting": 0}, "most_waiting"),
        ({"reconnect_s": (5.0, 1.0)}, "reconnect_s"),
        ({"user": "a", "user_env": "B"}, "user and user_env"),
        ({"user": "a", "password_env": "B", "password_file": "c"}, "password_file"),
        ({"password_env": "B"}, "without a user"),
    ],
)
def test_options_that_cannot_be_used(wrong, said):
    """In one line: which, what was expected, what came."""
    with pytest.raises(ConfigError, match=said):
        BrokerOptions(**{"client_id": "kad", **wrong})


def test_wills_that_cannot_be_used():
    """A topic with a wildcard, a payload that is too long."""
    with pytest.raises(ConfigError, match="topic"):
        Will(topic="a/#", payload=b"")
    with pytest.raises(ConfigError, match="payload"):
        Will(topic="a", payload=bytes(70_000))
    with pytest.raises(ConfigError, match="qos"):
        Will(topic="a", payload=b"", qos=2)


def test_secrets_are_read_when_they_are_needed_and_never_shown(tmp_path, monkeypatch):
    """A file that changes takes effect; no text of the options has a secret."""
    secret = tmp_path / "password"
    secret.write_text("word with spaces \r\nsecond line\n")
    monkeypatch.setenv("KAD_USER", "somebody")
    options = BrokerOptions(client_id="kad", user_env="KAD_USER", password_file=secret)
    found = options.credentials()
    assert (found.user, found.password) == ("somebody", b"word with spaces ")
    assert "word" not in repr(found)
    assert "word with" not in repr(options)
    assert "somebody" not in repr(options)
    secret.write_text("another")
    assert options.credentials().password == b"another"


@pytest.mark.parametrize("content", [None, b"", b"\nword", b"\xff\xfe"])
def test_secrets_that_cannot_be_read(tmp_path, content):
    """The file is named, its content is not."""
    path = tmp_path / "password"
    if content is not None:
        path.write_bytes(content)
    options = BrokerOptions(client_id="kad", user="a", password_file=path)
    with pytest.raises(ConfigError, match="password_file") as caught:
        options.credentials()
    assert "word'" not in str(caught.value)


def test_a_variable_that_is_not_set(monkeypatch):
    """Its name is said."""
    monkeypatch.delenv("KAD_PASSWORD", raising=False)
    options = BrokerOptions(client_id="kad", user="a", password_env="KAD_PASSWORD")  # noqa: S106
    with pytest.raises(ConfigError, match="KAD_PASSWORD"):
        options.credentials()


def test_certificates_that_cannot_be_used(tmp_path):
    """A key alone, a check that is asked for and given up, files that are none."""
    with pytest.raises(ConfigError, match="cert_file"):
        TLSOptions(key_file=tmp_path / "key")
    with pytest.raises(ConfigError, match="insecure"):
        TLSOptions(ca_file=tmp_path / "ca", insecure=True)
    with pytest.raises(ConfigError, match="ca_file"):
        TLSOptions(ca_file=tmp_path / "ca").context()
    (tmp_path / "no.pem").write_text("no certificate")
    with pytest.raises(ConfigError, match="cert_file"):
        TLSOptions(cert_file=tmp_path / "no.pem").context()


def test_a_key_with_a_password_does_not_ask_at_the_terminal(tmp_path):
    """It is refused, at once."""
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    done = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-keyout", key, "-out", cert, "-days",
         "2", "-subj", "/CN=kad", "-passout", "pass:secret"],
        capture_output=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    with pytest.raises(ConfigError, match="without password"):
        TLSOptions(cert_file=cert, key_file=key).context()


def test_remarks_say_what_is_open():
    """A password in the clear, a certificate that nobody checks, an old version's session."""
    clear = BrokerOptions(client_id="a", host="plant", user="a", password_env="B")  # noqa: S106
    assert "in the clear" in clear.remarks()[0]
    near = BrokerOptions(client_id="a", user="a", password_env="B")  # noqa: S106
    assert near.remarks() == []
    open_ = BrokerOptions(client_id="a", tls=TLSOptions(insecure=True))
    assert "any certificate" in open_.remarks()[0]
    assert "3.1.1" in BrokerOptions(client_id="a", version="3.1.1").remarks()[0]
