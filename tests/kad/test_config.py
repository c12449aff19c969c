"""Configuration: one validated tree from defaults, presets, files and flags."""

import json
import tomllib
from dataclasses import replace

import pytest

from kad.config import build_config
from kad.runs.train import train
from runtime.errors import ConfigError, InputError
from runtime.model.policy import AlarmPolicy
from toys.series import wave
from toys.training import as_constructed


def write(tmp_path, text, name="kad.toml"):
    """Writes a configuration file."""
    path = tmp_path / name
    path.write_text(text)
    return path


def test_preset_file_and_overrides_win_in_this_order(tmp_path):
    """Overrides beat the file, the file beats the preset."""
    file = write(tmp_path, "[detector]\nhidden_units = 64\nl_win = 48\n[training]\nseed = 3\n")
    config = build_config(file=file, preset="paper", overrides={"detector": {"l_win": 30}})
    assert config.arguments["hidden_units"] == 64
    assert config.arguments["l_win"] == 30
    assert config.arguments["score_windows"] == 11
    assert config.training.seed == 3


def test_json_and_toml_are_the_same(tmp_path):
    """Both formats give the same configuration."""
    tree = {"detector": {"name": "vae-lstm", "l_win": 10}, "alarm": {"false_alarms": "2/day"}}
    json_file = write(tmp_path, json.dumps(tree), "kad.json")
    toml_file = write(
        tmp_path, '[detector]\nname = "vae-lstm"\nl_win = 10\n[alarm]\nfalse_alarms = "2/day"\n'
    )
    assert build_config(file=json_file) == build_config(file=toml_file)


def test_written_configuration_repeats_itself(tmp_path):
    """to_toml → build_config is the identity."""
    config = build_config(preset="paper", overrides={"data": {"channels": ["a"], "period": 2.5}})
    again = build_config(file=write(tmp_path, config.to_toml()))
    assert again == config
    assert tomllib.loads(config.to_toml())["detector"]["name"] == "vae-lstm"


def test_alarm_times_are_seconds_or_texts(tmp_path):
    """2h is 7200 s, and 24 steps of 5 minutes; the written file repeats it."""
    text = "[alarm]\nrefractory = '2h'\nhabituation = '1 day'\nmerge_gap = 301\n"
    config = build_config(file=write(tmp_path, text))
    assert config.alarm.refractory == 7200
    policy = config.alarm.policy(300)
    assert policy == AlarmPolicy(refractory_steps=24, habituation_steps=288, merge_gap_steps=2)
    assert build_config().alarm.policy(300) == AlarmPolicy()
    assert build_config(file=write(tmp_path, config.to_toml(), "again.toml")) == config


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[detector]\nhiden_units = 64",
            "'detector.hiden_units'. Did you mean 'detector.hidden_units'",
        ),
        ("[trainning]\nseed = 1", "'trainning'. Did you mean 'training'"),
        ("[training]\nepochs = 0", "training.epochs: .*greater than or equal to 1.* Received: 0"),
        ("[training]\nbackend = 'mxnet'", "training.backend: .*'jax'.* Received: 'mxnet'"),
        ("[detector]\nname = 'vae-lstn'", "Did you mean 'vae-lstm'"),
        ("[detector]\nname = 5", "Received: 5"),
        ("[training]\nlearning_rate = inf", "training.learning_rate: .*finite"),
        ("[alarm]\nfalse_alarms = 'often'", "alarm.false_alarms: .*Received: 'often'"),
        ("[alarm]\nrefractory = '2 fortnights'", "alarm.refractory: A duration .*2 fortnights"),
        ("[alarm]\nrelease = 1.5", "alarm.release: .*less than or equal to 1"),
        ("[alarm]\nrefactory = 5", "Did you mean 'alarm.refractory'"),
        (
            "[detector]\nname = 'ensemble'\n[detector.memory]\nsizes = 100",
            "'detector.memory.sizes'. Did you mean 'detector.memory.size'",
        ),
        ("[detector]\nname = 'memory'\n[training]\nepochs = 3", "'training.epochs'. There are t"),
        ("[detector\n", "is not valid"),
        ("detector = 3", "must be a section"),
    ],
)
def test_errors_name_the_key(tmp_path, text, message):
    """Every wrong key or value is one line that names it."""
    with pytest.raises(ConfigError, match=message) as error:
        build_config(file=write(tmp_path, text))
    assert "\n" not in str(error.value)


def test_missing_file_and_unknown_preset(tmp_path):
    """A file that is not there and a preset that is not known are told apart."""
    with pytest.raises(InputError, match="cannot be read"):
        build_config(file=tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="default, multichannel, paper, tiny"):
        build_config(preset="papr")


def test_number_of_channels_chooses_the_preset(tmp_path):
    """Where none is chosen: several channels weigh predicted windows less, as the run says."""
    frame = wave(600)
    small = {"detector": {"l_win": 8, "l_seq": 3, "hidden_units": 16, "lstm_units": 4}}
    weights = {}
    for columns in (["a"], ["a", "b"]):
        for preset in (None, "default"):
            config = build_config(preset=preset, overrides=small)
            folder = tmp_path / f"{len(columns)}-{preset}"
            with as_constructed():
                run = train(config, frame[columns], out=folder)
            kept = build_config(file=folder / "config.toml").arguments["importance"]
            assert [stream.weight for stream in run.detector.scoring.streams] == kept
            weights[len(columns), preset] = kept
    assert weights.pop((2, None)) == [1.0, 0.1]
    assert list(weights.values()) == [[1.0, 1.0]] * 3


def test_what_is_chosen_wins_over_the_preset_of_the_channels(tmp_path):
    """The user's file and overrides stand, whatever becomes of them, and what is replaced later."""
    file = write(tmp_path, "[detector]\nimportance = [1, 2]\n")
    overrides = {"training": {"seed": 3}}
    config = build_config(file=file, overrides=overrides)
    overrides["training"]["seed"] = 4
    file.unlink()
    data = config.data.model_copy(update={"period": 60.0})
    several = replace(config, data=data).for_channels(3)
    assert several.arguments["importance"] == [1.0, 2.0]
    assert (several.training.seed, several.data.period) == (3, 60.0)
    assert build_config().for_channels(3).arguments["importance"] == [1.0, 0.1]
    ensemble = build_config(detector="ensemble", overrides={"detector": {"rnn": {"units": 7}}})
    assert ensemble.for_channels(1) == ensemble
    several = ensemble.for_channels(2).arguments
    assert (several["rnn"]["units"], several["rnn"]["layers"]) == (7, 2)
    assert (ensemble.arguments["rnn"]["units"], ensemble.arguments["rnn"]["layers"]) == (7, 1)
