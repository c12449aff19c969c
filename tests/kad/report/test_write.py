"""Where a page goes, and what is said when it cannot be written."""

import re
from pathlib import Path

import pytest

from kad.report.picture import take_picture
from kad.report.write import write_report
from runtime.errors import InputError
from toys.pages import WINDOW, series
from toys.series import wave


class TestFiles:
    def test_output_in_the_run(self, run):
        """The page lands in the run where no place is named."""
        assert write_report(run.folder) == run.folder / "report.html"
        assert (run.folder / "report.html").is_file()

    def test_old_page_survives_a_failure(self, run, tmp_path, monkeypatch):
        """A failure leaves the old page and nothing half-written."""
        output = tmp_path / "page.html"
        output.write_text("old")
        monkeypatch.setattr(Path, "replace", _full_disk)
        with pytest.raises(InputError, match="cannot be written"):
            write_report(run.folder, output=output)
        assert output.read_text() == "old"
        assert list(tmp_path.iterdir()) == [output]

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"data": "absent.csv"}, "can be read. Received: absent.csv"),
            ({"labels": [WINDOW]}, "give the data too"),
            ({"data": wave()}, "missing: "),
            ({"output": "/nowhere/page.html"}, "/nowhere/page.html cannot be written"),
            ({"data": series(), "labels": [WINDOW[::-1]]}, "end before it starts"),
            ({"data": series(), "labels": "absent.csv"}, "labels absent.csv cannot be read"),
        ],
    )
    def test_bad_input(self, run, arguments, message):
        """Bad input is one line that says what is wrong."""
        with pytest.raises(InputError, match=re.escape(message)) as caught:
            write_report(run.folder, **arguments)
        assert "\n" not in str(caught.value)

    def test_no_run(self, tmp_path):
        """A folder without a run is refused."""
        with pytest.raises(InputError, match=r"holds no model\.keras"):
            write_report(tmp_path)

    def test_no_browser(self, page, tmp_path, monkeypatch):
        """A picture without a browser is refused with the way out."""
        monkeypatch.setenv("PATH", "")
        with pytest.raises(InputError, match="Install one"):
            take_picture(page, tmp_path / "page.png")


def _full_disk(*_):
    raise OSError(28, "No space left on device")
