"""Calls of many streams are cut: what is in the cache stays there."""

import numpy as np
import pytest

pytest.importorskip("onnx")

from runtime.model.detector import Detector
from runtime.streams import rounds
from runtime.streams.rounds import Rounds
from toys.onnx_files import toy


def scored(detector, order):
    """Returns scores and states of seven streams that take steps in this order."""
    made = Rounds(detector, 7)
    rng = np.random.default_rng(3)
    out = []
    for streams in order:
        x = rng.normal(20, 3, (len(streams), 1, 2)).astype(np.float32)
        out += [array[:, 0] for array in made.step(x, np.array(streams))[:-1]]
    return [*out, made.state]


@pytest.mark.parametrize("fixed", ["streams", 1, 2])
def test_streams_in_parts_score_as_all_at_once(fixed, monkeypatch):
    detector = Detector(toy(("a", "b"), streams=fixed))
    order = [list(range(7)), [0, 2, 3, 5, 6], [6, 1, 4], list(range(7)), [3], list(range(7))[::-1]]
    expected = scored(detector, order)
    monkeypatch.setattr(rounds, "_AT_ONCE_BYTES", 0)
    monkeypatch.setattr(rounds, "_LEAST_AT_ONCE", 3)
    made = Rounds(detector, 7)
    sizes = []
    call = made._call
    made._call = lambda x, state: sizes.append(len(x)) or call(x, state)
    made.step(np.ones((7, 1, 2), np.float32), slice(None))
    assert max(sizes) <= 3
    assert sum(sizes) == 7
    for found, wanted in zip(scored(detector, order), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_a_call_has_whole_groups_where_their_number_is_fixed():
    assert rounds._at_once(4746, 1) == (4 << 20) // (4 * 4746)
    assert rounds._at_once(10**6, 1) == 32
    assert rounds._at_once(4746, 50) == 200
    assert rounds._at_once(10**6, 100) == 100
