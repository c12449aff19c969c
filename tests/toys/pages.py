"""What a report is written of, and what a written page says."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd

from toys.series import wave

NAMES = ['flow <i>&amp; "x"</i>', "</script><script>document.title='owned'</script>"]
"""Channel names that break a page which does not escape them."""


def series(rows=900, *, fault=True):
    """Two channels; 20 rows far out of range, one missing sample and a gap of two hours."""
    frame = wave(rows)
    frame.columns = NAMES
    if fault:
        frame.iloc[700:720] += 60.0
        frame.iloc[400, 0] = np.nan
    return frame.drop(frame.index[620:640])


def page_of(path):
    """Text of a page."""
    return Path(path).read_text(encoding="utf-8")


def figures_of(page):
    """Plotly figures of a page."""
    text = re.search(r'id="report-charts">(.*?)</script>', page, re.DOTALL)[1]
    return json.loads(text)


def data_of(page):
    """Series and thresholds of a page."""
    text = re.search(r'id="report-data">(.*?)</script>', page, re.DOTALL)[1]
    return json.loads(text)


WINDOW = (pd.Timestamp("2025-01-01 11:45"), pd.Timestamp("2025-01-01 12:10"))
