"""What each column is: measured, or why it is left out."""

import pytest

from kad.data.label_names import is_label, is_quality_name, sounds_like_label
from kad.data.tables import read_table
from runtime.errors import InputError


def table(tmp_path, columns, rows=60, **options):
    """Writes columns beside a good one, and reads them."""
    path = tmp_path / "table.csv"
    names = list(columns)
    lines = [
        ",".join(
            [f"2024-03-04 {i // 60:02}:{i % 60:02}:00", str(20 + i * 7 % 11 / 10)]
            + [str(columns[name](i)) for name in names]
        )
        for i in range(rows)
    ]
    path.write_text("\n".join([",".join(["time", "flow", *names]), *lines, ""]))
    return read_table(path, **options)


@pytest.mark.parametrize(
    ("name", "cell", "why"),
    [
        ("is_fault", lambda i: int(i > 50), "label"),
        ("Störung", lambda i: int(i > 50), "label"),
        ("Normal/Attack", lambda i: int(i > 50), "label"),
        ("flow_quality", lambda i: 192 if i % 9 else 0, "quality"),
        ("quality_flow", lambda i: 192 if i % 9 else 64, "quality"),
        ("flow_quality", lambda i: "Good" if i % 9 else "Bad", "text"),
        ("StatusCode", lambda i: 192 if i % 9 else 0, "quality"),
        ("record", lambda i: i + 1, "counts the rows"),
        ("X_Value", lambda i: i * 0.5, "rises by 0.5 in every row"),
        ("site", lambda _: "Nord", "constant text, 'Nord'"),
        ("remark", lambda i: f"seen by {'AB'[i % 2]}", "text"),
        ("empty", lambda _: "", "no readings"),
        ("rare", lambda i: 5 if i == 7 else "", "only 1 reading in 60 rows"),
        ("serial", lambda i: f"{i}x{i}y{i}", "text"),
    ],
)
def test_columns_that_are_left_out(tmp_path, name, cell, why):
    """Each is named with its reason; named by the user, none is left out."""
    read = table(tmp_path, {name: cell})
    assert list(read.frame.columns) == ["flow"]
    assert why in read.report.left_out[name]
    assert any(f"Left out: {name}" in line for line in read.report.lines())


@pytest.mark.parametrize(
    ("name", "cell", "note"),
    [
        ("alarm", lambda i: int(i > 50), "may be a label"),
        ("pump_fault", lambda i: int(i > 50), "may be a label"),
        ("mode", lambda i: (0, 2, 5)[i % 3], "codes of a status"),
        ("energy", lambda i: i * 13 + i % 3, "looks like a counter"),
        ("level", lambda _: 3.5, "constant, 3.5"),
        ("b", lambda i: "Shutdown" if i % 10 else 3 + i / 100, "90%"),
        ("c", lambda i: 32767 if i % 20 == 5 else 300 + i % 5, "missing = [32767]"),
        (
            "d",
            lambda i: 65535 if i == 20 else 200 + i % 7 / 10,
            "65535 comes 1 time, first in row 20: what a register",
        ),
        (
            "e",
            lambda i: -999.25 if i in (3, 4) else i % 7 / 10,
            "-999.25 comes 2 times, first in row 3: what a register",
        ),
        (
            "f",
            lambda i: 1e9 if i == 20 else i % 7 / 10,
            "1 reading is over 1000 times the usual range away, first 1e+09 in row 20",
        ),
        ("g", lambda i: 5 if i < 40 else 5 + i % 7, "does not change for 40 rows from row 0 on"),
    ],
)
def test_columns_that_are_named(tmp_path, name, cell, note):
    """They stay, and what is odd about them is said."""
    read = table(tmp_path, {name: cell})
    assert list(read.frame.columns) == ["flow", name]
    assert any(line.startswith(f"{name}: ") and note in line for line in read.report.lines())


def test_named_columns_are_never_left_out(tmp_path):
    """The user knows."""
    read = table(tmp_path, {"is_fault": lambda i: i % 2}, channels=["is_fault"])
    assert list(read.frame.columns) == ["is_fault"]


def test_times_in_parts_are_no_channels(tmp_path):
    """Year, month, day and hour in columns of their own are refused by name."""
    path = tmp_path / "parts.csv"
    rows = [f"2024,3,{4 + i // 24},{i % 24},{i % 7}" for i in range(60)]
    path.write_text("\n".join(["year,month,day,hour,flow", *rows, ""]))
    with pytest.raises(InputError, match="year, month, day, hour"):
        read_table(path)


def test_names():
    """Of labels and qualities, whole or in part."""
    for name in ("isAnomaly", "machine failure", "y_true", "Störung_ID", "label_anomaly", "panne"):
        assert is_label(name)
    for name in ("flow", "pump_fault", "id", "type", "y", "classic"):
        assert not is_label(name)
    assert sounds_like_label("pump_fault")
    assert not sounds_like_label("pump_default")
    assert is_quality_name("flow.q")
    assert is_quality_name("Güte")
    assert not is_quality_name("air_quality_index")


def test_units_that_are_not_one_are_an_error(tmp_path):
    """The column is no text that may go: both cells are named, whichever unit comes first."""
    for first, other in (("°C", "°F"), ("°F", "°C")):
        with pytest.raises(InputError, match=f"Column t .*{other}.*another unit than .*{first}"):
            table(tmp_path, {"t": lambda i, a=first, b=other: f"{i % 9} {b if i % 11 == 5 else a}"})
    with pytest.raises(InputError, match="another unit"):
        table(tmp_path, {"t": lambda i: f"{i % 9} {'°C' if i % 11 else '°F'}"})


@pytest.mark.parametrize("unit", ["bar(g)", "bar (a)", "mmH2O", "kJ/(kg·K)", "s^-1", "ppm(v)"])
def test_units_with_brackets_and_digits(tmp_path, unit):
    """A unit is not always letters: its channel is one."""
    read = table(tmp_path, {"x": lambda i: f"{i % 9}.5 {unit}"})
    assert read.report.units == {"x": unit}
    assert read.frame["x"].iloc[3] == 3.5
