"""Draws what detectors show of their networks."""

from html import escape

import plotly.graph_objects as go

from kad.detector.diagnostics import Diagnostic
from kad.report.charts import EXPECTED, GRID, MEASURED, base_layout, panel_title

_COLORS = {"measured": MEASURED, "expected": EXPECTED, "second": "#e69f00", "third": "#cc79a7"}
_PANEL_PX, _GAP_PX, _TOP_PX, _BOTTOM_PX = 116, 44, 62, 46
_GAP, _NARROW_GAP = 0.045, 0.015


def diagnostic_figure(diagnostic: Diagnostic) -> go.Figure:
    """Draws one picture of a detector."""
    columns = diagnostic.columns
    rows = -(-len(diagnostic.panels) // columns)
    inner = rows * _PANEL_PX + (rows - 1) * _GAP_PX
    gap = _NARROW_GAP if diagnostic.rows_share_y else _GAP
    width = (1 - gap * (columns - 1)) / columns
    figure = go.Figure(layout=base_layout(inner + _TOP_PX + _BOTTOM_PX))
    named: set[str] = set()
    for i, panel in enumerate(diagnostic.panels):
        row, column = divmod(i, columns)
        left = column * (width + gap)
        top = 1 - row * (_PANEL_PX + _GAP_PX) / inner
        bottom = max(0.0, top - _PANEL_PX / inner)
        for curve in panel.curves:
            figure.add_trace(
                go.Scatter(
                    x=panel.x, y=curve.y, name=curve.name, xaxis=f"x{i + 1}", yaxis=f"y{i + 1}",
                    mode="lines", legendgroup=curve.name, showlegend=curve.name not in named,
                    opacity=0.45 if curve.is_faint else 1.0, connectgaps=False,
                    line={"color": _COLORS[curve.role], "width": 1.0 if curve.is_faint else 1.5},
                    hovertemplate="%{y:.4g}",
                )
            )  # fmt: skip
            named.add(curve.name)
        is_last = row == rows - 1 or i + columns >= len(diagnostic.panels)
        figure.update_layout(
            {
                f"xaxis{i + 1}": {
                    "domain": [left, min(left + width, 1.0)], "anchor": f"y{i + 1}",
                    "gridcolor": GRID, "zeroline": False, "nticks": 8 if columns <= 3 else 5,
                    "title": {"text": escape(diagnostic.x_title) if is_last else "",
                              "font": {"size": 12}, "standoff": 6},
                    **({"matches": "x"} if columns == 1 and i else {}),
                },
                f"yaxis{i + 1}": {
                    "domain": [bottom, top], "anchor": f"x{i + 1}", "gridcolor": GRID,
                    "zeroline": False, "nticks": 5,
                    **({"matches": f"y{row * columns + 1}", "showticklabels": False}
                       if diagnostic.rows_share_y and column else {}),
                },
            }
        )  # fmt: skip
        figure.add_annotation(panel_title(f"<b>{escape(panel.title)}</b>", left, top))
    figure.update_layout(
        hovermode="x",
        margin={"l": 56, "r": 8, "t": _TOP_PX, "b": _BOTTOM_PX},
        showlegend=len(named) > 1,
        legend={"orientation": "h", "x": 0, "xanchor": "left", "yref": "container", "y": 1,
                "yanchor": "top"},
    )  # fmt: skip
    return figure
