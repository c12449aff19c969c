"""The chart of a scored series: events, labels, every channel and severity over one time axis."""

from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go
from tsdownsample import M4Downsampler

from kad.charts import (
    EVENT,
    EXPECTED,
    GRID,
    LABEL,
    MEASURED,
    MUTED,
    TRAINING,
    base_layout,
    panel_title,
)
from kad.report_findings import Findings, Window
from runtime.events import Event

BINS = 1000
"""Parts of a long line, each drawn by its first, last, lowest and highest sample: all that as many
pixels can show."""
POINTS = 4 * BINS
"""Samples that are drawn of a long line; a shorter one is drawn whole."""
DETAIL = 4000
"""Rows around events that are drawn in full besides, so that zooming there shows every sample."""

_LANE_PX, _SEVERITY_PX, _TITLE_PX = 22, 128, 30
_CHANNEL_PX = ((1, 220), (3, 150), (8, 104))  # up to so many channels; more are lower
_LOWEST_PX = 84
_SEVERITY_TOP = 5.0  # thresholds; higher peaks would flatten everything else
_MARGIN = {"l": 66, "r": 8, "t": 8, "b": 44}
_NS = 10**9


def thin(lines: np.ndarray, *, keep: np.ndarray | None = None, points: int = POINTS) -> np.ndarray:
    """Chooses the rows of a long series that are worth drawing.

    Args:
        lines: Lines that are drawn over each other, float `(rows, lines)`; NaN where missing.
        keep: Rows that are chosen in any case, bool `(rows,)`.
        points: Rows to choose for each line. A series of no more rows is kept whole.

    Returns:
        Ascending row numbers. Every line keeps the first, last, lowest and highest sample of each
        of `points / 4` bins, and each gap that is as long as a bin.
    """
    rows = len(lines)
    if rows <= points:
        return np.arange(rows)
    bins = points // 4
    chosen = [np.array([0, rows - 1])]
    for line in lines.T:
        present = np.isfinite(line)
        known = np.flatnonzero(present)
        if len(known) > points:
            samples = np.ascontiguousarray(line[known])
            known = known[M4Downsampler().downsample(samples, n_out=4 * bins).astype("int64")]
        chosen.append(known)
        edges = np.flatnonzero(np.diff(np.concatenate([[True], present, [True]])))
        first, after = edges[::2], edges[1::2]
        long = after - first >= rows / bins
        first, after = first[long], after[long]
        chosen += [first, np.maximum(first - 1, 0), np.minimum(after, rows - 1)]
    if keep is not None:
        chosen.append(np.flatnonzero(keep))
    return np.unique(np.concatenate(chosen))


def series_figure(findings: Findings, *, most: int) -> go.Figure:
    """Draws events, labels and training rows as lanes, every channel, and severity.

    Args:
        findings: A scored series.
        most: Events to draw; the most severe where there are more. The trace `Events` has their
            numbers as `customdata`.

    Returns:
        A figure whose panels share one horizontal axis.
    """
    stack = _Stack(findings, findings.most_severe(most))
    return go.Figure(data=stack.traces, layout=stack.layout())


class _Stack:
    """Panels over one time axis, from the top: lanes, channels, severity."""

    def __init__(self, findings: Findings, events: list[tuple[int, Event]]) -> None:
        self.findings = findings
        self.traces: list[dict[str, Any]] = []
        self.shapes: list[dict[str, Any]] = []
        self.annotations: list[dict[str, Any]] = []
        self.axes: dict[str, dict[str, Any]] = {}
        self._break_lines()
        self._keep_rows([event for _, event in events])
        lanes = self._lanes(events)
        count = len(findings.channels)
        each = next((height for most, height in _CHANNEL_PX if count <= most), _LOWEST_PX)
        heights = [_LANE_PX * len(lanes), *[each] * count, _SEVERITY_PX]
        self.domains, self.height = _panels(heights)
        self._draw_lanes(lanes)
        for number in range(len(findings.channels)):
            self._draw_channel(number)
        self._draw_severity()
        for _, event in events:
            x0, x1 = self._ends(event)
            self.shapes.append(
                {"type": "rect", "xref": "x", "yref": "paper", "x0": x0, "x1": x1, "y0": 0,
                 "y1": 1, "layer": "below", "fillcolor": EVENT, "opacity": 0.16,
                 "line": {"width": 1, "color": EVENT}}
            )  # fmt: skip

    def layout(self) -> dict[str, Any]:
        axis = self.findings.axis
        x = axis.x(self.times_ns)
        return {
            **base_layout(self.height),
            "margin": _MARGIN,
            "hovermode": "x",
            "hoversubplots": "axis",
            "barmode": "overlay",
            "bargap": 0.35,
            "shapes": self.shapes,
            "annotations": self.annotations,
            "xaxis": {
                "type": "date" if axis.is_calendar else "linear",
                "anchor": f"y{len(self.domains)}",
                "range": [float(x.min()), float(x.max())],
                "title": {"text": axis.title, "font": {"size": 12, "color": MUTED}},
                "gridcolor": GRID,
                "zeroline": False,
                "showspikes": True,
                "spikemode": "across",
                "spikethickness": 1,
                "spikedash": "solid",
                "spikecolor": TRAINING,
            },
            **self.axes,
        }

    # What is drawn per row

    def _break_lines(self) -> None:
        """Puts a row of NaN between segments, and hides what is no verdict."""
        findings, scores = self.findings, self.findings.scores
        cuts = np.flatnonzero(scores.restart)[1:]
        between = scores.times_ns[cuts - 1] + round(findings.period_s * _NS / 2)
        silent = findings.warming
        expected = np.where(silent[:, None], np.nan, scores.expected)
        severity = np.where(silent, np.nan, scores.severity)
        measured = np.where(np.isfinite(scores.values), scores.values, np.nan)
        self.times_ns = np.insert(scores.times_ns, cuts, between)
        self.measured = np.insert(measured, cuts, np.nan, axis=0)
        self.expected = np.insert(expected, cuts, np.nan, axis=0)
        self.severity = np.insert(severity, cuts, np.nan)
        self._breaks = cuts + np.arange(len(cuts))

    def _keep_rows(self, events: list[Event]) -> None:
        """Marks long breaks, and the rows around events, the most severe first."""
        times, rows = self.times_ns, len(self.times_ns)
        self.keep = np.zeros(rows, bool)
        for event in sorted(events, key=lambda event: -event.peak_severity):
            window = self.findings.window(event)
            around = (times >= window.start_ns) & (times <= window.end_ns)
            if np.count_nonzero(self.keep | around) > DETAIL:
                break
            self.keep |= around
        bin_ns = rows / BINS * self.findings.period_s * _NS
        jumps = np.abs(times[self._breaks + 1] - times[self._breaks - 1])
        for row in self._breaks[jumps >= bin_ns]:
            self.keep[row - 1 : row + 2] = True

    def _ends(self, window: Window | Event) -> tuple[float, float]:
        """Returns both ends of the samples that a window covers, as coordinates."""
        half = round(self.findings.period_s * _NS / 2)
        ends = np.array([window.start_ns - half, window.end_ns + half])
        low, high = self.findings.axis.x(ends).tolist()
        return low, high

    # Panels

    def _lanes(
        self, events: list[tuple[int, Event]]
    ) -> list[tuple[str, str, list[tuple[int, Window | Event]]]]:
        """Returns name, colour and windows of each lane, from below."""
        lanes: list[tuple[str, str, list[tuple[int, Any]]]] = []
        if self.findings.training is not None:
            lanes.append(("Training", TRAINING, [(1, self.findings.training)]))
        if self.findings.labels is not None:
            lanes.append(("Labels", LABEL, list(enumerate(self.findings.labels, start=1))))
        return [*lanes, ("Events", EVENT, list(events))]

    def _draw_lanes(self, lanes: list[tuple[str, str, list[tuple[int, Any]]]]) -> None:
        for lane, (name, color, windows) in enumerate(lanes):
            ends = np.array([self._ends(window) for _, window in windows]).reshape(-1, 2)
            self.traces.append(
                {"type": "bar", "name": name, "orientation": "h", "xaxis": "x", "yaxis": "y",
                 "base": ends[:, 0], "x": ends[:, 1] - ends[:, 0], "y": np.full(len(ends), lane),
                 "customdata": [number for number, _ in windows], "showlegend": False,
                 "hoverinfo": "none" if name == "Events" else "skip",
                 "marker": {"color": color, "line": {"width": 2, "color": color}}}
            )  # fmt: skip
        self.axes["yaxis"] = {
            "domain": self.domains[0], "anchor": "x", "fixedrange": True, "showgrid": False,
            "zeroline": False, "range": [-0.5, len(lanes) - 0.5],
            "tickvals": list(range(len(lanes))), "ticktext": [name for name, _, _ in lanes],
        }  # fmt: skip

    def _draw_channel(self, number: int) -> None:
        both = np.column_stack([self.measured[:, number], self.expected[:, number]])
        rows = thin(both, keep=self.keep)
        panel = number + 2
        self._line(panel, rows, both[:, 1], name="expected", color=EXPECTED, width=2.4)
        self._line(panel, rows, both[:, 0], name="measured", color=MEASURED, width=1.1)
        text = f"<b>{escape(self.findings.channels[number])}</b>"
        if unit := self.findings.units[number]:
            text += f"  <span style='color:{MUTED}'>{escape(unit)}</span>"
        self._panel(panel, text)

    def _draw_severity(self) -> None:
        panel, threshold = len(self.domains), self.findings.threshold
        rows = thin(self.severity[:, None], keep=self.keep)
        self._line(panel, rows, self.severity, name="severity", color=MEASURED, width=1.1)
        self.shapes.append(
            {"type": "line", "xref": "paper", "yref": f"y{panel}", "x0": 0, "x1": 1,
             "y0": threshold, "y1": threshold,
             "line": {"color": EVENT, "width": 1.5, "dash": "dash"}}
        )  # fmt: skip
        text = f"<b>Severity</b>  <span style='color:{EVENT}'>alarm from {threshold:.2f}</span>"
        top = 1.08 * max(threshold, float(np.nanmax(self.severity, initial=0.0)))
        if top > _SEVERITY_TOP * threshold:
            top = _SEVERITY_TOP * threshold
            text += f"  <span style='color:{MUTED}'>drawn up to {top:.0f}</span>"
        self._panel(panel, text, range=[0, top])

    def _line(
        self, panel: int, rows: np.ndarray, y: np.ndarray, *, name: str, color: str, width: float
    ) -> None:
        self.traces.append(
            {"type": "scatter", "mode": "lines", "name": name, "xaxis": "x", "yaxis": f"y{panel}",
             "x": self.findings.axis.x(self.times_ns[rows]), "y": _narrow(y[rows]),
             "line": {"color": color, "width": width}, "connectgaps": False,
             "showlegend": False, "hovertemplate": "%{y:.5g}<extra></extra>"}
        )  # fmt: skip

    def _panel(self, panel: int, text: str, **axis: Any) -> None:
        domain = self.domains[panel - 1]
        self.axes[f"yaxis{panel}"] = {
            "domain": domain, "anchor": "x", "gridcolor": GRID, "zeroline": False, "nticks": 5,
            "fixedrange": True, **axis,
        }  # fmt: skip
        self.annotations.append(panel_title(text, 0, domain[1]))


def _narrow(y: np.ndarray) -> np.ndarray:
    """Returns float32 where it draws the same line, to halve the page."""
    with np.errstate(over="ignore"):
        narrow = y.astype("float32")
    known = np.isfinite(y)
    if not known.any():
        return narrow
    lost = np.abs(narrow[known] - y[known]).max()
    return narrow if lost <= 1e-4 * np.ptp(y[known]) else y


def _panels(heights: list[int]) -> tuple[list[tuple[float, float]], int]:
    """Stacks panels of given heights in pixels; returns their domains and the whole height."""
    inner = sum(heights) + _TITLE_PX * (len(heights) - 1)
    top, domains = float(inner), []
    for height in heights:
        domains.append((max(0.0, (top - height) / inner), top / inner))
        top -= height + _TITLE_PX
    return domains, inner + _MARGIN["t"] + _MARGIN["b"]
