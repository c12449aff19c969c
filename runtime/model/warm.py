"""The state that a stream may start from: that at the end of the training rows."""

import numpy as np

from runtime.errors import ModelFileError
from runtime.model.arrays import pack_text, unpack_text
from runtime.model.outputs import Array
from runtime.model.schema import Metadata

__all__ = ["make_warm", "read_warm"]


def make_warm(state: Array) -> str:
    """Packs the warm state for the file's metadata: base64 of a compressed npz.

    Args:
        state: float32 (1, state_size); its first number, which counts the steps, becomes 0.
    """
    state = np.array(state, np.float32)
    state[:, 0] = 0
    return pack_text({"state": state})


def read_warm(text: str, metadata: Metadata) -> Array:
    """Unpacks what `make_warm` packed.

    Args:
        text: The entry of the file.
        metadata: Of the same file.

    Raises:
        ModelFileError: Damaged, of another size, not finite, or no restart.
    """
    shape = (1, metadata.state_size)
    try:
        return _checked(text, shape)
    except ValueError as error:
        raise ModelFileError(
            "The detector's warm state must be base64 of an npz with `state`, float32 "
            f"{shape}, finite, whose first number is 0. Received: {error}. "
            "Export the detector again."
        ) from error


def _checked(text: str, shape: tuple[int, int]) -> Array:
    arrays = unpack_text(text, most_bytes=4 * shape[1])
    if arrays.keys() != {"state"}:
        raise ValueError(f"arrays {', '.join(arrays)[:80]!r}")
    state = arrays["state"]
    if state.dtype != np.float32 or state.shape != shape:
        raise ValueError(f"{state.dtype} {state.shape}")
    if not np.isfinite(state).all() or state[0, 0]:
        raise ValueError("other numbers")
    return state
