"""Detached signatures of model files."""

import shutil
import subprocess

import pytest

from runtime.errors import ConfigError, ModelFileError
from runtime.gateway.pipeline.signatures import check_signature

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


@pytest.fixture(params=["ed25519", "ec"])
def signed(tmp_path, request):
    """A file, its signature and the public key."""
    file, key, public, signature = (
        tmp_path / name for name in ("model.onnx", "key.pem", "public.pem", "model.sig")
    )
    file.write_bytes(b"a model")
    if request.param == "ed25519":
        openssl("genpkey", "-algorithm", "ed25519", "-out", key)
        openssl(
            "pkeyutl", "-sign", "-inkey", key, "-rawin", "-in", file, "-out", signature
        )  # fmt: skip
    else:
        openssl(
            "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key
        )  # fmt: skip
        openssl("dgst", "-sha256", "-sign", key, "-out", signature, file)
    openssl("pkey", "-in", key, "-pubout", "-out", public)
    return file, signature, public


def test_what_was_signed_passes_and_nothing_else(signed):
    """A changed file, signature or key, or one that is not there."""
    file, signature, public = signed
    check_signature(file, signature, public)
    file.write_bytes(b"another model")
    with pytest.raises(ModelFileError, match="another file"):
        check_signature(file, signature, public)
    with pytest.raises(ModelFileError, match="`signature`"):
        check_signature(file, signature.with_name("none"), public)
    with pytest.raises(ConfigError, match="`public_key`"):
        check_signature(file, signature, public.with_name("none"))


def test_without_openssl_it_is_refused(signed, monkeypatch):
    """Never used unchecked."""
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(ConfigError, match="openssl"):
        check_signature(*signed)
