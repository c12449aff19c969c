"""Other settings and models: prepared beside the old ones, in force or rolled back, and said so."""

import json
from dataclasses import replace

import pytest

from runtime.errors import ConfigError
from runtime.gateway.pipeline.controls import Controls
from runtime.gateway.pipeline.swapper import Swapper
from runtime.gateway.records import Record
from runtime.gateway.rules.commands import SwapCommand, swap_done
from toys.engines import Collected, detector, engine, rows, streams
from toys.histories import settings_of, values
from toys.pipelines import Said, families

COMMAND = SwapCommand(id="c1", origin="test", time_ns=0, model="gaussian", file="/new.onnx")


class ToyJournal:
    """Has all records that the engine has taken."""

    first = 1

    def __init__(self):
        self.records = []

    @property
    def last(self):
        return len(self.records)


class Rig:
    def __init__(self, folder):
        self.journal, self.controls, self.said = ToyJournal(), Controls(), Said()
        self.families, self.ends = families(), []
        library = {detector(n).metadata.identity: detector(n) for n in ("gaussian", "vae-lstm")}
        self.engine = engine(folder)
        self.engine._library.update(library)
        self.engine._succession._history = self.history
        self.swapper = Swapper(
            self.engine,
            models=library,
            journal=self.journal,
            history=self.history,
            controls=self.controls,
            families=self.families,
            say=self.said,
        )
        self.take(Record(new=streams("gaussian", 2)))
        for step in range(36):
            samples = [(s, step, values(step, s)) for s in range(2)]
            self.take(Record(rows=[rows("gaussian", samples)]))

    def history(self, after, upto):
        return [one for one in self.journal.records if after < one[0] <= upto]

    def take(self, record):
        self.journal.records.append((self.journal.last + 1, record))
        found = Collected()
        answers = []
        for outputs in self.engine.apply(self.journal.records[-1:]):
            found.add(outputs)
            answers += outputs.answers
        return found, [json.loads(answer) for _, answer in answers]

    def swap(self, make):
        self.swapper.take(make, self.ends.append)
        self.swapper._thread.join(60)
        assert not self.swapper.busy
        return self.controls.take()


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path)


def another(_before):
    """Settings with another model for the same channels."""
    return replace(settings_of("vae-lstm", 0, reorder=2), floods=None)


def test_a_model_takes_over_warm_and_the_answer_comes_then(rig):
    """Accepted first; done where the engine has it."""
    _, (accepted,) = rig.take(Record(commands=[COMMAND.to_json()]))
    assert accepted["changed"]["state"] == "accepted"
    wanted = rig.swap(another)
    assert rig.ends == [""]
    assert rig.families.swaps.of("taken").value == 1
    done = swap_done(COMMAND, detector("vae-lstm").metadata.identity)
    found, (answer,) = rig.take(Record(settings=wanted.settings.to_json(), commands=[done]))
    assert answer == {
        "id": "c1", "ok": True, "command": "swap",
        "changed": {"model": "gaussian", "file": "/new.onnx", "state": "done"},
    }  # fmt: skip
    assert [event.kind for event in found.events] == ["swap"]
    found, _ = rig.take(Record(rows=[rows("gaussian", [(0, 36, values(36, 0))])]))
    assert all(warm for *_, warm in found.scores.values())


def test_one_that_cannot_be_used_changes_nothing(rig):
    """It is said, in the log, as an event and to who asked."""

    def make(_before):
        raise ConfigError("no such model")

    wanted = rig.swap(make)
    assert rig.ends == ["no such model"]
    assert wanted.settings is None
    assert [command["note"] for command in wanted.commands] == ["swap"]
    assert rig.said.kinds("error") == ["swap"]
    assert rig.families.swaps.of("rolled_back").value == 1


def test_one_that_fails_at_the_last_rows_is_answered_so(rig):
    """The engine keeps the old one."""
    done = swap_done(COMMAND, "another identity")
    _, (answer,) = rig.take(Record(commands=[done]))
    assert not answer["ok"]
    assert "stays as it is" in answer["error"]


def test_the_same_again_is_done_at_once(rig):
    """And nothing is put into a record."""
    wanted = rig.swap(lambda before: before)
    assert rig.ends == [""]
    assert wanted.settings is None


def test_at_the_end_of_the_process_nothing_more_happens(rig):
    """What was being prepared is given up."""
    rig.swapper.stop()
    wanted = rig.swap(another)
    assert rig.ends == []
    assert wanted.settings is None
