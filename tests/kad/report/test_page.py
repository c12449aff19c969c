"""The report: what is on the page, that it is whole, and that a browser can use it."""

import html
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from markupsafe import escape
from scipy import stats

from kad.data.frames import times_ns
from kad.metrics import precision_recall
from kad.report import write as report
from kad.report.findings import find
from kad.report.levels import scores_at
from kad.report.picture import find_browser, take_picture
from kad.report.series import POINTS, SeriesChart, thin
from kad.report.thresholds import scores_figure, thresholds_figure
from kad.report.words import budget, count, duration, span
from kad.report.write import write_report
from runtime.errors import InputError
from toys.pages import NAMES, data_of, figures_of, page_of, series
from toys.series import TINY, ten_minutes, wave

WINDOW = (pd.Timestamp("2025-01-01 11:45"), pd.Timestamp("2025-01-01 12:10"))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A trained run whose channels have awkward names."""
    from kad.config import build_config
    from kad.runs.train import train

    config = build_config(overrides={**TINY, "data": {"train": "0:600", "units": {NAMES[0]: "°C"}}})
    return train(config, series(), out=tmp_path_factory.mktemp("report") / "a <run>")


@pytest.fixture(scope="module")
def page(run, tmp_path_factory):
    """The page of a series with a fault and labels."""
    output = tmp_path_factory.mktemp("page") / "page.html"
    return write_report(run.folder, series(), labels=[WINDOW], output=output)


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
        assert report._training_window(run.detector, frame) == (start, end)
        part = report._training_window(run.detector, frame[300:])
        assert part == (times_ns(frame)[300], end)
        assert report._training_window(run.detector, frame[600:]) is None
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


class TestScores:
    def test_normal_fit(self):
        """The dotted curve is the density of a normal distribution with the scores' moments."""
        scores = np.random.default_rng(0).normal(5.0, 2.0, 20_000)
        figure = scores_figure(scores, threshold=12.0, series=scores)
        bars, line, fit = figure.data
        assert line.name == "this series"
        width = bars.width
        density = stats.norm(scores.mean(), scores.std()).pdf(fit.x) * 100 * width
        known = np.isfinite(fit.y)
        assert np.allclose(fit.y[known], density[known])
        assert density[~known].max() < 50 / len(scores)
        assert np.nansum(bars.y) == pytest.approx(100, abs=0.1)

    def test_scores_without_spread(self):
        """Scores that are all the same have no fit."""
        figure = scores_figure(np.zeros(100), threshold=1.0)
        assert [trace.name for trace in figure.data] == ["calibration rows"]

    def test_curves_over_thresholds(self):
        """Precision, recall and F-beta at a threshold are those of the rows there."""
        rng = np.random.default_rng(0)
        labels = rng.random(2000) < 0.2
        severity = rng.exponential(1, 2000) + labels
        figure = thresholds_figure(severity, labels, low=0.5, high=4.0, threshold=2.0)
        curves = {trace.name: trace.y for trace in figure.data}
        for i in (0, 50, 199):
            pair = precision_recall(severity >= figure.data[0].x[i], labels)
            assert curves["precision"][i] == pytest.approx(pair.precision)
            assert curves["recall"][i] == pytest.approx(pair.recall)
            assert curves["F1"][i] == pytest.approx(pair.f1)
            half = 1.25 * pair.precision * pair.recall / (0.25 * pair.precision + pair.recall)
            assert curves["F0.5"][i] == pytest.approx(half)


class TestDiagnostics:
    def test_vae_lstm(self, run):
        """Reconstructions are the networks' own, embeddings meet the LSTM's predictions."""
        detector, frame = run.detector, series()[:300]
        reconstructions, samples, embeddings = detector.diagnostics(frame)
        assert reconstructions.columns == 6
        assert len(reconstructions.panels) == 6 * len(NAMES)
        first = reconstructions.panels[0]
        parts = detector.components()
        windows = np.stack([reconstructions.panels[i].curves[0].y for i in (0, 6)], axis=-1)
        assert np.allclose(windows, frame[NAMES].to_numpy()[: detector.l_win], rtol=1e-5)
        mean = parts["encoder"].function(windows[None].astype("float32"))["mean"]
        decoded = np.asarray(parts["decoder"].function(mean)["windows"])[0]
        assert first.curves[1].role == "expected"
        assert np.allclose(first.curves[1].y, decoded[:, 0], rtol=1e-4)
        assert [len(panel.curves) for panel in samples.panels] == [24, 24]
        assert len(embeddings.panels) == detector.code_size
        known, predicted = (curve.y for curve in embeddings.panels[0].curves)
        assert len(known) == len(predicted) == 300 // detector.l_win - detector.l_seq + 1
        codes = [panel.curves[0].y for panel in embeddings.panels]
        sequence = np.stack(codes, axis=-1)[None, : detector.l_seq - 1]
        following = np.asarray(parts["lstm"].function(sequence)["predicted"])[0, -1]
        drawn = [panel.curves[1].y[detector.l_seq - 1] for panel in embeddings.panels]
        assert np.allclose(drawn, following, rtol=1e-4, atol=1e-5)

    def test_rnn(self, rnn_run):
        """The lines are the detector's predictions."""
        frame = ten_minutes()[:200]
        (picture,) = rnn_run.detector.diagnostics(frame)
        table = rnn_run.detector.predictions(frame)
        for panel in picture.panels:
            lines = {curve.role: curve.y for curve in panel.curves}
            for role, prefix in (("expected", "one_step_"), ("second", "n_step_"),
                                 ("third", "mean_"), ("measured", "")):  # fmt: skip
                expected = table[f"{prefix}{panel.title}"].to_numpy()
                assert np.array_equal(lines[role], expected, equal_nan=True)

    def test_a_short_stretch(self, run):
        """Too few rows for a window or a sequence leave their pictures out."""
        names = [picture.name for picture in run.detector.diagnostics(series()[:3])]
        assert names == ["prior-samples"]
        names = [picture.name for picture in run.detector.diagnostics(series()[:8])]
        assert names == ["reconstructions", "prior-samples"]

    def test_none(self):
        """A detector brings no pictures unless it says so."""
        from kad.detectors.gaussian import MovingGaussian

        assert MovingGaussian(["a"]).diagnostics(wave(channels=1)) == []

    def test_on_the_page(self, page):
        """Every picture has its chart and its words."""
        text = page_of(page)
        for name in ("reconstructions", "prior-samples", "embeddings"):
            assert name in figures_of(text)
            assert f'id="chart-{name}"' in text


class TestThin:
    def test_short_series_are_whole(self):
        """Nothing is left out where everything fits."""
        assert thin(np.zeros((100, 1))).tolist() == list(range(100))

    def test_extremes_gaps_and_kept_rows_stay(self):
        """The extreme samples, long gaps and marked rows of a long series survive."""
        rng = np.random.default_rng(0)
        line = rng.standard_normal(500_000)
        line[123_456], line[345_678] = 99.0, -99.0
        line[200_000:210_000] = np.nan
        line[rng.integers(0, len(line), 2000)] = np.nan
        keep = np.zeros(len(line), bool)
        keep[7777:7790] = True
        rows = thin(line[:, None], keep=keep)
        chosen = set(rows.tolist())
        assert {0, 123_456, 345_678, len(line) - 1, *range(7777, 7790)} <= chosen
        first = int(np.flatnonzero(np.isnan(line[rows]) & (rows >= 199_900))[0])
        assert rows[first] <= 200_000 <= rows[first + 1]
        assert len(rows) < 1.1 * POINTS
        assert (np.diff(rows) > 0).all()

    def test_only_missing_samples(self):
        """A channel without a sample is no error."""
        assert len(thin(np.full((50_000, 1), np.nan))) >= 2


class TestFiles:
    def test_output_in_the_run(self, run):
        """The page lands in the run where no place is named."""
        assert write_report(run.folder) == run.folder / "report.html"
        assert (run.folder / "report.html").is_file()

    def test_old_page_survives_a_failure(self, run, tmp_path, monkeypatch):
        """A failure leaves the old page and nothing half-written."""
        output = tmp_path / "page.html"
        output.write_text("old")
        monkeypatch.setattr(Path, "replace", _full_disk)
        with pytest.raises(InputError, match="cannot be written"):
            write_report(run.folder, output=output)
        assert output.read_text() == "old"
        assert list(tmp_path.iterdir()) == [output]

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"data": "absent.csv"}, "absent.csv cannot be read"),
            ({"labels": [WINDOW]}, "give the data too"),
            ({"data": wave()}, "missing: "),
            ({"output": "/nowhere/page.html"}, "/nowhere/page.html cannot be written"),
            ({"data": series(), "labels": [WINDOW[::-1]]}, "end before it starts"),
            ({"data": series(), "labels": "absent.csv"}, "labels absent.csv cannot be read"),
        ],
    )
    def test_bad_input(self, run, arguments, message):
        """Bad input is one line that says what is wrong."""
        with pytest.raises(InputError, match=re.escape(message)) as caught:
            write_report(run.folder, **arguments)
        assert "\n" not in str(caught.value)

    def test_no_run(self, tmp_path):
        """A folder without a run is refused."""
        with pytest.raises(InputError, match=r"holds no model\.keras"):
            write_report(tmp_path)

    def test_no_browser(self, page, tmp_path, monkeypatch):
        """A picture without a browser is refused with the way out."""
        monkeypatch.setenv("PATH", "")
        with pytest.raises(InputError, match="Install one"):
            take_picture(page, tmp_path / "page.png")


def _full_disk(*_):
    raise OSError(28, "No space left on device")


def test_levels_in_units_of_the_score(run):
    """The calibration gives the score of each severity that severity."""
    severities = np.array([0.7, 1.5, run.detector.card["threshold"], 6.0])
    scores = scores_at(run.detector, severities)
    back = np.asarray(run.detector.calibration(scores.astype("float32")))
    assert back == pytest.approx(severities, rel=1e-4)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (count(0, "event"), "no events"),
        (count(1, "event"), "1 event"),
        (count(1234, "event"), "1,234 events"),
        (duration(0.25), "0.25 s"),
        (duration(300), "5 min"),
        (duration(64_200), "17 h 50 min"),
        (duration(86_400), "1 day"),
        (duration(7 * 86_400 + 7200), "7 days 2 h"),
        (span(14 * 86_400), "14 days"),
        (span(86_400), "24 hours"),
        (budget("1/week"), "1 false alarm a week"),
        (budget("2/h"), "2 false alarms an hour"),
    ],
)
def test_words(text, expected):
    """Numbers read as an operator would say them."""
    assert text == expected


@pytest.mark.skipif(find_browser() is None, reason="needs Chromium or Chrome on PATH")
class TestPicture:
    def test_picture(self, run, tmp_path):
        """`png` leaves a picture of the whole page."""
        write_report(run.folder, output=tmp_path / "page.html", png=tmp_path / "pictures")
        picture = (tmp_path / "pictures" / "page.png").read_bytes()
        width, height = (int.from_bytes(picture[i : i + 4]) for i in (16, 20))
        assert picture.startswith(b"\x89PNG")
        assert width == 1280
        assert height > 500
