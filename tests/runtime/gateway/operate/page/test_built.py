"""The page as a file: whole, of itself, and of nothing else."""

import re

from runtime.gateway.operate.page.built import build_page


def test_it_is_one_file():
    """All parts are in it; nothing is asked of elsewhere."""
    page = build_page().body.decode()
    assert "{{" not in page
    assert page.count("<script") == page.count("<style") == 1
    assert not re.search(r"(?:src|href)=[\"'](?!#|data:)", page)
    addresses = set(re.findall(r"https?://[^\s\"')]+", page)) - {"http://www.w3.org/2000/svg"}
    assert addresses == set()
    assert "@import" not in page
    assert len(page) < 100_000


def test_scripts_make_no_html_of_text():
    """Names of streams are set as text: no way from a string to elements."""
    page = build_page().body.decode()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", page)
    assert not re.search(r"\son\w+=\"", page)
