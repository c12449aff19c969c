"""Charts to choose a threshold by: how often which score, and what labels say of each threshold."""

import numpy as np
import plotly.graph_objects as go

from kad.metrics.points import threshold_curves
from kad.report.charts import (
    GRID,
    INK,
    LABEL,
    MUTED,
    NORMAL,
    base_layout,
    panel_title,
    threshold_shape,
)

_BETAS = (0.5, 1.0, 2.0)
_THRESHOLDS = 200
_BINS, _MOST_BINS = 60, 1000
_MARGIN = {"l": 60, "r": 8, "t": 70, "b": 44}
_LEGEND = {"orientation": "h", "x": 0, "y": 1.03, "yanchor": "bottom", "xanchor": "left"}


def scores_figure(
    scores: np.ndarray,
    *,
    threshold: float,
    series: np.ndarray | None = None,
    reach: float = 0.0,
) -> go.Figure:
    """Draws how often calibration rows had which score, a normal fit, and the threshold.

    Args:
        scores: Of the calibration rows, float `(rows,)`.
        threshold: In units of the score. The first shape is its.
        series: Scores of the series of the report, to compare.
        reach: The highest score that the threshold can be moved to; beyond the view at first.

    Reference: S. Lin et al. (2020), whose code suggests choosing the threshold by this picture.
    """
    low = float(scores.min())
    top = max(1.3 * threshold, float(np.quantile(scores, 0.999)), low + 1e-9)
    width = (top - low) / _BINS
    bins = min(max(_BINS, int(np.ceil((reach - low) / width))), _MOST_BINS)
    edges = low + width * np.arange(bins + 1)
    centers = (edges[:-1] + edges[1:]) / 2
    shares = 100 * np.histogram(scores, edges)[0] / len(scores)
    figure = go.Figure(layout=base_layout(300))
    figure.add_trace(
        go.Bar(
            x=centers, y=_positive(shares), width=width, name="calibration rows",
            marker={"color": NORMAL, "opacity": 0.55, "line": {"width": 0}},
            hovertemplate="%{y:.3g} % of the calibration rows<extra></extra>",
        )
    )  # fmt: skip
    if series is not None:
        present = 100 * np.histogram(series, edges)[0] / len(series)
        figure.add_trace(
            go.Scatter(
                x=edges[:-1], y=_positive(present), name="this series", mode="lines",
                line={"color": INK, "width": 1.2, "shape": "hv"},
                hovertemplate="%{y:.3g} % of this series<extra></extra>",
            )
        )  # fmt: skip
    least = 50 / max(len(scores), 0 if series is None else len(series))
    mean, spread = float(scores.mean()), float(scores.std())
    if spread > 0:
        x = np.linspace(low, top, 300)
        bell = np.exp(-0.5 * ((x - mean) / spread) ** 2) / (spread * np.sqrt(2 * np.pi))
        fit = 100 * width * bell
        figure.add_trace(
            go.Scatter(
                x=x, y=np.where(fit >= least, fit, np.nan), mode="lines", hoverinfo="skip",
                name=f"normal fit: {mean:.3g} ± {spread:.2g}",
                line={"color": LABEL, "width": 1.6, "dash": "dot"},
            )
        )  # fmt: skip
    _add_threshold(figure, threshold, f"alarm from {threshold:.4g}")
    figure.update_layout(
        margin=_MARGIN,
        bargap=0,
        barmode="overlay",
        showlegend=True,
        legend=_LEGEND,
        xaxis={"title": {"text": "score", "font": {"size": 12}}, "gridcolor": GRID,
               "zeroline": False, "range": [low, top], "fixedrange": True},
        yaxis={"gridcolor": GRID, "type": "log", "fixedrange": True, "dtick": 1,
               "range": [np.log10(least), 2], "ticksuffix": " %"},
    )  # fmt: skip
    figure.add_annotation(_title("How often which score"))
    return figure


def thresholds_figure(
    severity: np.ndarray, labels: np.ndarray, *, low: float, high: float, threshold: float
) -> go.Figure:
    """Draws precision, recall and F-beta of rows over thresholds.

    Args:
        severity: float `(rows,)`.
        labels: bool `(rows,)`, with at least one True.
        low: The lowest threshold.
        high: The highest.
        threshold: The default one. The first shape is its.

    Reference: J. Park (2018), whose program draws these curves.
    """
    levels = np.linspace(low, high, _THRESHOLDS)
    precision, recall = threshold_curves(severity, labels, levels)
    figure = go.Figure(layout=base_layout(300))
    curves = [("precision", precision, NORMAL, "solid"), ("recall", recall, LABEL, "solid")]
    for beta, dash in zip(_BETAS, ("dot", "solid", "dash"), strict=True):
        weighted = beta**2 * precision + recall
        share = np.divide((1 + beta**2) * precision * recall, weighted,
                          out=np.zeros_like(recall), where=weighted > 0)  # fmt: skip
        curves.append((f"F{beta:g}", share, INK if beta == 1 else MUTED, dash))
    for name, y, color, dash in curves:
        figure.add_trace(
            go.Scatter(
                x=levels, y=y, name=name, mode="lines", hovertemplate="%{y:.2f}",
                line={"color": color, "width": 2 if name == "F1" else 1.4, "dash": dash},
            )
        )  # fmt: skip
    _add_threshold(figure, threshold, f"alarm from {threshold:.2f}")
    figure.update_layout(
        margin=_MARGIN,
        hovermode="x unified",
        showlegend=True,
        legend=_LEGEND,
        xaxis={"title": {"text": "threshold on severity", "font": {"size": 12}}, "gridcolor": GRID,
               "zeroline": False, "range": [low, high], "fixedrange": True},
        yaxis={"gridcolor": GRID, "range": [0, 1.02], "zeroline": False, "fixedrange": True},
    )  # fmt: skip
    figure.add_annotation(_title("Rows against labels, by threshold"))
    return figure


def _title(text: str) -> dict[str, object]:
    """Returns a title above the legend."""
    return {**panel_title(f"<b>{text}</b>", 0, 1), "yshift": 42}


def _positive(shares: np.ndarray) -> np.ndarray:
    """Returns shares for a logarithmic axis, which has no zero."""
    return np.where(shares > 0, shares, np.nan)


def _add_threshold(figure: go.Figure, threshold: float, text: str) -> None:
    place = {"x0": threshold, "x1": threshold, "y0": 0, "y1": 1, "yref": "paper"}
    figure.add_shape(threshold_shape(text, upright=True, **place))
