"""Frames as CSV for spreadsheets."""

import numpy as np
import pandas as pd

from kad.data.csv_text import csv_text


def test_text_is_text_and_numbers_are_numbers():
    """Names and cells that would run get an apostrophe, negative numbers none."""
    frame = pd.DataFrame({"=1": [-1.5, np.nan], "b": ["-x", None]}, index=[-1, 2])
    assert csv_text(frame) == "'=1,b\n-1.5,'-x\n,\n"
    assert csv_text(frame, index_label="time") == "time,'=1,b\n-1,-1.5,'-x\n2,,\n"


def test_two_columns_of_one_name_stay_two():
    """And the frame is not changed."""
    frame = pd.DataFrame([["=a", "=b"]], columns=["@x", "@x"])
    assert csv_text(frame) == "'@x,'@x\n'=a,'=b\n"
    assert list(frame.columns) == ["@x", "@x"]
    assert frame.iloc[0, 0] == "=a"
