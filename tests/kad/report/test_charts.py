"""Charts of the report: any number of training phases."""

import pandas as pd
import pytest

from kad.report.charts import training_figure


@pytest.mark.parametrize("phases", range(1, 9))
def test_training_curves_of_any_number_of_phases(phases):
    """Panels lie side by side inside the chart; rounding put the third of three outside."""
    rows = [
        {"phase": f"p{phase}", "epoch": epoch, "loss": 1 / epoch, "val_loss": 2 / epoch}
        for phase in range(phases)
        for epoch in (1, 2, 3)
    ]
    layout = training_figure(pd.DataFrame(rows)).layout
    domains = [layout[f"xaxis{'' if i == 0 else i + 1}"].domain for i in range(phases)]
    assert all(0 <= left < right <= 1 for left, right in domains)
    ends = [right for _, right in domains]
    assert all(end < left for end, (left, _) in zip(ends, domains[1:], strict=False))
    assert len(layout.annotations) == phases
