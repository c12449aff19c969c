"""Metrics: counted right from many threads, and written as Prometheus reads them."""

import re
import threading

import numpy as np
import pytest

from runtime.errors import InputError
from runtime.gateway.operate.families import Families
from runtime.gateway.operate.metrics import CONTENT_TYPE, Histogram, Registry

SAMPLE = re.compile(
    r"[a-zA-Z_:][a-zA-Z0-9_:]*"
    r'(\{([a-zA-Z_]\w*="(\\\\|\\"|\\n|[^\\"\n])*",?)+\})?'
    r" (NaN|[+-]Inf|-?[0-9.]+(e[+-]?\d+)?)"
)


@pytest.fixture
def registry():
    return Registry()


def lines(registry):
    return registry.render().decode().split("\n")


def test_text_of_all_kinds(registry):
    """The whole text of three families, byte by byte."""
    messages = registry.counter("kad_messages_total", "What came.", ("source", "result"))
    messages.of("plant", "good").inc(3)
    messages.of("plant", "bad").inc()
    registry.gauge("kad_lag_seconds", "Behind.").of().set(0.25)
    fsync = registry.histogram("kad_fsync_seconds", "Commit.", edges=(0.01, 0.1)).of()
    for seconds in (0.01, 0.05, 3.0):
        fsync.observe(seconds)
    assert registry.render().decode().split("kad_metric_series_folded_total 0\n")[1] == (
        "# HELP kad_messages_total What came.\n"
        "# TYPE kad_messages_total counter\n"
        'kad_messages_total{source="plant",result="bad"} 1\n'
        'kad_messages_total{source="plant",result="good"} 3\n'
        "# HELP kad_lag_seconds Behind.\n"
        "# TYPE kad_lag_seconds gauge\n"
        "kad_lag_seconds 0.25\n"
        "# HELP kad_fsync_seconds Commit.\n"
        "# TYPE kad_fsync_seconds histogram\n"
        'kad_fsync_seconds_bucket{le="0.01"} 1\n'
        'kad_fsync_seconds_bucket{le="0.1"} 2\n'
        'kad_fsync_seconds_bucket{le="+Inf"} 3\n'
        "kad_fsync_seconds_sum 3.06\n"
        "kad_fsync_seconds_count 3\n"
    )
    assert CONTENT_TYPE == "text/plain; version=0.0.4; charset=utf-8"


def test_escapes(registry):
    r"""Backslash, quote and line break in values; backslash and line break in help."""
    registry.gauge("g", 'a "b" \\ c\nd', ("model",)).of('p\\7 "x"\ny').set(1)
    text = lines(registry)
    assert '# HELP g a "b" \\\\ c\\nd' in text
    assert 'g{model="p\\\\7 \\"x\\"\\ny"} 1' in text


@pytest.mark.parametrize(
    ("value", "text"),
    [(float("nan"), "NaN"), (float("inf"), "+Inf"), (-float("inf"), "-Inf"), (2.0, "2"),
     (1e15, "1000000000000000.0"), (1e-9, "1e-09"), (-0.5, "-0.5")],
)  # fmt: skip
def test_numbers(registry, value, text):
    """Numbers as Prometheus reads them."""
    registry.gauge("g", "").of().set(value)
    assert lines(registry)[-2] == f"g {text}"


def test_all_families_are_valid(registry):
    """Every line is a comment or a sample; each family's lines stand together."""
    families = Families(registry, per_stream=True)
    families.messages.of("a", "good").inc()
    families.score.of("m").observe(0.1)
    families.stream_severity.of('x "y"\n\\').set(3)
    text = registry.render().decode()
    assert text.endswith("\n")
    assert "\n\n" not in text
    seen = []
    for line in text.splitlines():
        if line.startswith("# "):
            _, word, name, about = line.split(" ", 3)
            assert word in ("HELP", "TYPE")
            assert about
            if word == "HELP":
                seen.append(name)
            assert name == seen[-1]
        else:
            assert SAMPLE.fullmatch(line), line
            assert line.startswith(seen[-1])
    assert len(seen) == len(set(seen))


def test_no_label_per_stream_unless_asked(registry):
    """Streams are no label by default."""
    families = Families(registry)
    assert families.stream_severity is None
    assert b"kad_stream_severity" not in registry.render()


def test_threads_lose_nothing(registry):
    """Eight threads count, and none is lost."""
    family = registry.counter("n_total", "", ("who",))
    histogram = registry.histogram("h", "").of()

    def count():
        for number in range(2000):
            family.of("all").inc()
            family.of(str(number % 3)).inc()
            histogram.observe(0.5)

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert family.of("all").value == 16_000
    assert sum(series.value for _, series in family.series()) == 32_000
    assert histogram.count == 16_000


def test_labels_of_strangers_are_bounded(registry):
    """What a family has no room for shares one series, and is counted."""
    kinds = registry.counter("bad_total", "", ("kind",), most=10)
    for number in range(50):
        kinds.of(f"k{number}").inc()
    values = {labels[0]: series.value for labels, series in kinds.series()}
    assert len(values) == 11
    assert values["other"] == 40
    assert "kad_metric_series_folded_total 40" in lines(registry)


def test_a_gauge_that_asks(registry):
    """A function is asked at each rendering; one that fails gives NaN, and nothing else fails."""
    answers = iter([1.0, 2.0])
    registry.gauge("g", "").of().ask(lambda: next(answers))
    assert [lines(registry)[-2] for _ in range(3)] == ["g 1", "g 2", "g NaN"]


def test_many_at_once():
    """`observe_many` counts as `observe` one by one does, edges and NaN included."""
    values = np.array([0.001, 0.0011, 10.0, 11.0, np.nan, -1.0, np.inf])
    one, many = Histogram(), Histogram()
    for value in values:
        one.observe(value)
    many.observe_many(values)
    assert one.samples() == many.samples()
    assert many.count == 6


def test_removed(registry):
    """A model that left has no series."""
    family = registry.gauge("kad_model_info", "", ("model",))
    family.of("a").set(1)
    family.remove("a")
    family.remove("never")
    assert family.series() == []


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda r: r.counter("n", ""), "must end in _total"),
        (lambda r: r.gauge("a-b", ""), "letters, digits and _"),
        (lambda r: r.gauge("ok", "", ("__x",)), "letters, digits and _"),
        (lambda r: r.histogram("ok", "", ("le",)), "no label 'le'"),
        (lambda r: r.histogram("ok", "", edges=(1, 1)), "must rise"),
        (lambda r: [r.gauge("twice", ""), r.gauge("twice", "")], "twice"),
        (lambda r: r.gauge("ok", "", ("a",)).of("x", "y"), "a value for each of a"),
        (lambda r: r.counter("n_total", "").of().inc(-1), "must grow"),
        (lambda r: r.counter("n_total", "").of().inc(float("nan")), "must grow"),
    ],
)
def test_refused(registry, make, said):
    """Mistakes of the caller, in one line."""
    with pytest.raises(InputError, match=said):
        make(registry)
