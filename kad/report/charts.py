"""Charts of a training, and the look that all charts of a report share.

Each function returns a plotly figure; nothing here knows about files or pages.
"""

from html import escape

import pandas as pd
import plotly.graph_objects as go

MEASURED = "#22313f"
EXPECTED = "#56b4e9"
EVENT = "#d55e00"
LABEL = "#009e73"
TRAINING = "#9aa5b1"
NORMAL = "#0072b2"
INK = "#22313f"
MUTED = "#5f6f7f"
GRID = "#e8ecf0"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


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
            ("loss", "training rows", TRAINING),
            ("val_loss", "held-out rows", NORMAL),
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
                    "domain": [start, min(start + width, 1.0)], "anchor": f"y{i}",
                    "gridcolor": GRID,
                    "zeroline": False, "title": {"text": "epoch", "font": {"size": 12}},
                    "rangemode": "tozero", "tickformat": "d",
                },
                f"yaxis{i}": {
                    "anchor": f"x{i}", "gridcolor": GRID, "zeroline": False, "nticks": 6,
                },
            }
        )  # fmt: skip
        figure.add_annotation(panel_title(f"<b>Loss of {escape(str(phase))}</b>", start, 1))
    figure.update_layout(
        base_layout(270),
        hovermode="x unified",
        margin={"l": 56, "r": 8, "t": 56, "b": 44},
        showlegend=True,
        legend={"orientation": "h", "x": 0, "y": 1.12, "yanchor": "bottom", "xanchor": "left"},
    )
    return figure


def panel_title(text: str, x: float, y: float) -> dict[str, object]:
    """Returns an annotation in bold above a panel's left end, `x` and `y` as shares of the chart.

    Args:
        text: Plotly's HTML; `html.escape` what users wrote.
        x: The panel's left end.
        y: The panel's upper end.
    """
    return {
        "text": text, "x": x, "y": y, "xref": "paper", "yref": "paper", "xanchor": "left",
        "yanchor": "bottom", "yshift": 3, "showarrow": False, "font": {"size": 13, "color": INK},
    }  # fmt: skip


def threshold_shape(text: str, *, upright: bool, **place: object) -> dict[str, object]:
    """Returns the dashed line of a threshold with its text, which the page's scripts move.

    Args:
        text: Such as `alarm from 3.7`.
        upright: Whether the line is vertical.
        **place: Plotly's `x0`, `xref` and so on.
    """
    anchor = (
        {"xanchor": "right", "yanchor": "top"}
        if upright
        else {"xanchor": "left", "yanchor": "bottom"}
    )
    return {
        "type": "line",
        "line": {"color": EVENT, "width": 1.5, "dash": "dash"},
        "label": {
            "text": text, "textposition": "end" if upright else "start", "textangle": 0,
            "padding": 4, "font": {"color": EVENT, "size": 12}, **anchor,
        },
        **place,
    }  # fmt: skip


def base_layout(height: int) -> dict[str, object]:
    """Returns what the layouts of all charts have in common; `height` in pixels."""
    return {
        "template": go.layout.Template(),
        "height": height,
        "font": {"family": FONT, "size": 12, "color": INK},
        "paper_bgcolor": "white",
        "plot_bgcolor": "white",
        "showlegend": False,
        "hoverlabel": {"font": {"family": FONT, "size": 12}},
        "dragmode": "zoom",
    }
