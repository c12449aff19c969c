"""The report in a browser: the threshold moves, events and figures follow, zooming shows more."""

import re

import numpy as np
import pandas as pd
import pytest

from kad.metrics import event_figures, precision_recall, to_mask
from kad.metrics.ranges import keep_rows
from kad.report.findings import Window, find
from kad.report.series import POINTS
from kad.report.words import duration, span
from kad.report.write import write_report
from runtime.alarms.events import EventDetector
from toys.pages import NAMES
from toys.series import wave

ROWS = 20_000
FAULTS = [
    (15_000, 15_040, 30.0),
    (16_500, 16_520, 3.0),
    (18_000, 18_200, 1.6),
    (19_000, 19_003, 9.0),
]
LABELS = [(14_990, 15_030), (16_500, 16_530), (17_000, 17_100), (18_050, 18_260)]
TRAINED = 10_000


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A moving Gaussian, which trains at once, on a long series."""
    from kad.config import build_config
    from kad.runs.train import train

    config = build_config(
        detector="gaussian",
        overrides={"data": {"train": f"0:{TRAINED}"}, "alarm": {"false_alarms": "1/day"}},
    )
    return train(config, series(), out=tmp_path_factory.mktemp("runs") / "long")


def series():
    """Two channels with faults of several sizes, missing samples and a gap that restarts."""
    frame = wave(ROWS)
    for start, end, shift in FAULTS:
        frame.iloc[start:end, 0] += shift
    frame.iloc[17_500:17_505, 1] = np.nan
    return frame.drop(frame.index[17_800:17_990])


def label_times():
    index = wave(ROWS).index
    return [(index[start], index[end - 1]) for start, end in LABELS]


@pytest.fixture(scope="module")
def written(run, tmp_path_factory):
    """The page of the series with its labels."""
    output = tmp_path_factory.mktemp("page") / "page.html"
    return write_report(run.folder, series(), labels=label_times(), output=output)


@pytest.fixture(scope="module")
def findings(run):
    """What the page is about, in Python."""
    windows = [Window(start.value, end.value) for start, end in label_times()]
    frame = series()
    training = Window(frame.index[0].value, frame.index[TRAINED - 1].value)
    return find(run.detector, frame, labels=windows, training=training)


@pytest.fixture
def page(browser, written):
    """The opened page; what its console says and what it asks the network for fails the test."""
    opened = browser.new_page(viewport={"width": 1400, "height": 1000})
    said, asked = [], []
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto(written.as_uri())
    opened.wait_for_selector("html[data-height]")
    yield opened
    opened.close()
    assert said == []
    assert asked == [written.as_uri()]


def events_at(run, findings, threshold):
    finder = EventDetector(
        findings.metadata.channels,
        threshold=threshold,
        policy=run.detector.alarm_policy,
        period_s=findings.metadata.period_s,
    )
    return [*finder.update(findings.scores), *finder.finish()]


def move(page, threshold):
    """Types a threshold, as sliding would set it, and waits until everything is drawn."""
    page.evaluate(
        """(threshold) => {
          const slider = document.getElementById("slider");
          slider.value = threshold;
          slider.dispatchEvent(new Event("input"));
        }""",
        threshold,
    )
    page.wait_for_function("(t) => Number(document.body.dataset.threshold) === t", arg=threshold)


def rows_of(page):
    """Start, end, severity and channels of every event in the table."""
    return page.evaluate(
        """() => [...document.querySelectorAll("#event-rows tr")].map((row) =>
          [1, 2, 4, 5].map((cell) => row.cells[cell].textContent))"""
    )


def cards(page):
    """Value and hint of every card, by its name."""
    return page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll("#figures li")].map((card) => {
          const text = (part) => card.querySelector(part).textContent;
          return [text(".name"), `${text(".value")}; ${text(".hint")}`];
        }))"""
    )


def expected_rows(findings, events):
    text = findings.axis.text
    return [[text(e.start_ns), text(e.end_ns), f"{e.peak_severity:.1f}"] for e in events]


def expected_cards(findings, events, threshold):
    """The figures of kad.metrics, as the page writes them."""
    row = {time: i for i, time in enumerate(findings.scores.times_ns.tolist())}
    keep, rows = findings.counted, len(findings.scores)
    ranges = keep_rows([(row[e.start_ns], row[e.end_ns] + 1) for e in events], keep)
    labels = keep_rows(findings.label_ranges, keep)
    figures = event_figures(
        ranges, labels, rows=int(keep.sum()), period_s=findings.metadata.period_s
    )
    detected = findings.scores.severity[keep] >= np.float32(threshold)
    points = precision_recall(detected, to_mask(findings.label_ranges, rows)[keep])
    found = round(figures.recall * len(labels))
    return {
        "Events": f"{len(events)}; in {span(findings.seconds)}",
        "Labels found": f"{found} of {len(labels)}; recall {figures.recall:.2f}",
        "Mean delay": f"{duration(figures.delay_s)}; after a label begins",
        "Rows": f"F1 {points.f1:.2f}; precision {points.precision:.2f}, recall {points.recall:.2f}",
    }


BANDS = """() => {
  const { shapes } = document.getElementById("chart-series").layout;
  return shapes[shapes.length - 1].path.match(/M/g).length;
}"""


class TestThreshold:
    def test_events_at_the_run_s_threshold(self, page, run, findings):
        """The page opens with the events and figures of the runtime."""
        threshold = run.detector.card["threshold"]
        assert [row[:3] for row in rows_of(page)] == expected_rows(findings, findings.events)
        for row, event in zip(rows_of(page), findings.events, strict=True):
            names = [re.sub(r" \d+ %.*", "", part) for part in row[3].split(", ")]
            assert names == list(event.channels)
        shown = cards(page)
        wanted = expected_cards(findings, findings.events, threshold)
        assert {name: shown[name] for name in wanted} == wanted
        assert page.is_hidden("#reset")

    def test_slider(self, page, run, findings):
        """The slider changes events, figures, lines and headline; reset undoes it."""
        before, title = cards(page), page.inner_text("h1")
        seen = {before["Events"]}
        for threshold in (2.0, 2.6, 5.5):
            move(page, threshold)
            events = events_at(run, findings, threshold)
            assert [row[:3] for row in rows_of(page)] == expected_rows(findings, events)
            wanted = expected_cards(findings, events, threshold)
            shown = cards(page)
            assert {name: shown[name] for name in wanted} == wanted
            assert page.inner_text("h1").lower().startswith(f"{len(events)} event")
            bands = page.evaluate(BANDS)  # those that touch on the screen are one
            assert bands == len(events) if len(events) < 10 else 10 < bands <= len(events)
            shapes = "() => document.querySelectorAll('#chart-series .shapelayer path').length"
            assert page.evaluate(shapes) == 4  # two lines, events across, events in their lane
            lines = page.evaluate(
                """() => ["series", "scores", "thresholds"].map((name) =>
                  document.getElementById(`chart-${name}`).layout.shapes)
                  .map((shapes) => [shapes[0].y0, shapes[1] && shapes[1].y0, shapes[0].x0])"""
            )
            assert lines[0][1] == pytest.approx(threshold)
            assert lines[1][2] == pytest.approx(lines[0][0])
            assert lines[2][2] == pytest.approx(threshold)
            seen.add(shown["Events"])
        assert len(seen) == 4
        page.click("#reset")
        page.wait_for_selector("#reset", state="hidden")
        page.wait_for_function(
            "(text) => document.querySelector('h1').innerText === text", arg=title
        )
        assert cards(page) == before

    def test_typed_threshold(self, page):
        """A number typed beside the slider moves it; one outside its range is put back."""
        page.fill("#level", "2.5")
        page.wait_for_function("() => Number(document.body.dataset.threshold) === 2.5")
        assert float(page.input_value("#slider")) == pytest.approx(2.5)
        page.fill("#level", "99")
        page.press("#level", "Tab")
        assert page.input_value("#level") == "2.50"

    @pytest.mark.parametrize("chart", ["scores", "thresholds"])
    def test_click_in_a_chart(self, page, chart):
        """A click in the histogram or the curves moves the threshold there."""
        element = page.locator(f"#chart-{chart}")
        element.scroll_into_view_if_needed()
        box = element.bounding_box()
        at = page.evaluate("""(name) => {
          const { xaxis, _size: size } = document.getElementById(name)._fullLayout;
          return [size.l + 0.7 * size.w, xaxis.p2d(0.7 * size.w)];
        }""", f"chart-{chart}")  # fmt: skip
        page.mouse.click(box["x"] + at[0], box["y"] + box["height"] / 2)
        page.wait_for_selector("#reset", state="visible")
        line = page.evaluate(
            "(name) => document.getElementById(name).layout.shapes[0].x0", f"chart-{chart}"
        )
        assert line == pytest.approx(at[1], rel=0.02)

    def test_labels_found(self, page, run, findings):
        """Each labelled window names the events that found it."""
        move(page, 2.0)
        events = events_at(run, findings, 2.0)
        found = page.evaluate(
            """() => [...document.querySelectorAll("#label-rows tr")]
              .map((row) => row.cells[2].textContent)"""
        )
        expected = [
            ", ".join(
                str(number) for number, event in enumerate(events, start=1) if label.meets(event)
            )
            for label in findings.labels
        ]
        assert found == [numbers or "not found" for numbers in expected]


class TestZoom:
    MEASURED = """() => {
      const { data, layout } = document.getElementById("chart-series");
      const trace = data.find((trace) => trace.name === "measured");
      const range = layout.xaxis.range.map(Number);
      return { x: Array.from(trace.x), y: Array.from(trace.y), range };
    }"""

    def test_zooming_in_draws_every_sample(self, page, findings):
        """The whole period is thinned; a click on an event draws all samples around it."""
        frame = findings.scores
        assert len(frame) > POINTS
        whole = page.evaluate(self.MEASURED)
        assert len(whole["x"]) < 1.2 * POINTS
        page.click("#row-1")
        page.wait_for_selector("#chart-series[data-view]")
        near = page.evaluate(self.MEASURED)
        low, high = near["range"]
        assert high - low < 0.1 * (whole["range"][1] - whole["range"][0])
        times = frame.times_ns / 1e6
        inside = np.flatnonzero((times >= low) & (times <= high))
        drawn = pd.Series(near["y"], index=near["x"])
        span = np.ptp(frame.values[np.isfinite(frame.values[:, 0]), 0])
        shown = drawn[drawn.index.isin(times[inside])].to_numpy("float64")
        assert len(shown) == len(inside) > 90
        assert np.allclose(shown, frame.values[inside, 0], atol=span / 65_534)
        page.click("#show-all")
        page.wait_for_selector("#show-all", state="hidden")
        assert page.evaluate(self.MEASURED)["range"] == whole["range"]
        assert len(page.evaluate(self.MEASURED)["x"]) == len(whole["x"])

    def test_click_on_an_event(self, page):
        """A click on an event in the lane chooses it."""
        x, y = page.evaluate(
            """() => {
              const chart = document.getElementById("chart-series");
              const { xaxis, yaxis } = chart._fullLayout;
              const shape = chart.layout.shapes[chart.layout.shapes.length - 1];
              const left = shape.path.match(/M([^,]+),/)[1].replace("_", "T") + "Z";
              const top = yaxis._offset + yaxis._length / 4;
              return [xaxis._offset + xaxis.d2p(Date.parse(left)), top];
            }"""
        )
        page.locator("#chart-series").scroll_into_view_if_needed()
        box = page.locator("#chart-series").bounding_box()
        page.mouse.click(box["x"] + x + 1, box["y"] + y)
        page.wait_for_selector("#row-1.chosen")
        assert page.url.endswith("#event-1")

    def test_gaps_stay_open(self, page, findings):
        """Missing samples and restarts break the line of a zoomed view."""
        start, end = ([findings.axis.x(findings.scores.times_ns[row])] for row in (17_700, 17_900))
        page.evaluate(
            """(range) => Plotly.relayout("chart-series", { "xaxis.range": range })""",
            [float(start[0]), float(end[0])],
        )
        page.wait_for_selector("#chart-series[data-view]")
        near = page.evaluate(self.MEASURED)
        gap = findings.scores.times_ns[np.flatnonzero(findings.scores.restart)[-1]] / 1e6
        open_at = [x for x, y in zip(near["x"], near["y"], strict=True) if y is None or np.isnan(y)]
        assert any(gap - 191 * 60_000 <= x < gap for x in open_at)

    def test_the_address_names_the_event(self, page):
        """The way back works: the address without an event shows the whole period."""
        whole = page.evaluate(self.MEASURED)["range"]
        page.click("#row-2")
        page.wait_for_selector("#row-2.chosen")
        assert page.url.endswith("#event-2")
        assert page.evaluate(self.MEASURED)["range"] != whole
        page.go_back()
        page.wait_for_function("() => !document.querySelector('tr.chosen')")
        assert page.evaluate(self.MEASURED)["range"] == whole


class TestPages:
    def test_a_page_without_data(self, browser, run, tmp_path):
        """Without data there is no slider, and no error."""
        said = []
        page = browser.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(write_report(run.folder, output=tmp_path / "page.html").as_uri())
        page.wait_for_selector("html[data-height]")
        assert page.locator("#slider").count() == 0
        assert said == []
        page.close()

    def test_awkward_names(self, browser, awkward_page):
        """Channel names stay text where scripts write them."""
        page = browser.new_page()
        page.goto(awkward_page.as_uri())
        page.wait_for_selector("html[data-height]")
        assert "owned" not in page.title()
        blamed = page.locator("#event-rows .blamed").all_inner_texts()
        assert blamed
        assert set(blamed) <= set(NAMES)
        assert page.locator("#chart-reconstructions .main-svg").count()
        page.close()
