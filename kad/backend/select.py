"""Which Keras backend runs: decided before Keras is imported."""

import importlib.util
import os
import sys
from typing import Literal, cast, get_args

from runtime.errors import ConfigError, MissingExtraError

Backend = Literal["jax", "tensorflow", "torch"]

BACKENDS: tuple[Backend, ...] = get_args(Backend)
"""In the order of preference: JAX trains fastest on a CPU (`python -m benchmarks training`)."""


def select_backend(name: str | None = None) -> Backend:
    """Chooses the Keras backend; call it before Keras is imported.

    Without a name: the backend that Keras already runs on, else `KERAS_BACKEND`, else the first
    installed one of `BACKENDS`.

    Args:
        name: One of `BACKENDS`, or `None`.

    Returns:
        The backend in use.

    Raises:
        ConfigError: The name is unknown, or Keras already runs on another backend.
        MissingExtraError: The backend is not installed.
    """
    running = sys.modules["keras"].backend.backend() if "keras" in sys.modules else None
    name = name or running or os.environ.get("KERAS_BACKEND") or _first_installed()
    if name not in BACKENDS:
        raise ConfigError(f"The backend must be one of {', '.join(BACKENDS)}. Received: {name!r}.")
    if running and name != running:
        raise ConfigError(
            f"Keras already runs on {running}; one process has one backend. Received: {name!r}. "
            f"Start a new process with KERAS_BACKEND={name}."
        )
    if importlib.util.find_spec(name) is None:
        raise MissingExtraError(
            f"The {name} backend is not installed: pip install 'kad-anomaly[train,{name}]'"
        )
    if importlib.util.find_spec("keras") is None:
        raise MissingExtraError(f"Keras is not installed: pip install 'kad-anomaly[train,{name}]'")
    os.environ["KERAS_BACKEND"] = name
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    _import_tensorflow_quietly()
    return cast("Backend", name)


def _import_tensorflow_quietly() -> None:
    """Imports TensorFlow, where it is installed, without its start-up messages.

    They are written to file descriptor 2 before any log level counts. Keras imports an installed
    TensorFlow on every backend: to set a seed, to save, to load.
    """
    if "tensorflow" in sys.modules or importlib.util.find_spec("tensorflow") is None:
        return
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "wb") as sink:  # noqa: PTH123
        os.dup2(sink.fileno(), 2)
        try:
            importlib.import_module("tensorflow")
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def _first_installed() -> str:
    for name in BACKENDS:
        if importlib.util.find_spec(name):
            return name
    raise MissingExtraError(
        "Training needs one of jax, tensorflow and torch: pip install 'kad-anomaly[train,jax]'"
    )


def backend_versions() -> dict[str, str]:
    """Returns the versions of Keras and of the backend in use."""
    import keras

    name = keras.backend.backend()
    package = "tensorflow-cpu" if name == "tensorflow" else name
    versions = {"keras": keras.version()}
    for candidate in (package, name):
        try:
            versions[name] = importlib.metadata.version(candidate)
            break
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
