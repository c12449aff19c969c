"""What all detectors share: a stair of classes, of which each knows those below.

`own` is what a detector brings, `described` its constructor, `stepping` the pure `step`, `running`
a series chunk by chunk, `calibrating` and `fitting` how it is learnt, `scored` frames to scores,
`detector` the base class itself.
"""

from kad.detector.detector import Detector
from kad.detector.own import Component
from kad.detector.series import TrainingSeries
from kad.graph.missing import trust
from kad.graph.rolling import rolling
from kad.graph.scoring import ErrorStream, Measured, Samples

__all__ = [
    "Component",
    "Detector",
    "ErrorStream",
    "Measured",
    "Samples",
    "TrainingSeries",
    "rolling",
    "trust",
]
