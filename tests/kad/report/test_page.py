"""The report: what is on the page, that it is whole, and that a browser can use it."""

import html
import re

import numpy as np
import pandas as pd
import pytest
from markupsafe import escape

from kad.data.frames import times_ns
from kad.report import write as report
from kad.report.findings import find
from kad.report.series import SeriesChart
from kad.report.write import write_report
from toys.pages import NAMES, WINDOW, data_of, figures_of, page_of, series


class TestPage:
    def test_every_channel_is_there(self, page):
        """Each channel has a panel, and so have score and severity."""
        figure = figures_of(page_of(page))["series"]
        titles = [note["text"] for note in figure["layout"]["annotations"]]
        assert len(titles) == len(NAMES) + 2
        for name, title in zip(NAMES, titles, strict=False):
            assert html.escape(name) in title
        assert "°C" in titles[0]
        data = data_of(page_of(page))
        assert data["channels"] == NAMES
        assert [len(panel["lines"]) for panel in data["panels"]] == [2, 2, 1, 1]

    def test_threshold_is_the_run_s(self, run, page):
        """The slider stands at the run's threshold and reaches to both sides of it."""
        data = data_of(page_of(page))
        assert data["threshold"] == run.detector.card["threshold"]
        assert data["slider"]["low"] < data["threshold"] < data["slider"]["high"]
        assert data["policy"] == run.detector.card["alarm"]

    def test_rate_at_the_run_s_threshold_is_its_budget(self, run, page):
        """The threshold that a budget became stands for that budget again."""
        data = data_of(page_of(page))
        logarithm = np.log(data["rates"]["per_week"])
        thresholds = data["rates"]["threshold"]
        rate = np.exp(np.interp(data["threshold"], thresholds, logarithm))
        assert run.detector.card["false_alarms"] == "1/week"
        assert rate == pytest.approx(1.0, rel=0.05)

    def test_names_are_escaped(self, page):
        """What users wrote never becomes markup or script."""
        text = page_of(page)
        for name in (*NAMES, "a <run>"):
            assert name not in text
            assert str(escape(name)) in text

    def test_needs_no_network(self, page):
        """No element of the page loads anything."""
        outside = re.sub(r"<script>/\*\*.*?</script>", "", page_of(page), flags=re.DOTALL)
        assert not re.search(r"""<(script|link|img)[^>]*(src|href)=""", outside)

    def test_same_input_gives_the_same_bytes(self, run, page, tmp_path):
        """Nothing on the page depends on the clock or on chance."""
        again = write_report(run.folder, series(), labels=[WINDOW], output=tmp_path / "again.html")
        assert again.read_bytes() == page.read_bytes()

    def test_a_run_in_memory_is_not_loaded_again(self, run, page, tmp_path, monkeypatch):
        """What `kad train` holds gives the page that its folder and the data give."""
        monkeypatch.setattr(report, "load", None)
        again = write_report(run, run.frame, labels=[WINDOW], output=tmp_path / "again.html")
        assert again.read_bytes() == page.read_bytes()

    def test_training_rows_are_marked(self, run, page):
        """The rows of the training are marked where the series contains them, and only there."""
        frame = series()
        start, end = times_ns(frame)[[0, 599]]
        assert report._training_window(run.detector.metadata, frame) == (start, end)
        part = report._training_window(run.detector.metadata, frame[300:])
        assert part == (times_ns(frame)[300], end)
        assert report._training_window(run.detector.metadata, frame[600:]) is None
        assert "training rows</li>" in page_of(page)

    def test_labels(self, page):
        """The rows of labelled windows are there for the figures, and curves over thresholds."""
        data = data_of(page_of(page))
        times = times_ns(series())
        inside = (times >= WINDOW[0].value) & (times <= WINDOW[1].value)
        ((start, end),) = data["labels"]["ranges"]
        assert end - start == inside.sum()
        assert data["labels"]["windows"][0]["rows"] == [start, end]
        assert data["skipped"] == data["training"]
        assert "thresholds" in figures_of(page_of(page))
        assert 'id="labels"' in page_of(page)

    def test_missing_samples_and_gaps_break_the_line(self, run):
        """A missing sample and a gap leave the measured line open; the warm-up has no verdict."""
        figure = SeriesChart(find(run.detector, series()), score=1.0).figure()
        lines = [trace for trace in figure.data if trace.name == "measured"]
        assert np.isnan(lines[0].y[400])
        assert np.isnan(lines[1].y[620])
        expected = next(trace for trace in figure.data if trace.name == "expected")
        assert np.isnan(expected.y[: run.detector.warmup_steps]).all()
        assert np.isfinite(expected.y[run.detector.warmup_steps])


class TestWithout:
    def test_without_data(self, run, tmp_path):
        """Without data the page is about the training."""
        text = page_of(write_report(run.folder, output=tmp_path / "page.html"))
        assert "Trained, not yet applied to data" in text
        assert set(figures_of(text)) == {"training", "scores"}
        assert data_of(text) is None
        assert 'id="events"' not in text
        assert "hidden_units = 16" in text

    def test_without_alarms(self, run, tmp_path):
        """A series without an alarm is said to have none."""
        calm = series(fault=False)[60:100]
        text = page_of(write_report(run.folder, calm, output=tmp_path / "page.html"))
        assert "<h1>No events in 40 minutes</h1>" in text

    def test_too_short_for_a_verdict(self, run, tmp_path):
        """A series shorter than the warm-up is said to be too short."""
        text = page_of(write_report(run.folder, series()[:5], output=tmp_path / "page.html"))
        assert "too short for a verdict" in text

    def test_time_in_seconds(self, run, tmp_path):
        """A series without dates is drawn over elapsed time."""
        frame = series()
        frame.index = pd.Index(np.arange(len(frame)) * 60.0, name="time")
        text = page_of(write_report(run.folder, frame, output=tmp_path / "page.html"))
        assert figures_of(text)["series"]["layout"]["xaxis"]["type"] == "linear"
        assert not data_of(text)["axis"]["calendar"]
