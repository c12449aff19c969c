"""Odd files with their right outcome: trained on, exported, scored, and compared with the facts."""

import csv
import io
import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from runtime.clock.timestamps import TimestampParser
from runtime.errors import KadError
from toys.graphs import graphs_once

EVENTLESS = {"counter.csv", "setpoint_steps.csv", "other_time_name.csv", "time_ignored.csv"}
"""The moving Gaussian does not find the faults of these: of the last two, it warms up again after
their outage, and the fault begins 20 rows later."""
_GRAPHS = {}
RENAMED = {"no_header.csv": {"flow": "column_2"}}
"""Channels whose names are made up."""


def facts(folder):
    """Returns a row per file."""
    with (folder / "cases.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def outcome_of(fact, folder, work, trained):
    """Trains the moving Gaussian on a file, exports and scores; returns what came of it.

    Args:
        fact: The file's row.
        folder: Where the files are.
        work: An empty folder.
        trained: Detector files of the other files that some are scored by, made when wanted.

    Returns:
        `text`: what was said on stderr; `refused`: whether it ended with exit code 2; `scores` and
        `events`: the tables; `problems`: facts that do not hold.
    """
    said = io.StringIO()
    done = SimpleNamespace(text="", refused=False, scores=None, events=None, problems=[])
    path = folder / fact["file"]
    try:
        if fact["options"].startswith("train on "):
            name = fact["options"].removeprefix("train on ").split(";")[0]
            model = trained(name)
        else:
            model = _trained(fact, path, work, said)
        code = _score(model, path, work, said, stdin="stdin" in fact["options"])
    except KadError as error:
        said.write(f"kad: error: {error}")
        code = error.exit_code
    done.text = said.getvalue()
    done.refused = code == 2
    if code == 0:
        done.scores = _table(work / "scores.csv")
        done.events = _table(work / "events.csv")
    elif code != 2:
        done.problems.append(f"exit code {code}")
    done.problems += _problems(fact, done)
    return done


def model_of(fact, path, work):
    """Returns the exported detector that was trained on a file."""
    return _trained(fact, path, work, io.StringIO())


def _trained(fact, path, work, said):
    from export import export
    from kad.config import build_config
    from kad.runs.train import train

    data = {"train": fact["train"]}
    if "--time" in fact["options"]:
        data["time"] = fact["options"].split()[1]
    if "--long" in fact["options"]:
        data["long"] = True
    if fact["options"].startswith("[data] missing"):
        data["missing"] = json.loads(fact["options"].partition("=")[2])
    if fact["options"].startswith("[data] timezone"):
        data["timezone"] = json.loads(fact["options"].partition("=")[2])
    config = build_config(detector="gaussian", overrides={"data": data})
    run = train(config, path, out=work / "run", say=lambda line: said.write(f"{line}\n"))
    with graphs_once(_GRAPHS):
        return export(run.folder, work / "model.onnx").path


def _score(model, path, work, said, *, stdin):
    from runtime.cli.app import main

    args = ["score", str(model), "-" if stdin else str(path)]
    args += ["-o", str(work / "scores.csv"), "--events", str(work / "events.csv")]
    before = sys.stdin
    try:
        if stdin:
            sys.stdin = io.TextIOWrapper(io.BytesIO(path.read_bytes()))
        with redirect_stderr(said), redirect_stdout(io.StringIO()):
            return main(args)
    finally:
        sys.stdin = before


def _table(path):
    with Path(path).open(newline="") as file:
        return list(csv.DictReader(file))


def _problems(fact, done):
    if done.scores is None and not done.refused:
        return []
    if fact["outcome"] == "refused" and not done.refused:
        return ["read, though it must be refused"]
    if done.refused:
        wanted = [text.lower() for text in fact["error_contains"].split("|") if text]
        if fact["outcome"] == "reads":
            return ["refused, though it can be read"]
        last = done.text.strip().splitlines()[-1].lower()
        return (
            [] if any(text in last for text in wanted) else [f"the refusal does not say {wanted}"]
        )
    return [*_shape(fact, done.scores), *_content(fact, done.scores), *_fault(fact, done.events)]


def _shape(fact, scores):
    problems = []
    if fact["steps"] and len(scores) != int(fact["steps"]):
        problems.append(f"{len(scores)} steps, not {fact['steps']}")
    times = TimestampParser().parse([row["time"] for row in scores])
    for name, got in (("first", times[0]), ("last", times[-1])):
        wanted = fact[name]
        if not wanted:
            continue
        ns = float(wanted) * 1e9 if wanted.replace(".", "").isdigit() else _ns(wanted)
        # Rows that carry a time of their own lie on the grid beside it.
        if abs(got - ns) > 0.5e9 * float(fact["period_s"] or 60):
            problems.append(f"{name} time {scores[0 if name == 'first' else -1]['time']}")
    if fact["period_s"]:
        period = float(np.median(np.diff(times))) / 1e9
        if abs(period / float(fact["period_s"]) - 1) > 1e-3:
            problems.append(f"period {period}")
    return problems


def _ns(text):
    return int(TimestampParser().parse([text])[0])


def _content(fact, scores):
    problems = []
    names = json.loads(fact["channels"]) if fact["channels"] else []
    columns = [name.removeprefix("'") for name in scores[0]]
    got = columns[1 : columns.index("score")] if "score" in columns else columns
    if names and got[: len(names)] != names and "score" not in names:
        return [f"channels {got}"]
    keys = dict(zip(columns, scores[0], strict=True))
    values = {n: [float(r[keys[n]] or "nan") for r in scores] for n in names if n in keys}
    for name, (least, most) in (json.loads(fact["ranges"]) if fact["ranges"] else {}).items():
        found = np.array(values[name])
        if not np.isclose([np.nanmin(found), np.nanmax(found)], [least, most], atol=0.051).all():
            problems.append(f"{name} from {np.nanmin(found):g} to {np.nanmax(found):g}")
    if fact["missing"]:
        missing = sum(int(np.isnan(column).sum()) for column in values.values())
        if missing != int(fact["missing"]):
            problems.append(f"{missing} missing, not {fact['missing']}")
    return problems


def _fault(fact, events):
    if not fact["fault_start"] or fact["file"] in EVENTLESS:
        return []
    start, end = _ns(fact["fault_start"]), _ns(fact["fault_end"])
    parser = TimestampParser()
    for event in events:
        first, last = parser.parse([event["start"], event["end"]])
        blamed = RENAMED.get(fact["file"], {}).get(fact["fault_channel"], fact["fault_channel"])
        if first <= end and last >= start and blamed in event["channels"]:
            return []
    return ["the fault is not found"]
