"""The RNN predictor's predictions, near and far, as a table and as a picture."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from kad.detector.diagnostics import MOST_DRAWN, Curve, Diagnostic, DiagnosticPanel, Role


def made_in(forecasts: np.ndarray) -> np.ndarray:
    """Returns a segment's forecasts, NaN where one was made before its first sample.

    Args:
        forecasts: `(rows, horizon, channels)`, made for each row 1 to `horizon` steps before.
    """
    made = forecasts.copy()
    for step in range(made.shape[1]):
        made[: step + 1, step] = np.nan
    return made


def predictions_table(
    values: np.ndarray, forecasts: np.ndarray, *, names: Sequence[str], index: pd.Index
) -> pd.DataFrame:
    """Returns samples and what was predicted for them, see `RNNPredictor.predictions`.

    Args:
        values: `(rows, channels)`, raw units.
        forecasts: `(rows, horizon, channels)`, raw units.
        names: Names of the channels.
        index: Times of the rows.
    """
    columns = {
        prefix + name: array[:, i]
        for prefix, array in (
            ("", values),
            ("one_step_", forecasts[:, 0]),
            ("n_step_", forecasts[:, -1]),
            ("mean_", forecasts.mean(axis=1)),
        )
        for i, name in enumerate(names)
    }
    return pd.DataFrame(columns, index=index)


def predictions_picture(table: pd.DataFrame, *, names: Sequence[str], horizon: int) -> Diagnostic:
    """Draws a table of predictions, a panel per channel.

    Args:
        table: See `predictions_table`.
        names: Names of the channels.
        horizon: Predictions per sample.

    Reference: J. Park (2018), whose program draws these lines.
    """
    lines: tuple[tuple[str, str, Role], ...] = (
        ("n_step_", f"{horizon} steps ahead", "second"),
        ("mean_", f"mean of {horizon}", "third"),
        ("one_step_", "1 step ahead", "expected"),
        ("", "measured", "measured"),
    )
    return Diagnostic(
        name="predictions",
        title="Predictions, near and far",
        note="What the network predicted for each sample one step before, "
        f"{horizon} steps before, and the mean of all its predictions for it. On "
        "normal data they stay together; a fault pulls them apart.",
        x_title="",
        panels=tuple(
            DiagnosticPanel(
                title=channel,
                x=table.index.to_numpy(),
                curves=tuple(
                    Curve(name=name, y=table[f"{prefix}{channel}"].to_numpy(), role=role)
                    for prefix, name, role in lines
                ),
            )
            for channel in names[:MOST_DRAWN]
        ),
    )
