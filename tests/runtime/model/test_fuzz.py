"""Damaged files by the thousand; `scripts/fuzz` tries more."""

import pytest

pytest.importorskip("onnx")

from runtime.model.detector import Detector
from toys.damage import WEIGHTS, Base
from toys.fuzz import HARMLESS, fuzz, judge
from toys.onnx_files import graph, metadata, sealed, toy


@pytest.mark.slow
def test_damage_is_found():
    """Each is refused in one line, or scores as the intact file does; nothing is printed."""
    counts, bad = fuzz(3000, seed=1)
    assert not bad, bad
    assert sum(counts.values()) == 3000
    for kind in WEIGHTS:
        assert counts[kind, "refused"] + counts[kind, "verify"] > 200
    assert counts["metadata", "same"] > 50


def test_the_judge_can_find_something(monkeypatch):
    """Another network is other numbers, and what is no KadError comes through."""
    base = Base(toy())
    assert judge(base, base.content) == "same"
    assert judge(base, base.content[:-1]) == "refused"
    other = sealed(graph(metadata(), decay=0.8), metadata())
    assert judge(base, other) == "OTHER NUMBERS"
    assert judge(base, toy(golden=False)) == "verify"
    assert {"same", "refused", "verify"} == set(HARMLESS)

    def broken(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(Detector, "step", broken)
    with pytest.raises(ZeroDivisionError):
        judge(base, base.content)
