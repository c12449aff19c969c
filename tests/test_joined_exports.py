"""Exports that overlap: trained on and scored as if each row had come once, or said loudly."""

import gzip
import io
import zipfile
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from export import export
from kad.config import build_config
from kad.runs.reading import read_for
from kad.runs.train import train
from runtime.cli.app import main
from runtime.errors import InputError

N = 260
FAULT = range(240, 250)
NOISE = np.random.default_rng(8).normal(size=(N, 2))
FLOW = [f"{20 + x / 3 + 12 * (i in FAULT):.2f}" for i, x in enumerate(NOISE[:, 0])]
LEVEL = [f"{3 + x / 20:.3f}" for x in NOISE[:, 1]]
UTC_TIMES = [datetime(2024, 10, 26, 12, tzinfo=UTC) + timedelta(minutes=10 * i) for i in range(N)]
"""Clocks in Berlin go back in row 78."""
LOCAL = [time.astimezone(ZoneInfo("Europe/Berlin")) for time in UTC_TIMES]


def wide(*parts, header=True, zone=False):
    """Exports of some rows each, one behind the other."""
    lines = []
    for place, part in enumerate(parts):
        lines += ["time,flow,level"] if header or not place else []
        times = LOCAL if zone else UTC_TIMES
        lines += [f"{times[i]:%Y-%m-%d %H:%M:%S},{FLOW[i]},{LEVEL[i]}" for i in part]
    return "\n".join([*lines, ""])


def long(*parts, by_tag=False):
    """The same, a reading a row."""
    names = {"flow": FLOW, "level": LEVEL}
    rows = [(i, tag) for part in parts for i in part for tag in names]
    rows = sorted(rows, key=lambda row: row[1]) if by_tag else rows
    lines = [f"{UTC_TIMES[i]:%Y-%m-%d %H:%M:%S},{tag},{names[tag][i]}" for i, tag in rows]
    return "\n".join(["time,tag,value", *lines, ""])


def zipped(text):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("export/all.csv", text)
    return file.getvalue()


ALL = range(N)
FORMS = {
    "wide": (wide(ALL), {}),
    "zone": (wide(ALL, zone=True), {"timezone": "Europe/Berlin"}),
    "long": (long(ALL), {"long": True}),
}
"""Rows that come once, and what is said of them."""
JOINED = {
    "whole": (wide(ALL, ALL), "wide"),
    "in part": (wide(range(150), range(120, N)), "wide"),
    "in part, one header": (wide(range(150), range(120, N), header=False), "wide"),
    "three, in each other": (wide(range(100), range(20, 180), range(60, N)), "wide"),
    "joined archives": (
        gzip.compress(wide(range(150)).encode()) + gzip.compress(wide(range(120, N)).encode()),
        "wide",
    ),
    "in an archive": (zipped(wide(range(150), range(120, N))), "wide"),
    "long": (long(range(150), range(120, N)), "long"),
    "long, by tag": (long(range(150), range(120, N), by_tag=True), "long"),
    "over the hour twice": (wide(range(150), range(60, N), zone=True), "zone"),
    "up to the hour twice": (wide(range(76), range(66, N), zone=True), "zone"),
    "within the hour twice": (wide(range(75), range(73, N), zone=True), "zone"),
}
UNTIL = f":{UTC_TIMES[200]:%Y-%m-%d %H:%M:%S}"


def trained(path, content, folder, **data):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    config = build_config(detector="gaussian", overrides={"data": {"train": UNTIL, **data}})
    return train(config, path, out=folder)


@pytest.fixture(scope="module")
def single(tmp_path_factory):
    """By form, the run and the file of a detector whose rows came once."""
    made = {}

    def made_of(form):
        if form not in made:
            folder = tmp_path_factory.mktemp(form)
            content, data = FORMS[form]
            run = trained(folder / "single.csv", content, folder / "run", **data)
            made[form] = run, export(run.folder, folder / "model.onnx").path
        return made[form]

    return made_of


def score(model, path, folder, *options):
    """Scores by the runtime; returns the rows of scores.csv, of events.csv, and what was said."""
    said = io.StringIO()
    files = [folder / "scores.csv", folder / "events.csv"]
    args = [
        "score",
        str(model),
        str(path),
        *options,
        "-o",
        str(files[0]),
        "--events",
        str(files[1]),
    ]
    with redirect_stderr(said), redirect_stdout(io.StringIO()):
        main(args)
    return *(file.read_text().splitlines()[1:] for file in files), said.getvalue()


@pytest.mark.parametrize("kind", JOINED)
def test_rows_that_came_twice_are_taken_once(kind, single, tmp_path):
    """The detector, the scores of Keras and of the runtime are those of the rows alone."""
    content, form = JOINED[kind]
    path = tmp_path / "joined.csv"
    run = trained(path, content, tmp_path / "run", **FORMS[form][1])
    one, model = single(form)
    assert run.detector.metadata.threshold == one.detector.metadata.threshold
    wanted, _ = one.detector.scores(one.frame)
    got, counts = run.detector.scores(read_for(run.detector, path).frame)
    np.testing.assert_array_equal(got.times_ns, wanted.times_ns)
    np.testing.assert_array_equal(got.score, wanted.score)
    assert counts["repeated"] > 0
    rows, events, said = score(model, path, tmp_path)
    times = [row.split(",")[0] for row in rows]
    assert times == sorted(set(times))
    assert (len(rows), len(events)) == (N, 1)
    assert "came again with the same values" in said


def joined_in_part(*changed, cells):
    """Two exports that overlap in 30 rows, some of which have other values in the second."""
    lines = wide(range(150), range(120, N), header=False).splitlines()
    for row in changed:
        lines[row] = ",".join([lines[row].split(",")[0], *cells])
    return "\n".join([*lines, ""])


def test_a_later_export_that_corrects_a_few_rows(single, tmp_path):
    """Among rows that came again the first values stay, and that is said."""
    run, model = single("wide")
    path = tmp_path / "corrected.csv"
    path.write_text(joined_in_part(156, 157, 164, cells=["21.77", "3.111"]))
    scores, counts = run.detector.scores(read_for(run.detector, path).frame)
    assert (len(scores), counts["conflicts"], counts["repeated"]) == (N, 3, 27)
    rows, _, said = score(model, path, tmp_path)
    assert len(rows) == N
    assert "3 rows came again with other values" in said


def test_an_export_that_agrees_in_nothing_is_said(single, tmp_path):
    """Nobody can tell it from a clock that was set back: its rows are scored, loudly."""
    path = tmp_path / "other.csv"
    path.write_text(joined_in_part(*range(151, 181), cells=["19.5", "2.9"]))
    rows, _, said = score(single("wide")[1], path, tmp_path)
    assert len(rows) == N + 30
    assert "set back once (from 2024-10-27 12:50:00 to 2024-10-27 08:00:00)" in said
    assert "files were joined that overlap with other values" in said


def test_long_exports_that_do_not_agree_are_refused(tmp_path):
    """More than 5 % of the rows have two values for one time: the cause is named."""
    again = long(range(120, 180)).replace("flow,2", "flow,3")
    text = long(range(200)) + again[again.index("\n") + 1 :]
    with pytest.raises(InputError, match="joined exports that do not agree"):
        trained(tmp_path / "t.csv", text, tmp_path / "run", long=True)
