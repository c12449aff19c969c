"""A tiny detector of every kind, and of options that change how it works."""

from unittest.mock import patch

import keras

from toys.series import ten_minutes

SETTINGS = {
    "rnn": {"detector": {"embedding": 4, "units": 4, "layers": 1, "horizon": 2, "smooth": 3}},
    "vae-lstm": {
        "detector": {"l_win": 6, "l_seq": 3, "code_size": 2, "hidden_units": 16, "lstm_units": 4}
    },
    "memory": {"detector": {"size": 40, "start": 24}},
    "ensemble": {
        "detector": {
            "vae_lstm": {"l_win": 6, "l_seq": 3, "code_size": 2, "hidden_units": 16},
            "rnn": {"embedding": 4, "units": 4, "horizon": 2, "smooth": 3},
            "memory": {"size": 40, "start": 24},
        }
    },
}
"""Over a detector's preset `tiny`; one that is not listed is tested as it is."""
ADAPTIVE, STATIC = ({"scoring": {"normalisation": name}} for name in ("adaptive", "static"))
VARIANTS = {
    "gaussian, adaptive": ("gaussian", ADAPTIVE),
    "memory, static": ("memory", STATIC),
    "memory, every sample": ("memory", {"detector": {"stride": 1, "size": 15}}),
    "memory, as long as a window": ("memory", {"detector": {"stride": 8, "size": 5}}),
    "memory, samples as boxes": ("memory", {"detector": {"box": 1, "boxes": 6}}),
    "vae-lstm, static": ("vae-lstm", STATIC),
    "vae-lstm, two windows": ("vae-lstm", {**STATIC, "detector": {"score_windows": 2}}),
    "rnn, recursive": ("rnn", {**STATIC, "detector": {"cell": "lstm", "smooth": 1}}),
    "rnn, direct and joint": (
        "rnn",
        {**STATIC, "detector": {"cell": "gru", "head": "direct", "gaussian": "joint"}},
    ),
    "rnn, sru": ("rnn", {**STATIC, "detector": {"cell": "sru", "embedding": 6, "layers": 2}}),
    "rnn, tied residual": (
        "rnn",
        {
            **STATIC,
            "detector": {
                "cell": "simple_rnn",
                "activation": "relu",
                "residual": True,
                "tied": True,
            },
        },
    ),
    "rnn, forecast": (
        "rnn",
        {**STATIC, "detector": {"cell": "gru", "impute": "forecast", "smooth": 1}},
    ),
    "rnn, direct forecast": (
        "rnn",
        {"detector": {"head": "direct", "impute": "forecast", "residual": True, "layers": 2}},
    ),
}
"""Name, kind and what stands over its settings."""


def merged(*trees):
    """One tree of options; later ones win."""
    both = {}
    for tree in trees:
        for key, value in tree.items():
            both[key] = merged(both.get(key, {}), value) if isinstance(value, dict) else value
    return both


def config_of(name, **overrides):
    """Configuration of a tiny detector of a kind."""
    from kad.config import build_config

    return build_config(
        detector=name, preset="tiny", overrides=merged(SETTINGS.get(name, {}), overrides)
    )


def fitted(name, frame=None, **overrides):
    """A detector that learnt everything but its networks, which keep their first weights."""
    from kad.runs.construct import build_detector

    frame = ten_minutes() if frame is None else frame
    config = config_of(name, **overrides)
    keras.utils.set_random_seed(1)
    detector = build_detector(config, frame, tuple(frame.columns))
    with patch.object(type(detector), "fit_networks", lambda *_: None):
        detector.fit(frame, training=config.training)
    return detector


def default_size(name, channels):
    """A detector as it comes, `multichannel` where it has several; networks keep first weights."""
    from kad.config import build_config
    from kad.detectors import detector_class
    from kad.runs.construct import build_detector

    presets = detector_class(name).presets
    preset = "multichannel" if channels > 1 and "multichannel" in presets else "default"
    frame = ten_minutes(1500)[["a", "b"][:channels]]
    config = build_config(detector=name, preset=preset)
    keras.utils.set_random_seed(1)
    detector = build_detector(config, frame, tuple(frame.columns))
    with patch.object(type(detector), "fit_networks", lambda *_: None):
        detector.fit(frame, training=config.training)
    return detector
