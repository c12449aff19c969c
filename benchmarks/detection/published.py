"""Figures that others have published, and where."""

from typing import NamedTuple


class SKABFigures(NamedTuple):
    """A row of SKAB's table of outlier detectors."""

    f1: float
    far: float
    """False-alarm rate in percent."""
    mar: float
    """Missed-alarm rate in percent."""


NAB_SOURCE = (
    "github.com/numenta/NAB at `ea702d7`; two digits where our scorer reproduces them from the "
    "detector's scores, else as printed"
)
NAB = {
    "ARTime": (74.85, 65.15, 80.36),
    "numenta": (70.10, 63.21, 74.32),
    "contextOSE": (69.90, 66.98, 73.18),
    "numentaTM": (64.6, 56.7, 69.2),
    "randomCutForest": (51.7, 38.4, 59.7),
    "windowedGaussian": (39.65, 20.87, 47.41),
}
"""Standard, low false positives, low false negatives: thresholds chosen with the labels."""

SKAB_SOURCE = (
    "github.com/waico/SKAB, README, outlier detection; recounted from its result files by others "
    "over the same 23,801 test rows"
)
SKAB = {
    "Conv-AE": SKABFigures(0.78, 13.55, 28.02),
    "MSET": SKABFigures(0.78, 39.73, 14.13),
    "T-squared + Q (PCA)": SKABFigures(0.76, 26.62, 24.92),
    "LSTM-AE": SKABFigures(0.74, 29.96, 25.92),
    "T-squared": SKABFigures(0.66, 19.21, 42.60),
    "LSTM-VAE": SKABFigures(0.56, 9.13, 55.03),
    "Vanilla LSTM": SKABFigures(0.54, 12.54, 59.53),
    "MSCRED": SKABFigures(0.36, 49.94, 69.88),
    "Vanilla AE": SKABFigures(0.39, 2.59, 75.15),
    "Isolation forest": SKABFigures(0.29, 2.56, 82.89),
}

PAPER_SOURCE = "the original code, run once for as many epochs"
PAPER = {
    "ambient_temp": (0.680, 0.996),
    "cpu_utilization": (0.871, 0.982),
    "ec2_request": (0.853, 0.996),
    "machine_temp[0]": (0.691, 0.987),
    "machine_temp[1]": (0.740, 0.907),
    "nyc_taxi": (0.818, 0.997),
}
"""Plain and point-adjusted F1 of the original VAE-LSTM."""
