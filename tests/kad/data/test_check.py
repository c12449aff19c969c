"""What `kad check` says."""

import tomllib

import numpy as np
import pandas as pd

from kad.config import build_config
from kad.data.check import check_table
from kad.data.tables import read_table


def lines_of(tmp_path, frame, **options):
    path = tmp_path / "data.csv"
    frame.to_csv(path, index=False)
    return list(check_table(read_table(path, **options)))


def frame(rows=300):
    noise = np.random.default_rng(0).normal(size=rows)
    return pd.DataFrame(
        {
            "time": pd.date_range("2024-03-04", periods=rows, freq="5min"),
            "flow": 20 + noise,
            "anomaly": 0,
            "note": "ok",
        }
    )


def test_columns_period_and_a_configuration(tmp_path):
    """Its last lines are a configuration that trains on what was found."""
    lines = lines_of(tmp_path, frame())
    text = "\n".join(lines)
    assert "Left out: anomaly (looks like a label); note (constant text, 'ok')." in lines
    assert "Period: 300 s, the step between rows." in lines
    found = tomllib.loads(text[text.index("[data]") :])
    assert found == {"data": {"time": "time", "channels": ["flow"], "period": 300.0}}
    build_config(overrides=found)


def test_what_happens_on_the_grid_is_said(tmp_path):
    """Gaps, rows that come again, and what would be refused."""
    gap = frame().drop(index=range(100, 200))
    assert "1 gap too long to bridge: a restart of the warm-up each." in lines_of(tmp_path, gap)
    twice = pd.concat([frame(), frame().iloc[250:]])
    assert any("came again with the same values" in line for line in lines_of(tmp_path, twice))
    newest = frame().iloc[::-1]
    assert any("would be refused" in line for line in lines_of(tmp_path, newest))


def test_the_dialect_is_said(tmp_path):
    """Delimiter, header, decimal mark and encoding, or that it is no CSV."""
    table = frame()
    path = tmp_path / "a.csv"
    text = "Werk 7\n" + table.to_csv(index=False, sep=";", decimal=",").replace("note", "Gerät")
    path.write_bytes(text.encode("cp1252"))
    (said,) = (line for line in check_table(read_table(path)) if line.startswith("Dialect"))
    assert said == (
        "Dialect: CSV, cells parted by semicolons, names and all above the rows in 2 lines, "
        "decimal commas in flow, CP1252."
    )
    table.to_json(tmp_path / "a.json", orient="records", date_format="iso")
    assert "Dialect: JSON, UTF-8." in list(check_table(read_table(tmp_path / "a.json")))


def test_rows_without_times(tmp_path):
    """The period is asked for."""
    lines = lines_of(tmp_path, frame()[["flow"]])
    assert any("Say period = SECONDS" in line for line in lines)
