"""Odd files of kinds that people have, from CSV to events; every one has its right outcome."""

import pytest

from toys import odd_files
from toys.cases import find_cases

FOLDER = find_cases()
FACTS = [None] if FOLDER is None else odd_files.facts(FOLDER)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Detectors that were trained on one of the files, made once."""
    made = {}
    facts = {fact["file"]: fact for fact in FACTS}

    def model(name):
        if name not in made:
            work = tmp_path_factory.mktemp("trained")
            made[name] = odd_files.model_of(facts[name], FOLDER / name, work)
        return made[name]

    return model


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: "none" if fact is None else fact["file"])
def test_an_odd_file_has_its_right_outcome(fact, tmp_path, trained):
    """Trained on, exported and scored: what is read is right, or it is refused by name."""
    if fact is None:
        pytest.skip("needs the odd files beside the real series: set KAD_DATA_DIR")
    outcome = odd_files.outcome_of(fact, FOLDER, tmp_path, trained)
    assert outcome.problems == [], outcome.text
