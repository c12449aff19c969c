"""The report of long series: seconds to write it, its size, and how fast a browser is with it."""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.protocol.benchmark import Benchmark, Planned, Rows, Session
from benchmarks.protocol.run import show_whole

CHANNELS = 3
FAULTS = 30
MOVES = 12

_MOVE = """async (threshold) => {
  const slider = document.getElementById("slider");
  delete document.body.dataset.drawn;
  const start = performance.now();
  slider.value = threshold;
  slider.dispatchEvent(new Event("input"));
  while (!document.body.dataset.drawn) await new Promise(requestAnimationFrame);
  const duration = performance.now() - start;
  await new Promise((done) => setTimeout(done, 400)); // the tables, once it rests
  return duration;
}"""
_ZOOM = """async (share) => {
  const chart = document.getElementById("chart-series");
  const [low, high] = chart.layout.xaxis.range.map(Number);
  delete chart.dataset.view;
  const start = performance.now();
  Plotly.relayout(chart, { "xaxis.range": [low, low + share * (high - low)] });
  while (!chart.dataset.view) await new Promise(requestAnimationFrame);
  return performance.now() - start;
}"""


LENGTHS = (10_000, 100_000, 500_000)


def plan(session: Session) -> list[Planned]:
    """Returns series of three lengths: a moving Gaussian, which is quick, on three channels."""
    return [Planned(keys={"rows": rows}, again=True) for rows in LENGTHS]


def measure(one: Planned, session: Session) -> Rows:
    """Writes a report and moves its slider in a browser."""
    return {"report": [_measure(one.keys["rows"])]}


def _measure(rows: int) -> dict[str, Any]:
    from kad.config import build_config
    from kad.report.write import write_report
    from kad.runs.train import train

    frame, labels = _series(rows)
    config = build_config(
        detector="gaussian",
        overrides={"data": {"train": f"0:{rows // 4}"}, "alarm": {"false_alarms": "1/day"}},
    )
    with tempfile.TemporaryDirectory() as name:
        trained = train(config, frame, out=Path(name) / "run")
        scoring = _seconds(lambda: trained.detector.scores(frame))
        page = Path(name) / "page.html"
        writing = _seconds(lambda: write_report(trained, frame, labels=labels, output=page))
        return {
            "rows": rows,
            "channels": CHANNELS,
            "seconds_to_score": round(scoring, 2),
            "seconds_to_write": round(writing, 2),
            "page_mb": round(page.stat().st_size / 1e6, 2),
            **_browse(page),
        }


def _browse(page: Path) -> dict[str, float]:
    from playwright.sync_api import sync_playwright

    from kad.report.picture import find_browser

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=find_browser(), args=["--no-sandbox"])
        opened = browser.new_page(viewport={"width": 1400, "height": 1000})
        start = time.perf_counter()
        opened.goto(page.resolve().as_uri())
        opened.wait_for_selector("html[data-height]")
        load = time.perf_counter() - start
        low, high = (float(opened.get_attribute("#slider", end) or "nan") for end in ("min", "max"))
        levels = np.linspace(low + 0.01, high, MOVES)
        moves = [opened.evaluate(_MOVE, float(level)) for level in levels]
        events = opened.inner_text("#figures .value")
        opened.evaluate(_MOVE, low)
        most = opened.inner_text("#figures .value")
        first = opened.evaluate(_ZOOM, 0.1)
        second = opened.evaluate(_ZOOM, 0.1)
        browser.close()
    return {
        "events_at_the_lowest_threshold": int(most.replace(",", "")),
        "events_at_the_highest": int(events.replace(",", "")),
        "seconds_to_load": round(load, 2),
        "ms_to_redraw": round(statistics.median(moves)),
        "ms_to_redraw_at_most": round(max(moves)),
        "ms_to_zoom_first": round(first),
        "ms_to_zoom": round(second),
    }


def _series(rows: int) -> tuple[pd.DataFrame, list[tuple[pd.Timestamp, pd.Timestamp]]]:
    rng = np.random.default_rng(0)
    turns = np.arange(rows)[:, None] / np.array([1440.0, 720.0, 97.0])
    values = 20 + 3 * np.sin(2 * np.pi * turns) + 0.4 * rng.standard_normal((rows, CHANNELS))
    index = pd.date_range("2024-01-01", periods=rows, freq="min", name="time")
    labels = []
    for start in np.sort(rng.choice(np.arange(rows // 4, rows - 200, 200), FAULTS, replace=False)):
        end = int(start) + int(rng.integers(5, 120))
        values[start:end, rng.integers(CHANNELS)] += rng.uniform(2, 9)
        labels.append((index[start], index[end]))
    return pd.DataFrame(values, index=index, columns=["flow", "pressure", "current"]), labels


def _seconds(action: Callable[[], Any]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


BENCHMARK = Benchmark(
    plan=plan, measure=measure, show=show_whole, tables={"report": ()}, trains_here=True
)
