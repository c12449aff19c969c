"""From a trained detector to the metadata of its file."""

from typing import Any

from runtime.errors import InputError
from runtime.model.schema import InputColumn, Metadata


def detector_metadata(detector: Any, *, weights_sha256: str) -> Metadata:
    """Returns the metadata of a fitted detector.

    Args:
        detector: A `kad.Detector`.
        weights_sha256: SHA-256 of the graph's weights.

    Raises:
        InputError: The detector was never fitted.
    """
    card = detector.card
    if "threshold" not in card:
        raise InputError(
            "The detector was never calibrated, so it has no threshold. Train it with `kad train`."
        )
    channels = [
        InputColumn(name=name, unit=unit)
        for name, unit in zip(detector.channels, detector.channel_units, strict=True)
    ]
    context = [InputColumn(name=name, role="context") for name in detector.context]
    return Metadata(
        detector=detector.detector_name,
        inputs=(*channels, *context),
        period_s=detector.period_s,
        grid=detector.grid,
        max_gap_steps=detector.max_gap_steps,
        warmup_steps=detector.warmup_steps,
        max_steps=detector.max_steps,
        state_size=detector.state_size,
        threshold=card["threshold"],
        false_alarms=card["false_alarms"],
        weights_sha256=weights_sha256,
        alarm=detector.alarm_policy,
        calibration=card["calibration"],
        training=card["training"],
    )
