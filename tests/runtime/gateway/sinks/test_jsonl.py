"""JSON lines: each line one document with its type."""

import json

from runtime.gateway.outputs import Outputs
from runtime.gateway.sinks.jsonl import JSONLinesOptions, JSONLinesSink
from runtime.gateway.sinks.line_file import LineFileOptions
from runtime.gateway.sinks.options import Publishing
from toys.gateway_outputs import T0, notice, tick


def made(path, **publishing):
    file = LineFileOptions(path=str(path))
    return JSONLinesSink("lines", JSONLinesOptions(file=file, publishing=Publishing(**publishing)))


def test_a_line_each(tmp_path):
    sink = made(tmp_path / "out")
    sink.write(
        tick(
            5,
            ["a/p7"],
            events=[notice()],
            states=[("a/p7", True, T0)],
            online=[("a/p7", True)],
            answers=[("c1", '{"ok":true}')],
        )
    )
    assert sink.acknowledged == 5
    lines = (tmp_path / "out").read_bytes().splitlines()
    assert lines[0] == (
        b'{"type":"score","stream":"a/p7","t":1772359200250,"score":1.92,"severity":3.4,'
        b'"alarm":true,"quality":"good","reasons":[],"warm":true,"repeat":false,'
        b'"model":"9f2c41d07a3e"}'
    )
    event = json.loads(lines[1])
    assert (event["type"], event["stream"], event["kind"]) == ("event", "a/p7", "anomaly")
    assert lines[2:] == [
        b'{"type":"state","stream":"a/p7","t":1772359200250,"on":true}',
        b'{"type":"online","stream":"a/p7","online":true}',
        b'{"type":"answer","id":"c1","answer":{"ok":true}}',
    ]


def test_policies(tmp_path):
    for policy, count in [("every", 4), ("nth", 2), ("change", 1), ("array", 4)]:
        sink = made(tmp_path / policy, scores=policy, n=2)
        for n in range(1, 5):
            sink.write(tick(n, ["a"]))
        sink.close(1.0)
        lines = (tmp_path / policy).read_bytes().splitlines()
        assert len(lines) == count
        assert sink.acknowledged == 4
    read = json.loads(lines[0])
    assert (read["type"], [one["stream"] for one in read["scores"]]) == ("scores", ["a"])


def test_a_stream_that_is_gone_begins_anew(tmp_path):
    sink = made(tmp_path / "out", scores="change")
    sink.write(tick(1, ["a"]))
    sink.write(Outputs(sequence=2, gone=["a"]))
    sink.write(tick(3, ["a"]))
    assert len((tmp_path / "out").read_bytes().splitlines()) == 2
