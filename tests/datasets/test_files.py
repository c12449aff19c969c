"""Where files come from, without a network."""

import gc
import http.server
import socketserver
import threading
import traceback
import warnings
from functools import partial

import pytest

from datasets import files, load, names
from runtime.errors import InputError

PATH = "nab/data/realKnownCause/tiny.csv"
TEXT = b"timestamp,value\n2014-01-01 00:00:00,1\n"


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A local server in place of the public source, and an empty cache."""
    root = tmp_path / "served"
    file = root / PATH
    file.parent.mkdir(parents=True)
    file.write_bytes(TEXT)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    sums = {PATH: files._sha256(file)}
    with socketserver.TCPServer(("127.0.0.1", 0), partial(Quiet, directory=root)) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        base = f"http://127.0.0.1:{httpd.server_address[1]}"
        monkeypatch.delenv("KAD_DATA_DIR", raising=False)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        monkeypatch.setattr("pooch.os_cache", lambda name: tmp_path / "cache" / name)
        monkeypatch.setattr(files, "url", lambda path: f"{base}/{path}")
        monkeypatch.setattr(files, "registry", lambda: sums)
        yield file
        httpd.shutdown()
        thread.join()
    with warnings.catch_warnings(action="ignore", category=ResourceWarning):
        gc.collect()  # pooch leaves the socket of a refused response to the collector


def cached(tmp_path):
    return [p for p in (tmp_path / "cache").rglob("*") if p.is_file()]


def test_download_is_cached(server, tmp_path):
    """The second fetch needs no source."""
    assert files.fetch(PATH).read_bytes() == TEXT
    server.unlink()
    assert files.fetch(PATH).read_bytes() == TEXT
    assert len(cached(tmp_path)) == 1


def test_other_bytes_are_refused_and_leave_nothing(server, tmp_path):
    server.write_bytes(TEXT + b"2014-01-01 00:05:00,2\n")
    with pytest.raises(InputError, match="sha256"):
        files.fetch(PATH)
    assert cached(tmp_path) == []


def test_unreachable_source(server, tmp_path):
    """One line with the reason, and a traceback without the network library's own."""
    server.unlink()
    with pytest.raises(files.DownloadError, match="KAD_DATA_DIR") as caught:
        files.fetch(PATH)
    assert caught.value.exit_code == 1
    assert cached(tmp_path) == []
    assert "404" in str(caught.value)
    shown = "".join(traceback.format_exception(caught.value))
    assert shown.count("Traceback") == 1


def test_data_folder_is_checked(tmp_path, monkeypatch):
    """A folder that is missing, incomplete or different is an error, never a silent download."""
    path = "nab/data/realKnownCause/nyc_taxi.csv"
    monkeypatch.setenv("KAD_DATA_DIR", str(tmp_path / "none"))
    with pytest.raises(InputError, match="not a folder"):
        files.fetch(path)
    monkeypatch.setenv("KAD_DATA_DIR", str(tmp_path))
    with pytest.raises(InputError, match="does not exist"):
        files.fetch(path)
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_bytes(TEXT)
    with pytest.raises(InputError, match="sha256 differs"):
        load("nab/nyc_taxi")


def test_every_address_is_pinned():
    """All name a whole commit; the discords lie in `raw` folders, a UCR series is a folder."""
    for path in files.registry():
        address = files.url(path)
        assert any(len(part) == 40 for part in address.split("/"))
        file = path.rsplit("/", 1)[1]
        if path.startswith("ucr/"):
            file = "UCR" if path == "ucr/index.csv" else file.removesuffix(".npz")
        assert address.endswith(f"/{file}")
    assert files.url("discords/ecg/qtdbsel102.txt").endswith("/dataset/ecg/raw/qtdbsel102.txt")
    assert files.url("nab/labels/combined_windows.json").endswith("/labels/combined_windows.json")
    assert files.url("skab/data/valve1/0.csv").endswith("/data/valve1/0.csv")


def test_names_need_no_data(monkeypatch):
    monkeypatch.setenv("KAD_DATA_DIR", "/nonexistent")
    assert len(names()) == len(set(names())) == 1 + 5 + 58 + 19 + 35 + 98
    assert names("vae_lstm/")[0] == "vae_lstm/ambient_temp"
