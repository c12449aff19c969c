"""No command writes over what it reads, nor over the files of a run."""

import re
import sys

import pytest

from kad.cli import app as cli
from kad.report.write import write_report
from kad.runs.folder import CHECKPOINT, FILES, MODEL, files_of
from runtime.errors import InputError

LABELS = ("--labels", "labels.csv")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Data, labels, a configuration, and a run that nothing could load: no command gets so far."""
    (tmp_path / "run").mkdir()
    for name in FILES:
        (tmp_path / "run" / name).write_text(f"{name} of the run")
    for name in ("data.csv", "labels.csv", "kad.toml", "l.png"):
        (tmp_path / name).write_text("")
    (tmp_path / "link.csv").symlink_to("data.csv")
    (tmp_path / "hard.csv").hardlink_to(tmp_path / "data.csv")
    (tmp_path / "model.keras").symlink_to("run/model.keras")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def contents(folder):
    """Every file and its bytes."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refusal(monkeypatch, capsys, folder, *words):
    """Runs `kad` where it must not write anything: its one line on stderr."""
    before = contents(folder)
    monkeypatch.setattr(sys, "argv", ["kad", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    lines = [line for line in capsys.readouterr().err.splitlines() if line.strip()]
    assert (ended.value.code, len(lines)) == (2, 1), lines
    assert contents(folder) == before
    return lines[0]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("score run data.csv -o data.csv", "--output and the data"),
        ("score run data.csv -o link.csv", "--output and the data"),
        ("score run data.csv -o hard.csv", "--output and the data"),
        ("score run link.csv -o run/../data.csv", "--output and the data"),
        ("score run data.csv -o run/model.keras", "--output and the run's model.keras"),
        ("score run data.csv -o model.keras", "--output and the run's model.keras"),
        ("score run data.csv -o run/config.toml", "--output and the run's config.toml"),
        ("score run/model.keras data.csv -o run/model.keras", "--output and the detector"),
        ("score run/model.keras data.csv -o run/report.html", "--output and the run's report.html"),
        ("score run data.csv --predictions data.csv", "--predictions and the data"),
        ("score run data.csv -o new.csv --predictions new.csv", "--predictions and --output"),
        ("score run data.csv --predictions run/history.csv", "--predictions and .*history.csv"),
        ("evaluate run data.csv --labels labels.csv -o data.csv", "--output and the data"),
        ("evaluate run data.csv --labels labels.csv -o labels.csv", "--output and --labels"),
        (
            "evaluate run data.csv --labels labels.csv --training kad.toml -o kad.toml",
            "--output and --training",
        ),
        (
            "evaluate run data.csv --labels labels.csv -o run/calibration.csv",
            "--output and the run's calibration.csv",
        ),
        (
            "evaluate run/detector.onnx data.csv --labels labels.csv -o run/detector.onnx",
            "--output and the detector",
        ),
        ("report run data.csv --labels labels.csv -o labels.csv", "--output and --labels"),
        ("report run data.csv -o data.csv", "--output and the data"),
        ("report run -o run/model.keras", "--output and the run's model.keras"),
        ("report run data.csv --labels l.png --png l.png", "--png and --labels"),
        ("report run -o page.png --png page.png", "--png and --output"),
        ("report run data.csv --labels l.png -o l.html --png .", "--png and --labels"),
        ("train run/history.csv --out run --overwrite", "history.csv of --out and the data"),
        ("train run/report.html --out run --overwrite", "report.html of --out and the data"),
        (
            "train data.csv --out run --overwrite --pretrained run",
            "model.keras of --out and the model of --pretrained",
        ),
        (
            "train data.csv --out run --overwrite --pretrained model.keras",
            "model.keras of --out and the model of --pretrained",
        ),
    ],
)
def test_one_line_names_both(folder, monkeypatch, capsys, words, names):
    """Exit code 2 before anything is computed, and every file as it was."""
    line = refusal(monkeypatch, capsys, folder, *words.split())
    first, second = names.split(" and ")
    assert re.search(f"error: {first} must not be the same file as {second}. Received: ", line)
    assert re.search(r"(Name another file|Choose another --out)\.$", line)


def test_a_configuration_is_not_replaced_by_the_runs_own(folder, monkeypatch, capsys):
    """One that a person wrote: a run has the whole of it under that name."""
    (folder / "new").mkdir()
    (folder / "new" / "config.toml").write_text("# mine\n[training]\nseed = 3\n")
    words = ["train", "data.csv", "--config", "new/config.toml", "--out", "new"]
    for option in ((), ("--overwrite",)):
        line = refusal(monkeypatch, capsys, folder, *words, *option)
        assert "config.toml of --out must not be the same file as --config" in line
        assert line.endswith("Choose another --out, or move the configuration out of it.")


@pytest.mark.parametrize("option", ["--resume", "--overwrite"])
def test_a_run_goes_on_with_its_own_configuration(folder, monkeypatch, capsys, option):
    """It is the run's own file then; what is wrong here is another thing."""
    (folder / "run" / "config.toml").write_text('[detector]\nname = "gaussian"\n')
    words = ["train", "data.csv", "--config", "run/config.toml", "--out", "run"]
    assert "the same file" not in refusal(monkeypatch, capsys, folder, *words, option)


def test_demo_replaces_no_run_through_a_link(folder, monkeypatch, capsys):
    """Its data are files of their own."""
    (folder / "run" / "pump.csv").symlink_to("model.keras")
    line = refusal(monkeypatch, capsys, folder, "demo", "--out", "run")
    assert "pump.csv of --out must not be the same file as the run's model.keras" in line


def test_python_is_refused_the_same(folder):
    """`kad.report` of a run, and data of any kind."""
    with pytest.raises(InputError, match="--output must not be the same file as --labels"):
        write_report("run", "data.csv", labels=folder / "labels.csv", output="labels.csv")


def test_files_of_a_run(folder):
    """All that has a name in a run; a file that lies in no run is alone."""
    named = files_of("run", but=MODEL)
    assert {path.name for path in named.values()} == {*FILES} - {MODEL}
    assert CHECKPOINT in {path.name for path in files_of(folder / "run" / "detector.onnx").values()}
    assert list(files_of(folder / "labels.csv")) == ["the detector", *files_of(folder / "run")]
    (folder / "model.keras").unlink()
    assert files_of(folder / "labels.csv") == {"the detector": folder / "labels.csv"}
