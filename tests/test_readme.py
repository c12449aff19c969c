"""The documentation runs: each command and each Python block, in order, in one folder."""

import os
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from kad.config import build_config
from kad.detectors import detector_names
from kad.pump import pump
from toys.documents import blocks

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder that has what a reader has: pump.csv."""
    folder = tmp_path_factory.mktemp("reader")
    pump(days=28, period_s=300, seed=0).frame.to_csv(folder / "pump.csv")
    return folder


def run(command, folder):
    """Runs a command of the documentation with this interpreter."""
    words = shlex.split(command, comments=True)
    words = [sys.executable, "-m", "kad", *words[1:]] if words[0] == "kad" else words
    words = [sys.executable, *words[1:]] if words[0] == "python" else words
    environment = {k: v for k, v in os.environ.items() if k != "KERAS_BACKEND"}
    environment["PYTHONPATH"] = str(ROOT)
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, env=environment)


@pytest.mark.slow
def test_readme_commands_and_code(folder, monkeypatch):
    """train → export → score as printed, then both Python examples.

    The workstation's runs in this process, which has its libraries loaded.
    """
    path_block = next(b for b in blocks("README.md", "sh") if "kad train" in b)
    commands = [line for line in path_block.splitlines() if line.strip()]
    assert len(commands) == 4
    for line in commands:
        # Two epochs show that the line works; the demo shows that it learns.
        command = line + (" --epochs 2" if line.startswith("kad train") else "")
        done = run(command, folder)
        assert done.returncode == 0, done.stderr
    assert (folder / "runs/pump/report.html").is_file()
    assert (folder / "events.csv").is_file()
    stream, workstation = blocks("README.md", "python")
    samples = "samples = [('2025-01-06 00:00:00', [1.0, 2.0, 3.0, 4.0, 5.0])]\n"
    done = run(shlex.join(["python", "-W", "error::UserWarning", "-c", samples + stream]), folder)
    assert done.returncode == 0, done.stderr
    monkeypatch.chdir(folder)
    exec(workstation, {})  # noqa: S102
    assert (folder / "runs/pump-tiny/model.keras").is_file()
    file_code = "\n".join(blocks("docs/onnx-file.md", "python"))
    done = run(shlex.join(["python", "-c", file_code]), folder)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", detector_names())
def test_documented_configuration_is_the_default(name, tmp_path):
    """The printed configurations name every key of every detector, with its default."""
    trees = {block: tomllib.loads(block) for block in blocks("docs/configuration.md", "toml")}
    whole = next(iter(trees.values()))
    (toml,) = (block for block, tree in trees.items() if tree["detector"]["name"] == name)
    path = tmp_path / "kad.toml"
    path.write_text(toml)
    documented, default = build_config(file=path), build_config(detector=name)
    assert documented.arguments == default.arguments
    assert documented.alarm == default.alarm
    assert documented.training.model_copy(update={"backend": None}) == default.training
    assert (
        documented.scoring.model_copy(update=dict.fromkeys(("half_life", "short", "cap")))
        == default.scoring
    )
    assert set(whole["scoring"]) == set(type(default.scoring).model_fields)
    assert set(whole["data"]) == set(type(default.data).model_fields)
    assert set(trees[toml]["detector"]) == {"name", *default.arguments}
    training = {*whole["training"], *trees[toml].get("training", {})}
    assert training >= set(type(default.training).model_fields)


def test_every_original_key_has_an_equivalent():
    """All keys of the original's NAB_config.json, and all options of the RNN's, are in a table."""
    text = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
    config = """exp_name dataset y_scale one_image l_seq l_win n_channel TRAIN_VAE TRAIN_LSTM
    TRAIN_sigma batch_size batch_size_lstm load_model load_dir num_epochs_vae num_epochs_lstm
    learning_rate_vae learning_rate_lstm code_size sigma sigma2_offset num_hidden_units
    num_hidden_units_lstm"""
    keys = config.split()
    options = """data filename model augment emsize nhid nlayers res_connection lr weight_decay clip
    epochs batch_size eval_batch_size bptt teacher_forcing_ratio dropout tied seed device
    log_interval save_interval save_fig resume pretrained prediction_window_size compensate beta"""
    tables = text.split("| original | kad |")[1:]
    wanted = [keys, [f"--{option}" for option in options.split()]]
    for table, names in zip(tables, wanted, strict=True):
        left = " ".join(line.split("|")[1] for line in table.splitlines() if line.count("|") == 3)
        assert [name for name in names if f"`{name}`" not in left] == []
