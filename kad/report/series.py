"""The chart of a scored series: events, labels, every channel, score and severity over time."""

from html import escape
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go
from tsdownsample import M4Downsampler

from kad.report.charts import (
    EVENT,
    EXPECTED,
    GRID,
    LABEL,
    MEASURED,
    MUTED,
    TRAINING,
    base_layout,
    panel_title,
    threshold_shape,
)
from kad.report.findings import Findings, Window

BINS = 1000
"""Parts of a long line, each drawn by its first, last, lowest and highest sample: all that as many
pixels can show."""
POINTS = 4 * BINS
"""Samples that are drawn of a long line; a shorter one is drawn whole."""

_LANE_PX, _SCORE_PX, _SEVERITY_PX, _TITLE_PX = 22, 100, 128, 30
_CHANNEL_PX = ((1, 220), (3, 150), (8, 104))  # up to so many channels; more are lower
_LOWEST_PX = 84
_TOP = 5.0  # thresholds; higher peaks would flatten everything else
_MARGIN = {"l": 66, "r": 8, "t": 8, "b": 44}
_HOVER = {"hovertemplate": "%{y:.5g}<extra></extra>"}


class Trace(NamedTuple):
    """How a trace of the chart follows from a line of its panel."""

    index: int  # type: ignore[assignment]  # the method of tuples is not missed
    """Number of the trace."""
    line: int
    """Number of the line in the panel."""
    shift: float
    """Added to every sample."""


class Panel(NamedTuple):
    """One panel: its lines over all steps, and what is drawn of them."""

    lines: list[np.ndarray]
    """Each float `(steps,)`; NaN where there is nothing to draw."""
    traces: list[Trace]
    """What is drawn."""

    def thinned(self, *, points: int) -> np.ndarray:
        """Returns the rows that are worth drawing; see `thin`."""
        return thin(np.column_stack(self.lines), points=points)


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


class SeriesChart:
    """Lanes for events, labels and training rows, then every channel, score and severity.

    What moves with the threshold, events and its lines, is left to the page's scripts; what they
    need for it is in the attributes.

    Args:
        findings: A scored series.
        score: The score at the default threshold.
    """

    def __init__(self, findings: Findings, *, score: float) -> None:
        self.findings = findings
        self.panels: list[Panel] = []
        """From the top, without the lanes."""
        self.threshold_lines: dict[str, int] = {}
        """Numbers of the shapes that show the threshold: `score`, `severity`."""
        self._traces: list[dict[str, Any]] = []
        self._shapes: list[dict[str, Any]] = []
        self._annotations: list[dict[str, Any]] = []
        self._axes: dict[str, dict[str, Any]] = {}
        self._note_breaks()
        lanes = self._lanes()
        count = len(findings.metadata.channels)
        each = next((height for most, height in _CHANNEL_PX if count <= most), _LOWEST_PX)
        heights = [_LANE_PX * len(lanes), *[each] * count, _SCORE_PX, _SEVERITY_PX]
        self._domains, self._height = _panels(heights)
        self._draw_lanes(lanes)
        for number in range(count):
            self._draw_channel(number)
        scores = findings.scores
        self._draw_level("score", scores.score, score)
        self._draw_level("severity", scores.severity, findings.metadata.threshold)

    @property
    def events_lane(self) -> int:
        """Where the lane of the events is on its axis: above the others."""
        return len(self._axes["yaxis"]["tickvals"]) - 1

    def figure(self) -> go.Figure:
        """Returns the chart, its long lines thinned."""
        return go.Figure(data=self._traces, layout=self._layout())

    def _layout(self) -> dict[str, Any]:
        axis = self.findings.axis
        x = axis.x(self.findings.scores.times_ns)
        return {
            **base_layout(self._height),
            "margin": _MARGIN,
            "hovermode": "x",
            "hoversubplots": "axis",
            "barmode": "overlay",
            "bargap": 0.35,
            "shapes": self._shapes,
            "annotations": self._annotations,
            "xaxis": {
                "type": "date" if axis.is_calendar else "linear",
                "anchor": f"y{len(self._domains)}",
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
            **self._axes,
        }

    # What is drawn per row

    def _note_breaks(self) -> None:
        """Finds where lines are cut: between segments, and the times at which to cut."""
        scores = self.findings.scores
        self._cuts = np.flatnonzero(scores.restart)[1:]
        half = self.findings.metadata.period_ns // 2
        times = np.insert(scores.times_ns, self._cuts, scores.times_ns[self._cuts - 1] + half)
        self._times_ns = times
        breaks = self._cuts + np.arange(len(self._cuts))
        long = np.abs(times[breaks + 1] - times[breaks - 1])
        bin_ns = len(times) / BINS * self.findings.metadata.period_ns
        self._keep = np.zeros(len(times), bool)
        for row in breaks[long >= bin_ns]:
            self._keep[row - 1 : row + 2] = True

    # Panels

    def _lanes(self) -> list[tuple[str, str, list[Window]]]:
        """Returns name, colour and windows of each lane, from below."""
        lanes: list[tuple[str, str, list[Window]]] = []
        if self.findings.training is not None:
            lanes.append(("Training", TRAINING, [self.findings.training]))
        if self.findings.labels is not None:
            lanes.append(("Labels", LABEL, list(self.findings.labels)))
        return [*lanes, ("Events", EVENT, [])]

    def _draw_lanes(self, lanes: list[tuple[str, str, list[Window]]]) -> None:
        half = self.findings.metadata.period_ns // 2
        for lane, (name, color, windows) in enumerate(lanes[:-1]):
            ends = np.array(windows, "int64").reshape(-1, 2) + np.array([-half, half])
            low, high = self.findings.axis.x(ends).T
            self._traces.append(
                {"type": "bar", "name": name, "orientation": "h", "xaxis": "x", "yaxis": "y",
                 "base": low, "x": high - low, "y": np.full(len(ends), lane),
                 "showlegend": False, "hoverinfo": "skip",
                 "marker": {"color": color, "line": {"width": 2, "color": color}}}
            )  # fmt: skip
        self._axes["yaxis"] = {
            "domain": self._domains[0], "anchor": "x", "fixedrange": True, "showgrid": False,
            "zeroline": False, "range": [-0.5, len(lanes) - 0.5],
            "tickvals": list(range(len(lanes))), "ticktext": [name for name, _, _ in lanes],
        }  # fmt: skip

    def _draw_channel(self, number: int) -> None:
        findings, scores = self.findings, self.findings.scores
        values = scores.values[:, number]
        measured = np.where(np.isfinite(values), values, np.nan)
        expected = np.where(findings.warming, np.nan, scores.expected[:, number])
        low, high = findings.band[number].tolist()
        start = len(self._traces)
        panel = Panel(
            [measured, expected],
            [Trace(start, 1, low), Trace(start + 1, 1, high), Trace(start + 2, 1, 0.0),
             Trace(start + 3, 0, 0.0)],
        )  # fmt: skip
        none = {"width": 0, "color": EXPECTED}
        looks: list[dict[str, Any]] = [
            {"name": "usual from", "line": none, "hoverinfo": "skip"},
            {"name": "usual to", "line": none, "hoverinfo": "skip", "fill": "tonexty",
             "fillcolor": _clear(EXPECTED, 0.22)},
            {"name": "expected", "line": {"width": 1.8, "color": EXPECTED}, **_HOVER},
            {"name": "measured", "line": {"width": 1.1, "color": MEASURED}, **_HOVER},
        ]  # fmt: skip
        text = f"<b>{escape(findings.metadata.channels[number])}</b>"
        if unit := findings.metadata.units[number]:
            text += f"  <span style='color:{MUTED}'>{escape(unit)}</span>"
        self._draw(panel, looks, text)

    def _draw_level(self, name: str, values: np.ndarray, threshold: float) -> None:
        line = np.where(self.findings.warming, np.nan, values.astype("float64"))
        number = len(self.panels) + 2
        self.threshold_lines[name] = len(self._shapes)
        place = {"xref": "paper", "yref": f"y{number}", "x0": 0, "x1": 1, "y0": threshold,
                 "y1": threshold}  # fmt: skip
        self._shapes.append(threshold_shape(f"alarm from {threshold:.3g}", upright=False, **place))
        text = f"<b>{name.capitalize()}</b>"
        top = 1.08 * max(threshold, float(np.nanmax(line, initial=0.0)))
        if top > _TOP * threshold:
            top = _TOP * threshold
            text += f"  <span style='color:{MUTED}'>drawn up to {top:.3g}</span>"
        look = {"name": name, "line": {"width": 1.1, "color": MEASURED}, **_HOVER}
        panel = Panel([line], [Trace(len(self._traces), 0, 0.0)])
        self._draw(panel, [look], text, range=[0, top])

    def _draw(self, panel: Panel, looks: list[dict[str, Any]], text: str, **axis: Any) -> None:
        self.panels.append(panel)
        number = len(self.panels) + 1
        lines = [np.insert(line, self._cuts, np.nan) for line in panel.lines]
        rows = thin(np.column_stack(lines), keep=self._keep)
        x = self.findings.axis.x(self._times_ns[rows])
        for trace, look in zip(panel.traces, looks, strict=True):
            self._traces.append(
                {"type": "scatter", "mode": "lines", "xaxis": "x", "yaxis": f"y{number}",
                 "x": x, "y": _narrow(lines[trace.line][rows] + trace.shift),
                 "connectgaps": False, "showlegend": False, **look}
            )  # fmt: skip
        domain = self._domains[number - 1]
        self._axes[f"yaxis{number}"] = {
            "domain": domain, "anchor": "x", "gridcolor": GRID, "zeroline": False, "nticks": 5,
            "fixedrange": True, **axis,
        }  # fmt: skip
        self._annotations.append(panel_title(text, 0, domain[1]))


def _clear(color: str, opacity: float) -> str:
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"


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
