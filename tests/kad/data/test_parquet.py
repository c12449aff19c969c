"""Parquet, Arrow and the frames of other libraries."""

import numpy as np
import pandas as pd
import pytest

from kad.data.frames import pandas_frame
from kad.data.tables import read_table
from runtime.errors import InputError

pl = pytest.importorskip("polars")
feather = pytest.importorskip("pyarrow.feather")


def table():
    times = pd.date_range("2024-03-04", periods=60, freq="5min")
    noise = np.random.default_rng(0).normal(size=60)
    return pd.DataFrame({"time": times, "flow": 20 + noise, "note": "x", "label": 0})


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_columnar_files_are_read_as_csv_is(tmp_path, kind):
    """Whatever the file is called; the same columns, times and numbers."""
    path = tmp_path / "data.bin"
    if kind == "parquet":
        table().to_parquet(path)
    else:
        feather.write_feather(table(), path, compression="uncompressed")
    table().to_csv(tmp_path / "data.csv", index=False)
    got, wanted = read_table(path), read_table(tmp_path / "data.csv")
    pd.testing.assert_frame_equal(got.frame, wanted.frame)
    assert (
        got.report.left_out
        == wanted.report.left_out
        == {
            "note": "constant text, 'x'",
            "label": "looks like a label",
        }
    )


def test_a_long_file_is_refused_by_name_and_read_when_asked_for(tmp_path):
    """A columnar file is a table as any other: several series in it, too."""
    path = tmp_path / "long.parquet"
    wide = table()[["time", "flow"]].assign(level=5.0)
    wide.melt("time", var_name="tag").sort_values("time", kind="stable").to_parquet(path)
    with pytest.raises(InputError, match="several series.*'tag'.*flow, level.*--long"):
        read_table(path)
    got = read_table(path, long=True)
    assert sorted(got.frame.columns) == ["flow", "level"]
    np.testing.assert_array_equal(got.frame["flow"], wide["flow"])


def test_cells_that_are_no_number_are_refused_in_a_column_of_numbers(tmp_path):
    """As those of a CSV are; they were taken for missing without a word."""
    path = tmp_path / "data.parquet"
    table().assign(flow=["20.5"] * 58 + ["2o.5", "21"]).to_parquet(path)
    with pytest.raises(InputError, match="Column flow .*'2o.5' in row 60"):
        read_table(path)


def test_structs_and_lists(tmp_path):
    """Structs are columns; lists are named and left out."""
    path = tmp_path / "data.parquet"
    flow = table()["flow"]
    nested = table().assign(
        energy=[{"power": {"now": value}} for value in flow], wave=[[1.0, 2.0]] * 60
    )
    nested.drop(columns="flow").to_parquet(path)
    got = read_table(path)
    assert list(got.frame.columns) == ["energy.power.now"]
    assert got.report.left_out["wave"] == "lists"


def test_a_damaged_file_is_one_line(tmp_path):
    path = tmp_path / "data.parquet"
    path.write_bytes(b"PAR1" + bytes(100))
    with pytest.raises(InputError, match="cannot be read as Parquet") as error:
        read_table(path)
    assert "\n" not in str(error.value)


def test_frames_of_polars(tmp_path):
    """The column of timestamps is the index; numbers are the same."""
    frame = pandas_frame(pl.from_pandas(table()[["flow", "time"]]))
    pd.testing.assert_frame_equal(
        frame, table().set_index("time")[["flow"]], check_index_type=False, check_freq=False
    )
    with pytest.raises(InputError, match="frame of pandas, Polars or PyArrow.*Received: int"):
        pandas_frame(5)
