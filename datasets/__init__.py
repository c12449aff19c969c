"""Public and synthetic series for tests, benchmarks and examples.

    from datasets import load

    series = load("nab/machine_temperature_system_failure")
    series.train_frame(), series.test_frames(), series.labels()

The files come from the folder `KAD_DATA_DIR`, else from their public source at a pinned commit,
checked by sha256. This package is for the checkout: the wheel does not ship it.
"""

from datasets.registry import load, names
from datasets.series import Series

__all__ = ["Series", "load", "names"]
