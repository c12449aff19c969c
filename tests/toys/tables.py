"""Tables as the reader takes them."""

import io

import numpy as np

from runtime.tables.reader import TableReader
from runtime.tables.reading import Reading


def read(text, channels=("a",), *, time=None, **options):
    raw = text if isinstance(text, bytes) else text.encode()
    reader = TableReader(
        io.BytesIO(raw),
        channels,
        period_s=60.0,
        reading=Reading(time=time),
        name="data.csv",
        **options,
    )
    times, values = zip(*reader, strict=True)
    return np.concatenate(times), np.concatenate(values), reader.style
