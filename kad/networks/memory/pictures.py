"""The most unusual window of each channel beside the one that it resembles most."""

from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from kad.detector.diagnostics import AROUND, MOST_DRAWN, Curve, Diagnostic, DiagnosticPanel


def nearest_windows(
    values: np.ndarray,
    distances: np.ndarray,
    *,
    names: Sequence[str],
    box: int,
    boxes: int,
    span: int,
) -> list[Diagnostic]:
    """Draws the newest most distant window of each channel; nothing where none is distant.

    Args:
        values: `(rows, channels)`, raw units, without missing samples.
        distances: `(rows, channels)`: distance of the window that ends at each row to the nearest
            one before it.
        names: Names of the channels.
        box: Samples that are averaged.
        boxes: Boxes of a window.
        span: Samples that are remembered.
    """
    window = box * boxes
    panels = []
    for channel, name in enumerate(names[:MOST_DRAWN]):
        # Before that there is too little to compare with.
        first = max(0, len(distances) - 2 * AROUND - 1)
        newest = first + int(distances[first:, channel].argmax())
        if not distances[newest, channel]:
            continue
        windows = sliding_window_view(values[: newest + 1, channel], window)
        nearest = windows[_nearest(windows.reshape(-1, boxes, box).mean(axis=2), window, span)]
        curves = (
            Curve(name="nearest window before", y=nearest, role="expected"),
            Curve(name="most unusual window", y=windows[-1]),
        )
        panels.append(DiagnosticPanel(title=name, x=np.arange(window), curves=curves))
    if not panels:
        return []
    return [
        Diagnostic(
            name="nearest-windows",
            title="The most unusual window, and the one that it resembles most",
            note=f"Of all windows of the last {span} samples, the nearest is drawn. "
            "Where even this one has another shape or level, nothing like it has been seen.",
            x_title="sample of the window",
            panels=tuple(panels),
        )
    ]


def _nearest(means: np.ndarray, window: int, span: int) -> int:
    """Returns which of `span` windows that end before the last one begins is nearest to it.

    Args:
        means: `(windows, boxes)`: box means of every window.
        window: Samples of a window.
        span: Samples that are remembered.
    """
    first = max(0, len(means) - window - span)
    past = means[first:-window]
    return first + int(np.square(past - means[-1]).sum(axis=1).argmin())
