"""A disk that refuses, and then a kill: what was published without a record comes again, marked."""

import shutil
from dataclasses import replace

from runtime.errors import JournalError
from toys.engines import START_NS, detector
from toys.gateways import Whole
from toys.histories import values
from toys.pipelines import ToySource

PERIOD_S = round(detector().metadata.period_s)


def put(source, steps, *, again=False):
    """Rows of one device, as a broker brings them."""
    for step in steps:
        channels = dict(zip("ab", values(step, 0).round(4).tolist(), strict=True))
        source.put({"ts": START_NS // 10**9 + step * PERIOD_S, "device": "p", **channels})
        source.waiting[-1] = replace(source.waiting[-1], again=again)


def repeats(whole):
    """Whether each step that went out said that it may have gone out before."""
    return {
        int(time - START_NS) // (PERIOD_S * 10**9): outputs.repeat
        for outputs in list(whole.sink.written)
        for rows in outputs.scored
        for time in rows.scores.times_ns.tolist()
    }


def test_what_was_published_without_a_record_comes_again_and_says_so(tmp_path):
    """The broker has kept it; none is missing, and what is new is not marked."""
    first = ToySource()
    with Whole(tmp_path / "a", first) as whole:
        put(first, range(10))
        whole.until(lambda: len(repeats(whole)) == 10 and len(first.acknowledged) == 10)
        journal = whole.kept.journal
        works = journal.append_many

        def refuses(*_):
            raise JournalError("the disk is full")

        journal.append_many = refuses
        put(first, range(10, 20))
        whole.until(lambda: len(repeats(whole)) == 20)
        assert len(first.acknowledged) == 10
        # As a kill leaves it.
        shutil.copytree(tmp_path / "a/state", tmp_path / "b/state")
        journal.append_many = works
    second = ToySource()
    put(second, range(10, 20), again=True)
    with Whole(tmp_path / "b", second, may_repeat=True) as whole:
        whole.until(lambda: len(second.acknowledged) == 10)
        put(second, range(20, 22))
        whole.until(lambda: len(repeats(whole)) >= 12 and len(second.acknowledged) == 12)
        put(second, range(22, 25))
        whole.until(lambda: 24 in repeats(whole))
        found = repeats(whole)
    assert {step: found[step] for step in range(10, 20)} == dict.fromkeys(range(10, 20), True)
    assert [found[step] for step in (22, 23, 24)] == [False] * 3


def test_a_life_that_ended_with_all_on_the_disk_says_so(tmp_path):
    """And one whose disk refused to the end does not."""
    source = ToySource()
    with Whole(tmp_path / "a", source) as whole:
        put(source, range(3))
        whole.until(lambda: len(source.acknowledged) == 3)
    assert whole.gateway.is_kept
    source = ToySource()
    with Whole(tmp_path / "a", source) as whole:

        def refuses(*_):
            raise JournalError("the disk is full")

        whole.kept.journal.append_many = refuses
        put(source, range(3, 6))
        whole.until(lambda: 5 in repeats(whole))
    assert not whole.gateway.is_kept
