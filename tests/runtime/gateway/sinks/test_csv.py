"""CSV: one of scores, one of events, and no formula in them."""

import csv
import io
import math

from runtime.gateway.samples import Quality
from runtime.gateway.sinks.csv import CSVOptions, CSVSink
from runtime.gateway.sinks.line_file import LineFileOptions
from toys.gateway_outputs import T0, Outputs, notice, scored, tick


def made(folder, *, events=True):
    file = LineFileOptions(path=str(folder / "scores.csv"))
    other = LineFileOptions(path=str(folder / "events.csv")) if events else None
    return CSVSink("csv", CSVOptions(file=file, events=other))


def test_scores(tmp_path):
    sink = made(tmp_path)
    rows = scored(
        ["a/p7", "b, c"], score=[1.5, math.nan], quality=[0, Quality.PARTIAL | Quality.MISSING]
    )
    sink.write(Outputs(sequence=1, scored=(rows,)))
    sink.write(tick(2, ["a/p7"], repeat=True))
    assert (tmp_path / "scores.csv").read_text() == (
        "time,stream,score,severity,alarm,quality,warm,repeat,model\n"
        "2026-03-01T10:00:00.25Z,a/p7,1.5,3.4,1,,1,0,9f2c41d07a3e\n"
        '2026-03-01T10:00:00.25Z,"b, c",,3.4,1,partial;missing,1,0,9f2c41d07a3e\n'
        "2026-03-01T10:00:00.25Z,a/p7,1.92,3.4,1,,1,1,9f2c41d07a3e\n"
    )
    assert sink.acknowledged == 2


def test_events(tmp_path):
    sink = made(tmp_path)
    end = notice(phase="end", duration_s=90, text='say "hi"', model="m" * 64)
    sink.write(tick(3, events=[end]))
    assert (tmp_path / "events.csv").read_text() == (
        "id,stream,kind,phase,time,start,peak_time,peak_severity,duration_s,channels,text,"
        "repeat,model\n"
        "a/p7-1772359140000,a/p7,anomaly,end,2026-03-01T09:59:00Z,2026-03-01T09:59:00Z,"
        '2026-03-01T10:00:00Z,4.1,90.0,flow,"say ""hi""",0,mmmmmmmmmmmm\n'
    )
    assert sink.acknowledged == 3


def test_no_cell_is_a_formula_and_every_name_comes_back(tmp_path):
    sink = made(tmp_path)
    names = ["=1+1", "+x", "-x", "@x", "a\tb", "\ta", "a\nb", 'a"b', "half \ud800"]
    blamed = notice().channels[0]
    channels = [type(blamed)(name="=cmd()", share=1, value=1, expected=1)]
    sink.write(tick(1, names, events=[notice("=x", id="@id", channels=channels, text="-1")]))
    for path in tmp_path.iterdir():
        cells = [cell for row in csv.reader(io.StringIO(path.read_text())) for cell in row]
        assert not [cell for cell in cells if cell[:1] in tuple("=+-@\t")]
    rows = list(csv.DictReader(io.StringIO((tmp_path / "scores.csv").read_text())))
    assert [row["stream"].lstrip("'") for row in rows[:8]] == names[:8]


def test_events_without_a_file_are_counted(tmp_path):
    sink = made(tmp_path, events=False)
    sink.write(tick(1, events=[notice()], states=[("a", True, T0)]))
    assert sink.skipped == 1
    assert (sink.acknowledged, sink.waiting, sink.dropped, sink.trouble) == (1, 0, 0, "")
    sink.close(1.0)
