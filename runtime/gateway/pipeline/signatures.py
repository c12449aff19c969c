"""Detached signatures of model files, checked by OpenSSL's command: Python has no such check."""

import shutil
import subprocess
from pathlib import Path

from runtime.errors import ConfigError, ModelFileError

__all__ = ["check_signature"]

_LONGEST_S = 30.0


def check_signature(file: Path, signature: Path, public_key: Path) -> None:
    """Checks that a file is what the owner of a key has signed: Ed25519, or RSA or EC with SHA-256.

    Raises:
        ConfigError: `openssl` is not installed, or the key cannot be read.
        ModelFileError: The signature is missing, or of another file or key.
    """
    openssl = shutil.which("openssl")
    if openssl is None:
        raise ConfigError(
            "A signature needs the command openssl. Received: none on PATH. Install it, or leave "
            "out `signature`."
        )
    for path, name, error in (
        (public_key, "public_key", ConfigError),
        (signature, "signature", ModelFileError),
    ):
        if not path.is_file():
            raise error(f"`{name}` must be a file. Received: {path}, which is none.")
    ways = (
        ["dgst", "-sha256", "-verify", public_key, "-signature", signature, file],
        [
            *("pkeyutl", "-verify", "-pubin", "-inkey", public_key),
            *("-rawin", "-in", file, "-sigfile", signature),
        ],
    )
    for way in ways:
        done = subprocess.run(  # noqa: S603 - a fixed command, paths of the configuration
            [openssl, *map(str, way)], capture_output=True, check=False, timeout=_LONGEST_S
        )
        if done.returncode == 0:
            return
    raise ModelFileError(
        f"{file} must have the signature in {signature}. Received: another file, or a signature of "
        "another key. It was not used."
    )
