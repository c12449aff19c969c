"""The scripts of a report: the same events, figures and words as the Python that they stand for."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kad.metrics import event_figures, precision_recall, to_mask
from kad.metrics.ranges import keep_rows
from kad.report import write as report
from kad.report.arrays import pack_exactly, pack_line, pack_numbers
from kad.report.words import TimeAxis, count, duration
from runtime.alarms.events import EventDetector, step_numbers
from runtime.model.policy import AlarmPolicy
from runtime.streams.scores import Scores

TEMPLATES = Path(report.__file__).parent / "templates"
PERIOD_S = 60.0
CHANNELS = 3
POLICIES = [
    AlarmPolicy(),
    AlarmPolicy(release=1.0),
    AlarmPolicy(release=0.5, merge_gap_steps=3),
    AlarmPolicy(min_duration_steps=4, merge_gap_steps=2),
    AlarmPolicy(refractory_steps=40),
    AlarmPolicy(max_duration_steps=3, merge_gap_steps=2),
    AlarmPolicy(max_duration_steps=1, refractory_steps=6, habituation_steps=200),
    AlarmPolicy(cool_down_steps=25, min_duration_steps=2),
    AlarmPolicy(habituation_steps=200, habituation_rise=0.2),
    AlarmPolicy(
        release=0.8,
        merge_gap_steps=2,
        min_duration_steps=2,
        refractory_steps=15,
        cool_down_steps=10,
        habituation_steps=80,
        habituation_rise=0.5,
    ),
]
THRESHOLDS = [0.8, 1.5, 2.0, 2.75, 3.3, 4.0]


@pytest.fixture(scope="module")
def scripts(browser):
    """A function that evaluates JavaScript beside the scripts of a report."""
    page = browser.new_page()
    for name in ("episodes", "figures", "arrays", "words"):
        page.add_script_tag(path=TEMPLATES / f"{name}.js")
    yield page.evaluate
    page.close()


def scored(seed, rows=3000):
    """Severities that come in bursts, with restarts: some after a gap in time, some without."""
    rng = np.random.default_rng(seed)
    severity = rng.exponential(0.45, rows)
    for start in rng.integers(0, rows, 60):
        length = int(rng.integers(1, 15))
        severity[start : start + length] += rng.uniform(0.5, 4)
    severity[rng.integers(0, rows, 20)] = 2.0  # exactly at a threshold
    restart = np.zeros(rows, bool)
    restart[[0, *rng.integers(1, rows, 6)]] = True
    steps = np.where(restart & (rng.random(rows) < 0.5), rng.integers(2, 90, rows), 1)
    times = np.cumsum(steps) * round(PERIOD_S * 1e9)
    return Scores(
        times_ns=times,
        values=np.zeros((rows, CHANNELS)),
        score=severity.astype("float32"),
        severity=severity.astype("float32"),
        expected=np.zeros((rows, CHANNELS), "float32"),
        channel_scores=rng.exponential(1, (rows, CHANNELS)).astype("float32") ** 2,
        alarm=severity >= 2,
        restart=restart,
        rows=np.arange(rows),
    )


def by_runtime(scores, policy, threshold, *, period_s):
    """Events of the runtime, as the script names them."""
    names = [str(channel) for channel in range(CHANNELS)]
    finder = EventDetector(names, threshold=threshold, policy=policy, period_s=period_s)
    events = sorted([*finder.update(scores), *finder.finish()], key=lambda e: e.start_ns)
    row = {time: i for i, time in enumerate(scores.times_ns.tolist())}
    return [
        {
            "start": row[e.start_ns],
            "end": row[e.end_ns],
            "peak": row[e.peak_ns],
            "severity": e.peak_severity,
            "steps": e.steps,
            "blamed": [int(name) for name in e.channels],
        }
        for e in events
    ]


def steps_of(scores, least, *, period_s):
    """What the page holds: rows at or above a severity, and restarts."""
    rows = np.flatnonzero((scores.severity >= np.float32(least)) | scores.restart)
    return {
        "row": rows.tolist(),
        "number": step_numbers(scores, period_s=period_s)[rows].tolist(),
        "severity": scores.severity[rows].tolist(),
        "restart": scores.restart[rows].astype(int).tolist(),
        "channelScores": scores.channel_scores[rows].ravel().tolist(),
    }


FIND = """([steps, policy, thresholds, channels]) =>
    thresholds.map((threshold) =>
        Episodes.find(steps, policy, threshold, channels)
            .map((event) => ({ ...event, blamed: event.blamed.map(({ channel }) => channel) })))"""


class TestEpisodes:
    @pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.text(1.0))
    def test_events_are_the_runtime_s(self, scripts, policy):
        """Every policy gives the runtime's events at every threshold, blame included.

        With a period and without one, which changes nothing but how long a gap is.
        """
        found = 0
        for seed, period_s in enumerate((PERIOD_S, None, PERIOD_S)):
            scores = scored(seed)
            steps = steps_of(scores, policy.release * min(THRESHOLDS), period_s=period_s)
            results = scripts(FIND, [steps, asdict(policy), THRESHOLDS, CHANNELS])
            for threshold, events in zip(THRESHOLDS, results, strict=True):
                assert events == by_runtime(scores, policy, threshold, period_s=period_s)
                found += len(events)
        assert found > 100

    def test_policies_differ(self):
        """No two of the policies above give the same events: each is a test of its own."""
        scores = scored(0)
        results = [
            json.dumps(by_runtime(scores, policy, 2.0, period_s=PERIOD_S)) for policy in POLICIES
        ]
        assert len(set(results)) == len(POLICIES)


class TestFigures:
    @pytest.mark.parametrize("skipped", [None, (0, 900), (700, 1400), (2500, 3000)])
    def test_figures_are_those_of_the_metrics(self, scripts, skipped):
        """Events and rows against labels, training rows left out: the figures of kad.metrics."""
        scores, threshold = scored(7), 2.0
        rows = len(scores)
        labels = [(50, 60), (650, 800), (1390, 1500), (2000, 2400), (2990, 3000)]
        keep = np.ones(rows, bool)
        if skipped:
            keep[slice(*skipped)] = False
        events = by_runtime(scores, AlarmPolicy(), threshold, period_s=PERIOD_S)
        ranges = keep_rows([(e["start"], e["end"] + 1) for e in events], keep)
        kept = keep_rows(labels, keep)
        expected = event_figures(ranges, kept, rows=int(keep.sum()), period_s=PERIOD_S)
        detected = scores.severity[keep] >= np.float32(threshold)
        points = precision_recall(detected, to_mask(labels, rows)[keep])

        series = {"rows": rows, "period_s": PERIOD_S, "skipped": skipped, "labels": labels}
        figures = scripts("([events, series]) => Figures.ofEvents(events, series)",
                          [events, series])  # fmt: skip
        steps = steps_of(scores, 1.0, period_s=PERIOD_S)
        pointwise = scripts(
            "([steps, threshold, series]) => Figures.ofRows(steps, threshold, series)",
            [steps, threshold, series],
        )
        assert figures["events"] == len(ranges)
        assert figures["recall"] == pytest.approx(expected.recall)
        assert figures["delay_s"] == pytest.approx(expected.delay_s)
        assert figures["falseAlarms"] == expected.false_alarms
        assert figures["falseAlarmsPerDay"] == pytest.approx(expected.false_alarms_per_day)
        assert figures["normalInEvents"] == pytest.approx(expected.normal_in_events)
        plain = scripts("([events, series]) => Figures.ofEvents(events, series)",
                        [events, {**series, "labels": None}])  # fmt: skip
        in_events = to_mask(ranges, int(keep.sum())).mean()
        assert plain["normalInEvents"] == pytest.approx(in_events)
        weeks = keep.sum() * PERIOD_S / 604_800
        assert figures["perWeek"] == pytest.approx(len(ranges) / weeks)
        assert pointwise["precision"] == pytest.approx(points.precision)
        assert pointwise["recallOfRows"] == pytest.approx(points.recall)
        assert pointwise["f1"] == pytest.approx(points.f1)


class TestArrays:
    UNPACK = "(packed) => Arrays.unpack(packed).then((values) => Array.from(values))"

    def test_numbers(self, scripts):
        """Numbers come back as they were, whether they rise or fall."""
        for numbers in ([0, 1, 5, 2_000_000_000], [3, -7, 3], [0, 1, 7_000_000_000, 5], []):
            assert scripts(self.UNPACK, pack_numbers(np.array(numbers))) == numbers

    @pytest.mark.parametrize("kind", ["float32", "float64"])
    def test_exact_values(self, scripts, kind):
        """Floats come back to the last bit."""
        values = np.random.default_rng(0).standard_normal(1000).astype(kind)
        assert scripts(self.UNPACK, pack_exactly(values)) == values.tolist()

    def test_lines(self, scripts):
        """A line comes back as finely as a chart can show it, with its gaps."""
        line = np.random.default_rng(0).standard_normal(5000).cumsum()
        line[1000:1010] = np.nan
        packed = pack_line(line)
        back = np.array(scripts(self.UNPACK, packed), "float64")
        assert packed["type"] == "u2"
        assert np.array_equal(np.isnan(back), np.isnan(line))
        assert np.nanmax(np.abs(back - line)) <= 0.5001 * np.ptp(line[np.isfinite(line)]) / 65_534

    def test_lines_with_an_outlier_keep_their_detail(self, scripts):
        """One sample far away does not round the others."""
        line = np.append(np.random.default_rng(0).standard_normal(5000), 1e9)
        packed = pack_line(line)
        back = np.array(scripts(self.UNPACK, packed))
        assert packed["type"] == "f4"
        assert np.array_equal(back, line.astype("float32"))

    @pytest.mark.parametrize("line", [np.full(9, np.nan), np.zeros(9), np.full(9, 7.5)])
    def test_lines_without_spread(self, scripts, line):
        """A constant or empty line is no error."""
        back = np.array(scripts(self.UNPACK, pack_line(line)), "float64")
        assert np.array_equal(back, line, equal_nan=True)

    def test_thinned_lines_keep_extremes(self, scripts):
        """No extreme sample of any line is lost, and few enough rows are left."""
        rng = np.random.default_rng(0)
        lines = rng.standard_normal((2, 50_000))
        lines[0, 12_345], lines[1, 43_210] = 99.0, -99.0
        lines[0, 20_000:30_000] = np.nan
        chosen = scripts(
            "(lines) => Arrays.thin(lines.map((l) => l.map((v) => v ?? NaN)), 0, 50000, 500)",
            [[None if np.isnan(v) else v for v in line] for line in lines.tolist()],
        )
        assert {12_345, 43_210} <= set(chosen)
        assert chosen == sorted(set(chosen))
        assert len(chosen) <= 500 * 5
        assert any(20_000 <= row < 30_000 for row in chosen)


class TestWords:
    def test_times_and_durations(self, scripts):
        """The scripts write times, durations and counts as Python does."""
        for seconds in (0.25, 59, 60, 300, 3599, 64_200, 86_400, 7 * 86_400 + 7200, 100 * 86_400):
            assert scripts("Words.duration", seconds) == duration(seconds)
        for number in (0, 1, 2, 1234):
            assert scripts("(n) => Words.count(n, 'event')", number) == count(number, "event")

    @pytest.mark.parametrize("period_s", [0.25, 1.0, 60.0])
    @pytest.mark.parametrize("start_s", [0.0, 1_700_000_000.0])
    def test_axis(self, scripts, period_s, start_s):
        """Both kinds of time axis name the same moments."""
        times = round(1e9 * start_s) + np.arange(1000) * round(1e9 * period_s)
        axis = TimeAxis(times, pd.RangeIndex(1000), period_s=period_s)
        tree = {"calendar": axis.is_calendar, "fine": axis.fine, "unit": axis.unit}
        for time in times[[0, 1, 17, 999]].tolist():
            x = float(axis.x(time))
            assert scripts("([x, axis]) => Words.time(x, axis)", [x, tree]) == axis.text(time)

    @pytest.mark.parametrize(
        ("per_week", "expected"),
        [
            (0, "none"), (0.995, "1 a week"), (3, "3 a week"), (21, "3 a day"),
            (400, "2.4 an hour"), (7 / 365, "1 a year"), (7 / 3650, "1 in 10 years"),
            (0.2, "10 a year"), (1e-9, "under 1 in 100 years"),
        ],
    )  # fmt: skip
    def test_rates(self, scripts, per_week, expected):
        """Rates read as people say them."""
        assert scripts("Words.rate", per_week) == expected
