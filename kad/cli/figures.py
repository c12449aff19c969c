"""Figures of an evaluation as a person reads them."""

import numpy as np
from rich.console import Group
from rich.table import Table

from kad.evaluation.judge import BASELINE, Evaluation
from kad.metrics.summary import METRICS

_SECTIONS = {
    "none": "No threshold",
    "default": "Default threshold, chosen without labels",
    "labels": "Best F1, best NAB: threshold chosen with the labels in view",
}


def as_text(evaluation: Evaluation) -> Group:
    """Returns what `kad evaluate` prints: detectors beside each other, metrics that are defined."""
    wide = evaluation.table.pivot_table(
        index="metric", columns="detector", values="value", sort=False, dropna=False
    )
    detector = evaluation.table["detector"].iloc[0]
    default = f": {evaluation.false_alarms} ({detector}: severity {evaluation.threshold:.2f})"
    parts: list[Table] = []
    defined = wide.index[wide.notna().any(axis=1)]
    for choice, title in _SECTIONS.items():
        names = [name for name in defined if METRICS[name].threshold == choice]
        if not names:
            continue
        part = Table(
            title=f"{title}{default * (choice == 'default')}\n",
            title_justify="left",
            box=None,
            pad_edge=False,
        )
        part.add_column("", min_width=26)
        for detector in wide.columns:
            part.add_column(str(detector), justify="right", min_width=len(BASELINE))
        for name in names:
            part.add_row(METRICS[name].title, *(_cell(name, v) for v in wide.loc[name]))
        parts += [part, Table()]
    return Group(*parts[:-1])


def _cell(name: str, value: float) -> str:
    if np.isnan(value):
        return "–"
    if "nab_" in name:
        return f"{value:.1f}"
    if name.endswith("delay_s"):
        return f"{value:,.0f}"
    return f"{value:.3f}"
