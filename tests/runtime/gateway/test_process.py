"""The gateway as a process of its own: its end, its restarts, changes while it runs."""

import json
import signal

import pytest

from toys.processes import Process, documents, lines, put, scored, values, write_config

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="signals of POSIX")
WITH_JOURNAL = "[journal]\nenabled = true\nsnapshot_s = 3600\n"
COUNT = 60


def numbers(found):
    """Scores by stream and time; none twice but repeats."""
    for key, some in found.items():
        assert len([one for one in some if not one["repeat"]]) == 1, key
        assert len({one["score"] for one in some}) == 1
    warm = {("warm", *key): some[0]["warm"] for key, some in found.items()}
    return {key: some[0]["score"] for key, some in found.items()} | warm


@pytest.fixture(scope="module")
def at_once(tmp_path_factory):
    """Scores of one run over all rows, ended by EOF."""
    folder = tmp_path_factory.mktemp("once")
    with Process(write_config(folder)) as gateway:
        gateway.feed(lines(range(COUNT)))
        code, _ = gateway.end(None)
        assert code == 0, gateway.said
        assert "error" not in gateway.said
    found = numbers(scored(folder / "out.jsonl"))
    assert len(found) == 2 * COUNT
    return found


@pytest.mark.parametrize("more", ["", WITH_JOURNAL], ids=["snapshots", "journal"])
def test_two_runs_are_one(tmp_path, at_once, more):
    """SIGTERM: within 5 s, code 0; what was held back comes in the next life, EOF ends all."""
    config, out = write_config(tmp_path, more=more), tmp_path / "out.jsonl"
    with Process(config) as gateway:
        gateway.feed(lines(range(25)))
        gateway.until(lambda: len(scored(out)) >= 20)
        code, seconds = gateway.end()
        assert code == 0
        assert seconds < 5
    first = len(scored(out))
    with Process(config) as gateway:
        gateway.feed(lines(range(first, COUNT)))
        code, _ = gateway.end(None)
        assert code == 0
    assert numbers(scored(out)) == pytest.approx(at_once)


def test_a_killed_process_loses_nothing_that_it_had_written(tmp_path, at_once):
    """From the journal alone, repeats marked; Telegraf's end: stdin closed, then SIGTERM."""
    config, out = write_config(tmp_path, more=WITH_JOURNAL), tmp_path / "out.jsonl"
    with Process(config) as gateway:
        gateway.feed(lines(range(30)))
        gateway.until(lambda: len(scored(out)) >= 28)
        gateway.end(signal.SIGKILL)
    with Process(config) as gateway:
        gateway.feed(lines(range(30, COUNT)))
        gateway.process.stdin.close()
        gateway.until(lambda: len(scored(out)) >= COUNT - 3)
        if gateway.process.poll() is None:
            gateway.send(signal.SIGTERM)
        assert gateway.process.wait(10) == 0
    assert numbers(scored(out)) == pytest.approx(at_once)


def test_a_second_process_is_refused(tmp_path):
    """Exit code 2, one line; the first one goes on, and --check looks beside it."""
    config = write_config(tmp_path, more=WITH_JOURNAL)
    with Process(config) as gateway:
        gateway.until_said("The gateway runs")
        with Process(config) as second:
            assert second.process.wait(30) == 2
            second._reader.join(10)
            errors = [line for line in second.said.splitlines() if "error" in line]
            assert len(errors) == 1
        with Process(config, "--check") as check:
            said = check.process.stdout.read().decode()
            assert check.process.wait(30) == 0, said
            assert "not looked at" in said
        gateway.feed(lines(range(5)))
        assert gateway.end(None)[0] == 0
    assert len(scored(tmp_path / "out.jsonl")) == 5


def test_files_are_read_again_on_sighup(tmp_path):
    """Another threshold holds; a broken file changes nothing; another model takes over, warm."""
    config, out = write_config(tmp_path, more=WITH_JOURNAL), tmp_path / "out.jsonl"
    good = config.read_text()
    steps = iter(range(0, 10**6, 5))
    with Process(config) as gateway:

        def feed(count=1):
            """Rows until their scores are there."""
            for _ in range(count):
                step = next(steps)
                gateway.feed(lines(range(step, step + 5)))
                gateway.until(lambda step=step: len(scored(out)) > step, f"row {step}")

        def reload(text, said):
            config.write_text(text)
            gateway.send(signal.SIGHUP)
            gateway.until_said(said)

        feed(6)
        config.write_text(good.replace('key = "m"', 'key = "m"\nthreshold = 0.0001'))
        gateway.send(signal.SIGHUP)
        gateway.until_said("read again")
        before = len(documents(out))
        alarms = []
        while not alarms:
            feed()
            new = documents(out)[before:]
            alarms = [one for one in new if one["type"] == "score" and one["alarm"]]
        reload(good + "\n[nonsense]\n", "last configuration stays")
        assert "nonsense" in gateway.said
        feed()
        # A model file that is no model.
        config.write_text(good)
        (tmp_path / "model.onnx").write_bytes(b"half a model")
        gateway.send(signal.SIGHUP)
        gateway.until(lambda: "models stay" in gateway.said, "refusal")
        feed()
        old = documents(out)[-1].get("model")
        # Another model, for the same channels.
        put(tmp_path / "model.onnx", "vae-lstm")
        gateway.send(signal.SIGHUP)
        gateway.until_said("verified and warm")
        before = len(documents(out))

        def swaps():
            return [one for one in documents(out) if one.get("kind") == "swap"]

        while not any("another model" in one.get("text", "") for one in swaps()):
            feed()
        feed(2)
        code, seconds = gateway.end()
        assert (code, seconds < 5) == (0, True), gateway.said
    new = [one for one in documents(out)[before:] if one["type"] == "score"]
    models = {one["model"] for one in new}
    assert len(models | {old}) >= 2
    last = [one for one in new if one["model"] == new[-1]["model"]]
    assert all(one["warm"] and "restart" not in one["reasons"] for one in last)
    assert "Traceback" not in gateway.said


def test_a_state_that_cannot_be_used_is_said_and_the_gateway_starts(tmp_path):
    """Garbage in place of snapshots and journal; and a snapshot of another version."""
    config, out = write_config(tmp_path, more=WITH_JOURNAL), tmp_path / "out.jsonl"
    with Process(config) as gateway:
        gateway.feed(lines(range(5)))
        assert gateway.end(None)[0] == 0
    for path in (tmp_path / "kad-state").rglob("*"):
        if path.is_file() and path.suffix in (".snapshot", ".journal", ".log"):
            path.write_bytes(b"garbage" * 10)
    with Process(config) as gateway:
        gateway.feed(lines(range(5, 10)))
        code, _ = gateway.end(None)
        assert code == 0, gateway.said
        assert "snapshot" in gateway.said
    assert {key[1] for key in scored(out)} >= {
        json.loads(line)["ts"] * 1000 for line in lines(range(5, 10))
    }


def test_a_configuration_that_changed_while_it_was_away_holds_from_the_first_row(tmp_path):
    """Another model for the stream, under another key: none of its rows is left out."""
    config, out = write_config(tmp_path, more=WITH_JOURNAL), tmp_path / "out.jsonl"
    with Process(config) as gateway:
        gateway.feed(lines(range(5)))
        assert gateway.end(None)[0] == 0
    config.write_text(config.read_text().replace('key = "m"', 'key = "other"'))
    with Process(config) as gateway:
        gateway.feed(lines(range(5, 10)))
        code, _ = gateway.end(None)
        assert code == 0, gateway.said
        assert "left out" not in gateway.said
    assert len(scored(out)) == 10


def test_a_replayed_file_is_scored_to_its_end(tmp_path, at_once):
    """As fast as it goes."""
    rows = "".join(f"{1709287200 + 600 * n},{a},{b}\n" for n, (a, b) in
                   enumerate(map(values, range(COUNT))))  # fmt: skip
    (tmp_path / "rows.csv").write_text("time,a,b\n" + rows)
    source = 'kind = "replay"\nfile = "rows.csv"\nspeed = 0\nto_now = false\nstreams = ["p1"]'
    with Process(write_config(tmp_path, source=source)) as gateway:
        assert gateway.process.wait(30) == 0
    assert numbers(scored(tmp_path / "out.jsonl")) == pytest.approx(at_once)
