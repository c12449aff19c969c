"""The ensemble: three detectors as error streams of one graph."""

import numpy as np
import onnx
import pytest

from export import export
from export.replay import replay_series
from kad.config import build_config
from kad.detectors.ensemble import Ensemble
from kad.runs.construct import build_detector
from kad.runs.folder import load
from kad.runs.train import train
from kad.training.session import TrainingInterruptedError
from runtime.errors import ConfigError, InputError
from toys.series import wave
from toys.training import interrupted_in


def tiny(**overrides):
    """A configuration of two epochs per network."""
    sections = {"training": {"epochs": 2}, **overrides}
    return build_config(detector="ensemble", preset="tiny", overrides=sections)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A trained run."""
    return train(tiny(), wave(), out=tmp_path_factory.mktemp("runs") / "ensemble")


def untrained(**arguments):
    """An ensemble as the configuration makes it."""
    return build_detector(tiny(detector=arguments), wave(), ("a", "b"))


def test_streams_are_those_of_the_members(trained):
    """Each member measures in the ensemble what it measures alone, in the order of `streams`.

    The memory's errors are 0 before it has samples enough.
    """
    detector = trained.detector
    x = replay_series(detector, streams=2, steps=8, seed=3)
    old = detector.layout.unpack(np.zeros((2, detector.state_size), "float32"))
    samples, _ = detector.samples(x, old)
    together = detector.measure(samples, old)
    alone = []
    for name in ("vae_lstm", "rnn", "memory"):
        member = getattr(detector, name)
        parts = {part: old[f"{name}.{part}"] for part in member.own_parts}
        alone += member.measure(samples, parts).errors
    alone[-2:] = [np.zeros_like(error) for error in alone[-2:]]
    assert len(together.errors) == len(alone) == len(detector.streams) == 6
    for one, other in zip(together.errors, alone, strict=True):
        np.testing.assert_array_equal(one, other)


def test_single_steps_need_no_loop(trained, tmp_path):
    """Where every step is a call of its own, the file has no control flow at all."""
    single = export(trained.folder, tmp_path / "single.onnx", steps=1)
    nodes = onnx.load(single.path).graph.node
    assert not [n for n in nodes if n.op_type in {"If", "Loop", "Scan"}]


def test_networks_train_with_their_own_options(trained):
    """All networks train; the ensemble's epochs, seed and share of held-out rows are theirs."""
    assert dict(trained.history.groupby("phase").size()) == {"vae": 2, "lstm": 2, "predictor": 2}
    training = tiny(training={"seed": 7, "validation": 0.2, "rnn": {"chunk": 12}}).training
    assert training.of("rnn").chunk == 12
    for name in ("vae_lstm", "rnn"):
        assert (training.of(name).seed, training.of(name).validation) == (7, 0.2)


def test_arguments_of_members(trained):
    """A configuration changes one of a member's arguments, keeps the others, and knows them all."""
    detector = untrained(vae_lstm={"l_win": 6}, memory={"size": 30})
    assert (detector.vae_lstm.l_win, detector.vae_lstm.l_seq) == (6, 4)
    assert (detector.memory.size, detector.memory.box) == (30, 2)
    assert untrained().rnn.get_config()["units"] == 8
    with pytest.raises(ConfigError, match=r"detector\.vae_lstm\.l_wim"):
        tiny(detector={"vae_lstm": {"l_wim": 6}})
    again = load(trained.folder)
    assert again.get_config() == trained.detector.get_config()


def test_streams_of_weight_zero_are_left_out():
    """They cost no state; another number of weights is refused."""
    assert untrained(importance=(1, 1, 1, 1, 1, 1)).state_size > untrained().state_size
    with pytest.raises(ConfigError, match=r"detector\.importance"):
        tiny(detector={"importance": (1.0, 1.0)})
    with pytest.raises(ConfigError, match="6 weights of at least 0"):
        Ensemble(["a"], importance=(1.0, 1.0))


def test_static_is_refused():
    """Streams of different size can only be fused when they are normalised."""
    with pytest.raises(ConfigError, match="adaptive"):
        Ensemble(["a"], scoring={"normalisation": "static"})


def test_interrupted_training(trained, tmp_path, monkeypatch):
    """Only the last network's Ctrl+C leaves a detector; resumed, it ends as if never stopped."""
    out = tmp_path / "run"
    for phase, resume in (("lstm", False), ("predictor", True)):
        with monkeypatch.context() as patch:
            interrupted_in(phase, 1, patch)
            with pytest.raises(TrainingInterruptedError) as stopped:
                train(tiny(), wave(), out=out, resume=resume)
        assert stopped.value.usable == (phase == "predictor")
        assert (out / "model.keras").exists() == (phase == "predictor")
    resumed = train(tiny(), wave(), out=out, resume=True)
    for one, other in zip(
        resumed.detector.get_weights(), trained.detector.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_the_report_has_the_pictures_of_all_members(trained):
    names = [picture.name for picture in trained.detector.diagnostics(wave(200))]
    assert names[0] == "reconstructions"
    assert names[-2:] == ["predictions", "nearest-windows"]
    assert trained.detector.lookback == trained.detector.memory.lookback


@pytest.mark.parametrize(("channels", "rows"), [(1, 321), (2, 363)])
def test_few_rows_hold_out_as_many_as_its_networks_need(channels, rows):
    """It trains where its largest member does: more than the share `validation` is held out."""
    config = build_config(detector="ensemble").for_channels(channels)
    frame = wave(rows, channels=channels)
    detector = build_detector(config, frame, tuple(frame))
    series = detector.prepare(frame, training=config.training).series
    _, held_out = detector.split_needed(config.training)
    assert series.held_out_rows == held_out > round(0.1 * rows)
    with pytest.raises(InputError, match=f"at least {rows} rows"):
        detector.prepare(frame.iloc[1:], training=config.training)
