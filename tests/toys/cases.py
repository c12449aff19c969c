"""The collection of real kinds of files beside the checkout, where it is there."""

import csv
import os
from pathlib import Path

import pytest


def find_cases():
    """The folder of the collected cases: `cases` beside the real series, or beside the checkout."""
    checkout = Path(__file__).resolve().parents[2]
    data = os.environ.get("KAD_DATA_DIR")
    folders = [checkout.parent / "shared" / "cases"]
    if data:
        folders.insert(0, Path(data).parent / "cases")
    for folder in folders:
        if (folder / "cases.csv").is_file():
            return folder
    return None


def cases_dir():
    """That folder; without it, the test is skipped."""
    folder = find_cases()
    if folder is not None:
        return folder
    pytest.skip("needs the collected cases: ../shared/cases, or beside KAD_DATA_DIR")


def case(name):
    """What is known of one case: a row of `cases.csv`."""
    with (cases_dir() / "cases.csv").open(newline="", encoding="utf-8") as file:
        return next(row for row in csv.DictReader(file) if row["file"] == name)


def columns(name):
    """The header and the rows of a case's CSV."""
    text = (cases_dir() / name).read_text(encoding="utf-8")
    delimiter = ";" if ";" in text.splitlines()[0] else ","
    header, *rows = csv.reader(text.splitlines(), delimiter=delimiter)
    return header, rows
