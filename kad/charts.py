"""Charts of a report: the series with its events, training curves, held-out scores.

Each function returns a plotly figure; nothing here knows about files or pages.
"""

from collections.abc import Iterator, Sequence
from html import escape

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from tsdownsample import M4Downsampler

from kad.report_findings import Findings, Window

MEASURED = "#22313f"
EXPECTED = "#56b4e9"
EVENT = "#d55e00"
LABEL = "#009e73"
TRAINING = "#9aa5b1"
INK = "#22313f"
MUTED = "#5f6f7f"
GRID = "#e8ecf0"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"

POINTS = 4000
"""Points per line that are drawn of a long series: first, last, lowest and highest of 1000 bins,
which is what 1000 pixels can show."""
DETAIL = 4000
"""Rows around events that are drawn in full besides."""

_LANE_PX, _CHANNEL_PX, _SEVERITY_PX, _TITLE_PX = 22, 104, 128, 30
_NS = 10**9


def thin(
    lines: np.ndarray, *, detail: np.ndarray | None = None, points: int = POINTS
) -> np.ndarray:
    """Chooses the rows of a long series that are worth drawing.

    Args:
        lines: float `(rows, lines)` drawn over the same axis; NaN where missing.
        detail: bool `(rows,)`: rows that are drawn in any case.
        points: Rows to choose for each line. A series of fewer rows is kept whole.

    Returns:
        Ascending row numbers. Each line keeps its first, last, lowest and highest sample of every
        bin, and gaps that are at least as long as a bin.
    """
    rows = len(lines)
    if rows <= points:
        return np.arange(rows)
    bins = points // 4
    chosen = [np.array([0, rows - 1])]
    for line in lines.T:
        present = np.isfinite(line)
        known = np.flatnonzero(present)
        if len(known) <= points:
            chosen.append(known)
        else:
            picked = M4Downsampler().downsample(
                np.ascontiguousarray(line[known]), n_out=4 * bins, parallel=False
            )
            chosen.append(known[picked.astype(np.int64)])
        edges = np.flatnonzero(np.diff(np.concatenate([[True], present, [True]]).astype("int8")))
        first, after = edges[::2], edges[1::2]
        long = after - first >= rows / bins
        gaps = np.concatenate([first[long] - 1, first[long], after[long] - 1, after[long]])
        chosen.append(gaps[(gaps >= 0) & (gaps < rows)])
    if detail is not None:
        chosen.append(np.flatnonzero(detail))
    return np.unique(np.concatenate(chosen))


def series_figure(findings: Findings) -> go.Figure:
    """Draws lanes of events, labels and training rows, every channel, and severity over time.

    Args:
        findings: A scored series.

    Returns:
        A figure with one horizontal axis. Its `layout.meta` maps nothing; the trace `Events` has
        the number of the event in `customdata`.
    """
    lines = _broken(findings)
    detail = _detail(findings, lines.times_ns)
    lanes = list(_lanes(findings))
    heights = [_LANE_PX * len(lanes)]
    heights += [_CHANNEL_PX] * len(findings.channels) + [_SEVERITY_PX]
    domains, height = _panels(heights)
    figure = go.Figure()
    _draw_lanes(figure, findings, lanes, domains[0])
    for i, name in enumerate(findings.channels):
        rows = thin(np.column_stack([lines.measured[:, i], lines.expected[:, i]]), detail=detail)
        x = findings.axis.x(lines.times_ns[rows])
        axis = f"y{i + 2}"
        unit = findings.units[i]
        figure.add_trace(
            _line(x, lines.expected[rows, i], axis, "expected", color=EXPECTED, width=2.4)
        )
        figure.add_trace(
            _line(x, lines.measured[rows, i], axis, "measured", color=MEASURED, width=1.1)
        )
        _add_panel(figure, i + 2, domains[i + 1], title=name, unit=unit)
    _draw_severity(figure, findings, lines, detail, len(findings.channels) + 2, domains[-1])
    for event in findings.events:
        x0, x1 = _ends(findings, event)
        figure.add_shape(
            type="rect", xref="x", yref="paper", x0=x0, x1=x1, y0=0, y1=1, layer="below",
            fillcolor=EVENT, opacity=0.16, line={"width": 1, "color": EVENT},
        )
    x = findings.axis.x(findings.scores.times_ns)
    figure.update_layout(
        _base_layout(height),
        hovermode="x unified",
        hoversubplots="axis",
        bargap=0.25,
        xaxis={
            "type": "date" if findings.axis.is_calendar else "linear",
            "anchor": f"y{len(findings.channels) + 2}",
            "range": [float(x.min()), float(x.max())],
            "title": {"text": findings.axis.title, "font": {"size": 12, "color": MUTED}},
            "gridcolor": GRID,
            "showspikes": True,
            "spikemode": "across",
            "spikethickness": 1,
            "spikedash": "solid",
            "spikecolor": TRAINING,
            "zeroline": False,
        },
    )
    return figure


def training_figure(history: pd.DataFrame) -> go.Figure:
    """Draws training and validation loss over epochs, one panel per training phase.

    Args:
        history: Columns `phase`, `epoch`, `loss`, `val_loss`.
    """
    figure = go.Figure()
    phases = list(dict.fromkeys(history["phase"]))
    gap = 0.09
    width = (1 - gap * (len(phases) - 1)) / len(phases)
    for i, phase in enumerate(phases, start=1):
        rows = history[history["phase"] == phase]
        for column, name, color in (
            ("loss", "training rows", MEASURED),
            ("val_loss", "held-out rows", EVENT),
        ):
            figure.add_trace(
                go.Scatter(
                    x=rows["epoch"].to_numpy(), y=rows[column].to_numpy("float64"), name=name,
                    xaxis=f"x{i}", yaxis=f"y{i}", mode="lines+markers" if len(rows) < 40 else
                    "lines", legendgroup=name, showlegend=i == 1,
                    line={"color": color, "width": 1.6}, marker={"size": 4},
                    hovertemplate="%{y:.5g}",
                )
            )  # fmt: skip
        start = (i - 1) * (width + gap)
        figure.update_layout(
            {
                f"xaxis{i}": {
                    "domain": [start, start + width], "anchor": f"y{i}", "gridcolor": GRID,
                    "zeroline": False, "title": {"text": "epoch", "font": {"size": 12}},
                    "rangemode": "tozero", "tickformat": "d",
                },
                f"yaxis{i}": {
                    "anchor": f"x{i}", "gridcolor": GRID, "zeroline": False, "nticks": 6,
                },
            }
        )  # fmt: skip
        figure.add_annotation(_title(f"<b>Loss of {escape(str(phase))}</b>", start, 1))
    figure.update_layout(
        _base_layout(270),
        hovermode="x unified",
        margin={"l": 56, "r": 8, "t": 56, "b": 44},
        showlegend=True,
        legend={"orientation": "h", "x": 0, "y": 1.12, "yanchor": "bottom", "xanchor": "left"},
    )
    return figure


def scores_figure(scores: np.ndarray, *, threshold: float) -> go.Figure:
    """Draws how often held-out normal rows had which score, and the threshold.

    Args:
        scores: float `(rows,)`.
        threshold: In units of the score.
    """
    low, high = float(np.min(scores)), float(np.max(scores))
    counts, edges = np.histogram(scores, bins=min(60, max(10, len(scores) // 15)))
    figure = go.Figure(
        go.Bar(
            x=(edges[:-1] + edges[1:]) / 2, y=counts, width=np.diff(edges), name="rows",
            marker={"color": EXPECTED, "line": {"width": 0}},
            hovertemplate="score %{x:.4g}: %{y} rows<extra></extra>",
        )
    )  # fmt: skip
    figure.add_vline(x=threshold, line={"color": EVENT, "width": 1.5, "dash": "dash"})
    right = threshold > (low + high) / 2
    figure.add_annotation(
        x=threshold, y=1, xref="x", yref="paper", yanchor="top", showarrow=False,
        xanchor="right" if right else "left", xshift=-6 if right else 6,
        text=f"alarm above {threshold:.4g}", font={"color": EVENT, "size": 12},
    )  # fmt: skip
    figure.update_layout(
        _base_layout(270),
        margin={"l": 56, "r": 8, "t": 56, "b": 44},
        bargap=0,
        xaxis={"title": {"text": "score", "font": {"size": 12}}, "gridcolor": GRID,
               "zeroline": False},
        yaxis={"gridcolor": GRID, "zeroline": False, "rangemode": "tozero", "nticks": 6},
    )  # fmt: skip
    figure.add_annotation(_title("<b>Scores of held-out normal rows</b>", 0, 1))
    return figure


class _Lines:
    """What is drawn per step, with a row of NaN where a segment ends."""

    def __init__(self, findings: Findings) -> None:
        scores = findings.scores
        silent = findings.warming
        cuts = np.flatnonzero(scores.restart)[1:]
        self.times_ns = np.insert(
            scores.times_ns, cuts, scores.times_ns[cuts - 1] + round(findings.period_s * _NS / 2)
        )
        self.measured = np.insert(_finite(scores.values), cuts, np.nan, axis=0)
        expected = np.where(silent[:, None], np.nan, scores.expected)
        self.expected = np.insert(expected, cuts, np.nan, axis=0).astype("float32")
        severity = np.where(silent, np.nan, scores.severity)
        self.severity = np.insert(severity, cuts, np.nan).astype("float32")


def _broken(findings: Findings) -> _Lines:
    return _Lines(findings)


def _finite(values: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(values), values, np.nan)


def _detail(findings: Findings, times_ns: np.ndarray) -> np.ndarray:
    """Marks the rows around events, the most severe first, until the budget is used up."""
    marked = np.zeros(len(times_ns), bool)
    for event in sorted(findings.events, key=lambda event: -event.peak_severity):
        window = findings.window(event)
        rows = (times_ns >= window.start_ns) & (times_ns <= window.end_ns)
        if np.count_nonzero(marked | rows) > DETAIL:
            break
        marked |= rows
    return marked


def _ends(findings: Findings, window: object) -> tuple[float, float]:
    """Returns both ends of the samples that a window covers, as coordinates."""
    half = round(findings.period_s * _NS / 2)
    return (
        float(findings.axis.x(window.start_ns - half)),
        float(findings.axis.x(window.end_ns + half)),
    )


def _lanes(findings: Findings) -> Iterator[tuple[str, str, Sequence[object]]]:
    if findings.training is not None:
        yield "Training", TRAINING, [findings.training]
    if findings.labels is not None:
        yield "Labels", LABEL, findings.labels
    yield "Events", EVENT, findings.events


def _draw_lanes(
    figure: go.Figure,
    findings: Findings,
    lanes: list[tuple[str, str, Sequence[object]]],
    domain: tuple[float, float],
) -> None:
    for i, (name, color, windows) in enumerate(lanes):
        ends = np.array([_ends(findings, w) for w in windows]).reshape(-1, 2)
        figure.add_trace(
            go.Bar(
                base=ends[:, 0], x=ends[:, 1] - ends[:, 0], y=np.full(len(ends), i), name=name,
                orientation="h", xaxis="x", yaxis="y", showlegend=False,
                customdata=np.arange(1, len(ends) + 1), hoverinfo="skip" if name != "Events"
                else "none",
                marker={"color": color, "line": {"width": 2, "color": color}},
            )
        )  # fmt: skip
    figure.update_layout(
        yaxis={
            "domain": domain, "anchor": "x", "fixedrange": True, "range": [-0.5, len(lanes) - 0.5],
            "tickvals": list(range(len(lanes))), "ticktext": [name for name, _, _ in lanes],
            "showgrid": False, "zeroline": False,
        }
    )  # fmt: skip


def _draw_severity(
    figure: go.Figure,
    findings: Findings,
    lines: _Lines,
    detail: np.ndarray,
    number: int,
    domain: tuple[float, float],
) -> None:
    rows = thin(lines.severity[:, None], detail=detail)
    axis = f"y{number}"
    trace = _line(
        findings.axis.x(lines.times_ns[rows]), lines.severity[rows], axis, "severity",
        color=MEASURED, width=1.1,
    )  # fmt: skip
    figure.add_trace(trace)
    figure.add_shape(
        type="line", xref="paper", yref=axis, x0=0, x1=1, y0=findings.threshold,
        y1=findings.threshold, line={"color": EVENT, "width": 1.5, "dash": "dash"},
    )  # fmt: skip
    figure.add_annotation(
        xref="paper", yref=axis, x=0, y=findings.threshold, xanchor="left", yanchor="bottom",
        showarrow=False, text=f"alarm from {findings.threshold:.2f}",
        font={"color": EVENT, "size": 12}, bgcolor="rgba(255,255,255,0.8)", borderpad=1,
    )  # fmt: skip
    _add_panel(figure, number, domain, title="Severity", unit=None, tozero=True)


def _line(
    x: np.ndarray, y: np.ndarray, axis: str, name: str, *, color: str, width: float
) -> go.Scatter:
    return go.Scatter(
        x=x, y=np.asarray(y, "float32"), xaxis="x", yaxis=axis, name=name, mode="lines",
        line={"color": color, "width": width}, connectgaps=False, showlegend=False,
        hovertemplate="%{y:.5g}",
    )  # fmt: skip


def _add_panel(
    figure: go.Figure,
    number: int,
    domain: tuple[float, float],
    *,
    title: str,
    unit: str | None,
    tozero: bool = False,
) -> None:
    figure.update_layout(
        {
            f"yaxis{number}": {
                "domain": domain, "anchor": "x", "gridcolor": GRID, "zeroline": False,
                "nticks": 5, "fixedrange": False, "rangemode": "tozero" if tozero else "normal",
            }
        }
    )  # fmt: skip
    text = f"<b>{escape(title)}</b>"
    if unit:
        text += f"  <span style='color:{MUTED}'>{escape(unit)}</span>"
    figure.add_annotation(_title(text, 0, domain[1]))


def _title(text: str, x: float, y: float) -> dict[str, object]:
    return {
        "text": text, "x": x, "y": y, "xref": "paper", "yref": "paper", "xanchor": "left",
        "yanchor": "bottom", "yshift": 3, "showarrow": False, "font": {"size": 13, "color": INK},
    }  # fmt: skip


def _panels(heights: list[int]) -> tuple[list[tuple[float, float]], int]:
    """Stacks panels of given heights in pixels; returns their domains and the whole height."""
    inner = sum(heights) + _TITLE_PX * (len(heights) - 1)
    top, domains = float(inner), []
    for height in heights:
        domains.append((max(0.0, (top - height) / inner), top / inner))
        top -= height + _TITLE_PX
    return domains, inner + _MARGIN["t"] + _MARGIN["b"]


_MARGIN = {"l": 66, "r": 8, "t": 8, "b": 44}


def _base_layout(height: int) -> dict[str, object]:
    return {
        "template": go.layout.Template(),
        "height": height,
        "margin": _MARGIN,
        "font": {"family": FONT, "size": 12, "color": INK},
        "paper_bgcolor": "white",
        "plot_bgcolor": "white",
        "showlegend": False,
        "hoverlabel": {"font": {"family": FONT, "size": 12}},
        "modebar": {"orientation": "h", "color": TRAINING, "activecolor": INK},
    }
