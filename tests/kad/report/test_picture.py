"""A picture of the page."""

import pytest

from kad.report.picture import find_browser
from kad.report.write import write_report


@pytest.mark.skipif(find_browser() is None, reason="needs Chromium or Chrome on PATH")
class TestPicture:
    def test_picture(self, run, tmp_path):
        """`png` leaves a picture of the whole page."""
        write_report(run.folder, output=tmp_path / "page.html", png=tmp_path / "pictures")
        picture = (tmp_path / "pictures" / "page.png").read_bytes()
        width, height = (int.from_bytes(picture[i : i + 4]) for i in (16, 20))
        assert picture.startswith(b"\x89PNG")
        assert width == 1280
        assert height > 500
