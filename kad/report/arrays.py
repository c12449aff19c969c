"""Arrays inside a page: compressed, as text; `templates/arrays.js` unpacks them."""

import base64
import zlib
from typing import Any

import numpy as np

_LEVELS = 65_534
_MISSING = 65_535
_COARSEST = 1e-3
"""Largest step of a rounded line, as a share of what 98 % of its samples span."""


def pack_numbers(numbers: np.ndarray) -> dict[str, Any]:
    """Packs whole numbers that hardly change from one to the next, such as row numbers."""
    small = np.abs(numbers).max(initial=0) <= np.iinfo("int32").max
    kind = "i4" if small else "f8"
    return _pack(_differences(numbers.astype(kind)), kind, differences=True)


def pack_exactly(values: np.ndarray) -> dict[str, Any]:
    """Packs float32 or float64 numbers as they are."""
    return _pack(values, f"f{values.dtype.itemsize}")


def pack_line(values: np.ndarray) -> dict[str, Any]:
    """Packs a line for drawing: 16 bits a sample, as fine as a chart can show; NaN where missing.

    A line of which most samples lie close together and a few far away keeps float32.
    """
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    step = (high - low) / _LEVELS or 1.0
    if known.size and step > _COARSEST * np.ptp(np.quantile(known, [0.01, 0.99])) > 0:
        return pack_exactly(values.astype("float32"))
    codes = np.full(len(values), _MISSING, "uint16")
    is_known = np.isfinite(values)
    codes[is_known] = np.rint((values[is_known] - low) / step).astype("uint16")
    return _pack(_differences(codes), "u2", differences=True, low=low, step=step)


def _differences(codes: np.ndarray) -> np.ndarray:
    """Returns the change from one number to the next, which wraps around as the sum does."""
    return np.diff(codes, prepend=codes.dtype.type(0))


def _pack(array: np.ndarray, kind: str, **options: Any) -> dict[str, Any]:
    little = np.ascontiguousarray(array, f"<{kind}")
    # All first bytes, then all second ones: neighbours that are alike compress better.
    planes = little.view("uint8").reshape(little.size, little.dtype.itemsize).T
    data = base64.b64encode(zlib.compress(planes.tobytes(), 6)).decode("ascii")
    return {"type": kind, "length": int(little.size), "data": data, **options}
