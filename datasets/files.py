"""Where the raw files come from: `KAD_DATA_DIR`, else their public source through pooch.

`registry.txt` (pooch's format) holds the sha256 of every file under the path it has in
`KAD_DATA_DIR`. It is checked for either origin, so that a series is always the same bytes.
Downloads are cached in `pooch.os_cache("kad")`. The UCR archive is not downloaded: its files are
put together from several of the source, and its index is in none.
"""

from __future__ import annotations

import hashlib
import os
from functools import cache
from pathlib import Path

from runtime.errors import InputError, KadError, MissingExtraError

__all__ = ["DownloadError", "fetch", "make_registry", "registry", "url"]

ENVIRONMENT = "KAD_DATA_DIR"
REGISTRY = Path(__file__).with_name("registry.txt")

_RAW = "https://raw.githubusercontent.com"
_NAB = f"{_RAW}/numenta/NAB/ea702d75cc2258d9d7dd35ca8e5e2539d71f3140"
_SKAB = f"{_RAW}/waico/SKAB/b2c0d46c2971dcbfe71e26087b6d231998bb91c2"
_DISCORDS = f"{_RAW}/chickenbestlover/RNN-Time-series-Anomaly-Detection"
_DISCORDS_COMMIT = "eeebeab1b1a503535172b24a0a8d9eb324ba6548"
_TAXI_COMMIT = "ded454cc25bc4e24f6d9c9b822fe728bef8aea7c"  # the one that has this file
_UCR = (
    "https://github.com/CSTCloudOps/datasets/tree/944c1e291d7d7a3672923b0125811bc8dd0640bc/UTS/UCR"
)
_KEPT = (
    "nab/data/*/*.csv",
    "nab/labels/combined_*s.json",
    "discords/*/*.*",
    "skab/data/*/*.csv",
    "ucr/*.npz",
    "ucr/index.csv",
)


class DownloadError(KadError):
    """A file could not be fetched from its public source."""


def url(path: str) -> str:
    """The public address, at a pinned commit, of a file in the registry.

    Of the UCR archive that of the folder from which the file was put together.
    """
    top, _, rest = path.partition("/")
    if top == "ucr":
        stem = rest.rpartition(".")[0]
        return _UCR if stem == "index" else f"{_UCR}/{stem}"
    if top == "nab":
        return f"{_NAB}/{rest}"
    if top == "skab":
        return f"{_SKAB}/{rest}"
    family, _, name = rest.partition("/")
    commit = _TAXI_COMMIT if family == "nyc_taxi" else _DISCORDS_COMMIT
    return f"{_DISCORDS}/{commit}/dataset/{family}/raw/{name}"


@cache
def registry() -> dict[str, str]:
    """sha256 per path."""
    lines = REGISTRY.read_text(encoding="utf-8").splitlines()
    return dict(line.rsplit(" ", 1) for line in lines if line)


def fetch(path: str) -> Path:
    """The local copy of a file, downloaded where `KAD_DATA_DIR` is not set.

    Args:
        path: As in the registry, such as `nab/data/realKnownCause/nyc_taxi.csv`.

    Returns:
        A file whose sha256 is the registry's.

    Raises:
        InputError: `KAD_DATA_DIR` is set but is no folder, or lacks the file, or has other bytes;
            or the download has other bytes; or it is not set and the file is of the UCR archive.
        DownloadError: The source cannot be reached.
        MissingExtraError: pooch is not installed.
    """
    if folder := os.environ.get(ENVIRONMENT):
        return _local(Path(folder), path)
    if path.startswith("ucr/"):
        raise InputError(
            f"{path} cannot be downloaded: its source, {url(path)}, keeps it in several files. Set "
            f"{ENVIRONMENT} to a folder that has {path}."
        )
    return _download(path)


def make_registry(folder: Path) -> str:
    """The registry's text for a folder laid out as `KAD_DATA_DIR`."""
    paths = sorted(p for pattern in _KEPT for p in folder.glob(pattern))
    return "".join(f"{p.relative_to(folder).as_posix()} {_sha256(p)}\n" for p in paths)


def _local(folder: Path, path: str) -> Path:
    if not folder.is_dir():
        raise InputError(f"{ENVIRONMENT}={folder} is not a folder. Unset it to download the data.")
    file = folder / path
    if not file.is_file():
        other = "" if path.startswith("ucr/") else f" or unset it to download {url(path)}"
        raise InputError(f"{file} does not exist. Complete {ENVIRONMENT}{other}.")
    if _sha256(file) != registry()[path]:
        raise InputError(f"{file} is not the file of {url(path)}: its sha256 differs.")
    return file


def _download(path: str) -> Path:
    try:
        import pooch
    except ImportError as error:
        raise MissingExtraError(
            f"Downloading data sets needs pooch: pip install pooch (or set {ENVIRONMENT})."
        ) from error
    pooch.get_logger().setLevel("ERROR")
    address = url(path)
    target = Path(pooch.os_cache("kad")) / path
    try:
        pooch.retrieve(address, known_hash=registry()[path], fname=target.name, path=target.parent)
    except ValueError as error:
        raise InputError(
            f"{address} has other bytes than expected (sha256); nothing was written. Try again, "
            f"or set {ENVIRONMENT} to a folder that has {path}."
        ) from error
    except OSError as error:  # requests' exceptions among them
        reason = " ".join(str(error).split())
        raise DownloadError(
            f"Cannot fetch {address} ({type(error).__name__}: {reason}). Check the network, or set "
            f"{ENVIRONMENT} to a folder that has {path}."
        ) from None  # the chain is a hundred lines of urllib3
    return target


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
