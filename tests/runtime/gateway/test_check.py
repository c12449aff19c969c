"""`--check`: says what would go wrong and what it costs; changes nothing."""

import shutil

import pytest

from runtime.errors import ConfigError
from runtime.gateway.check import check
from runtime.gateway.config.read import read_config
from runtime.gateway.pipeline.kept import Kept
from toys.processes import write_config

JOURNAL = "[journal]\nenabled = true\n"


def content_of(folder):
    return {
        path.relative_to(folder): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def used(tmp_path):
    """A configuration, and a state folder with two snapshots and some records."""
    path = write_config(tmp_path, more=JOURNAL)
    config = read_config(path)
    kept = Kept.open(config.gateway.state, config.journal, journal=True)
    kept.journal.append_many([b"x" * 100] * 5, [1] * 5)
    for sequence in (1, 3):
        writer = kept.snapshots.begin(sequence)
        writer.add("engine", sequence, b"x" * 1000)
        writer.commit({})
    kept.close()
    return path


def test_the_first_time(tmp_path):
    """Costs of the model, no state yet; nothing is made."""
    report = check(write_config(tmp_path))
    assert report.is_sound
    assert report.lines[-1].endswith("will be made.")
    assert "m: gaussian, 2 channels, a row every 600 s" in report.lines[0]
    assert any("GB written a day" in line for line in report.lines)
    assert not (tmp_path / "kad-state").exists()


def test_what_is_there_is_looked_at(used):
    """How far the snapshot is, and what would be replayed."""
    before = content_of(used.parent)
    report = check(used)
    assert report.lines[-1].endswith("snapshot up to 3, 2 records behind it.")
    assert content_of(used.parent) == before


def test_damage_is_said_and_left(used):
    """A torn end of the journal and a damaged snapshot stay, also the next time."""
    state = used.parent / "kad-state"
    segment = max((state / "journal").iterdir(), key=lambda path: path.stat().st_size)
    with segment.open("ab") as file:
        file.write(b"torn")
    snapshot = max((state / "snapshots").glob("*.snapshot"))
    snapshot.write_bytes(snapshot.read_bytes()[:-3])
    before = content_of(state)
    for _ in range(2):
        report = check(used)
        assert report.is_sound
        assert any(line.startswith("warning:") and snapshot.name in line for line in report.lines)
        assert report.lines[-1].endswith("snapshot up to 1, 4 records behind it.")
    assert content_of(state) == before
    assert not list(state.rglob("*.damaged"))


def test_a_folder_that_a_gateway_uses_is_no_error(used):
    """It says so, and looks at the rest."""
    config = read_config(used)
    kept = Kept.open(config.gateway.state, config.journal, journal=True)
    try:
        report = check(used)
    finally:
        kept.close()
    assert report.is_sound
    assert report.lines[-1].startswith("note: the state was not looked at.")
    assert check(used).lines[-1].startswith("State: ")


def test_a_state_that_is_no_folder_is_an_error(used):
    """As it would be for a gateway."""
    shutil.rmtree(used.parent / "kad-state" / "journal")
    (used.parent / "kad-state" / "journal").write_text("x")
    report = check(used)
    assert not report.is_sound
    assert report.lines[-1].startswith("error: the state folder cannot be used")


def test_more_streams_than_a_core_can_score_are_a_warning(tmp_path):
    """Said with the numbers."""
    report = check(write_config(tmp_path), streams=10**12)
    assert any("cores for scoring alone" in line for line in report.lines)
    assert report.is_sound


def test_what_cannot_be_read_at_all_raises(tmp_path):
    """One line with the place."""
    path = write_config(tmp_path)
    path.write_text(path.read_text().replace("tick_s = 0.02", "tick_s = true"))
    with pytest.raises(ConfigError, match=r"`tick_s` in \[gateway\]"):
        check(path)
