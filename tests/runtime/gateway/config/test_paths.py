"""Paths of a configuration begin beside it, wherever the process runs."""

from pathlib import Path

from runtime.gateway.config.read import read_config

TEXT = """
[gateway]
name = "gw1"
[broker]
user = "kad"
password_file = "secret"
[broker.tls]
ca_file = "ca.pem"
cert_file = "/etc/kad/client.pem"
[[model]]
file = "pump.onnx"
[[source]]
kind = "stdin"
[[sink]]
kind = "csv"
path = "scores.csv"
events = "events.csv"
[[sink]]
kind = "jsonl"
"""


def test_paths(tmp_path):
    """State, models, secrets, certificates and files of sinks."""
    path = tmp_path / "gateway.toml"
    path.write_text(TEXT)
    config = read_config(path)
    assert config.gateway.state == tmp_path / "kad-state"
    assert config.models[0].file == tmp_path / "pump.onnx"
    broker = config.broker("")
    assert broker.password_file == tmp_path / "secret"
    assert broker.tls.ca_file == tmp_path / "ca.pem"
    assert broker.tls.cert_file == Path("/etc/kad/client.pem")
    assert broker.tls.key_file is None
    table, lines = (sink.options for sink in config.sinks)
    assert table.file.path == str(tmp_path / "scores.csv")
    assert table.events.path == str(tmp_path / "events.csv")
    assert lines.file.path == "-"
