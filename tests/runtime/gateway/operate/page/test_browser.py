"""The page in a browser: what it shows, keys, a phone, a thousand streams, mutes, strange names."""

import time

import pytest

from runtime.gateway.operate.http import Answers
from runtime.gateway.operate.metrics import Registry
from runtime.gateway.operate.server import Server
from toys.operated import Operated

pytestmark = pytest.mark.slow
TOKEN = "0123456789abcdef"  # noqa: S105
STRANGE = "</script><script>document.title='owned'</script>"

PATIENCE_S = 120
"""A busy machine draws a page in seconds, now and then in half a minute."""


@pytest.fixture(scope="module")
def plant():
    """Sixty streams, one with a strange name, served with a token."""
    operated = Operated(60)
    operated.open("line 1/pump 07", 40 * 60, text="Flow is trifling.")
    operated.names[8] = STRANGE
    operated.open(STRANGE, 5, text="<b>Bold</b> & wrong.")
    server = Server(Answers(operated, Registry(), token=TOKEN))
    server.start()
    yield operated, server
    server.close()


@pytest.fixture
def page(browser, plant):
    """The page, opened; any error of a script or of the policy fails the test."""
    opened = browser.new_page(viewport={"width": 1280, "height": 800})
    said = []
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.on("console", lambda message: said.append(message.text))  # answers of 401 are there too
    opened.goto(plant[1].url)
    opened.wait_for_selector(".row")
    yield opened
    opened.close()
    assert [text for text in said if not text.startswith("Failed to load resource")] == []


def names(page):
    """Names of the rows that are drawn, from above."""
    return page.evaluate(
        "[...document.querySelectorAll('.row')].sort((a, b) =>"
        " a.getBoundingClientRect().top - b.getBoundingClientRect().top).map((r) => r.dataset.name)"
    )


def holds(page, expression):
    """Waits until an expression is true; the page's policy forbids Playwright's own way."""
    deadline = time.monotonic() + PATIENCE_S
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, expression
        page.wait_for_timeout(50)
    return True


def tile(page, label):
    return page.locator(".tile", has_text=label)


def test_what_needs_attention_is_first(page):
    """The standing event, with its sentence and how long it lasts; counts on top."""
    first = page.locator(".row").first
    assert names(page)[0] == first.get_attribute("data-name") == "line 1/pump 07"
    assert first.locator(".what").inner_text() == "Flow is trifling."
    assert first.locator(".since").inner_text() == "1 d 16 h"
    assert tile(page, "Streams").locator(".value").inner_text() == "60"
    assert page.title().endswith("gw1 · kad")


def test_sparklines_are_drawn_and_said(page):
    """Pixels on the canvas, and words for who cannot see them."""
    page.wait_for_selector(".row .spark[aria-label]")
    assert "threshold 3.0" in page.locator(".row .spark").first.get_attribute("aria-label")
    drawn = page.evaluate(
        "() => { const c = document.querySelector('.spark'), pen = c.getContext('2d');"
        " return pen.getImageData(0, 0, c.width, c.height).data.some((v) => v > 0); }"
    )
    assert drawn


def test_names_are_text(page):
    """A name and a sentence with tags are shown as they are."""
    row = page.locator(".row", has_text="owned")
    assert row.locator(".name").text_content() == STRANGE
    assert row.locator(".what").inner_text() == "<b>Bold</b> & wrong."
    assert "owned" not in page.title()


def test_search_and_filters(page):
    """Words of names and events; a tile shows one group, and again all."""
    page.keyboard.press("/")
    page.keyboard.type("TRIFLING flow")
    assert names(page) == ["line 1/pump 07"]
    page.keyboard.press("Escape")
    assert len(names(page)) > 10
    tile(page, "Standing").click()
    assert tile(page, "Standing").get_attribute("aria-pressed") == "true"
    assert len(names(page)) == int(tile(page, "Standing").locator(".value").inner_text()) == 2
    page.fill("#search", "nothing of the kind")
    assert page.locator("#empty").inner_text() == "No stream is like that."
    tile(page, "Streams").click()
    page.fill("#search", "")
    assert len(names(page)) > 10


def test_keys(page):
    """Down and up the list, to its end and back, into the details and out."""
    page.focus("#search")
    page.keyboard.press("ArrowDown")
    order = names(page)
    focused = "document.activeElement.closest('.row').dataset.name"
    assert page.evaluate(focused) == order[0]
    page.keyboard.press("ArrowDown")
    assert page.evaluate(focused) == order[1]
    page.keyboard.press("End")
    assert page.evaluate(focused) == names(page)[-1]
    page.keyboard.press("Home")
    assert page.evaluate(focused) == order[0]
    page.keyboard.press("Enter")
    assert page.locator("#details-name").inner_text() == order[0]
    page.keyboard.press("Escape")
    assert page.evaluate(focused) == order[0]


def test_details(page):
    """The chart, the event with its channels."""
    page.locator(".row .name").first.click()
    page.wait_for_selector("#details .event")
    text = page.locator("#details").inner_text()
    assert "Flow is trifling." in text
    assert "12.4" in text
    assert "No event." in text


def test_a_mute_with_its_end(page, plant):
    """The token is asked once; the pipeline hears stream, channel and end."""
    operated, _ = plant
    operated.mutes.clear()
    row = page.locator(".row", has_text="line 1/pump 07")
    row.locator(".mute").click()
    page.click("#mute-do")
    assert "token" in page.locator("#mute-said").inner_text()
    page.fill("#mute-token", "wrong-token-of-16")
    page.click("#mute-do")
    assert holds(page, "get('mute-said').textContent.includes('configured token')")
    page.fill("#mute-token", TOKEN)
    page.locator("#mute-choices label", has_text="8 hours").click()
    page.click("#mute-do")
    page.wait_for_selector("#mute", state="hidden")
    (stream, channel, until_ns, origin), now = operated.mutes[0], page.evaluate("Date.now()")
    assert (stream, channel, origin) == ("line 1/pump 07", None, "page")
    assert abs(until_ns / 1e6 - now - 8 * 3_600_000) < 60_000
    page.wait_for_selector(".row.muted")
    row.locator(".mute").click()
    page.locator("#mute-lift").click()
    page.wait_for_selector("#mute", state="hidden")
    assert operated.mutes[1] == ("line 1/pump 07", None, None, "page")


def test_it_refreshes_without_making_rows_anew(page, plant):
    """Another severity shows up in the same element."""
    operated, _ = plant
    page.evaluate("document.querySelector('.row').mark = 'same'")
    before = operated.severity[6]
    operated.severity[6] = 7.3
    assert holds(page, "document.querySelector('.row .severity').textContent === '7.3'")
    operated.severity[6] = before
    assert page.evaluate("document.querySelector('.row').mark") == "same"


def test_troubles_are_said(page, plant):
    """Why the gateway is not ready stands above the list."""
    operated, _ = plant
    operated.troubles = ["The broker is away."]
    page.wait_for_selector(".note")
    assert page.locator(".note").inner_text() == "The broker is away."
    assert page.locator("#live").inner_text() == "Not ready"
    operated.troubles = []
    page.wait_for_selector(".note", state="detached")


def test_a_gateway_that_does_not_answer(page, plant):
    """It says since when, and keeps what it knew."""
    page.route("**/api/streams", lambda route: route.abort())
    assert holds(page, "get('live').textContent.startsWith('No answer since')")
    assert len(names(page)) > 10
    page.unroute("**/api/streams")
    page.wait_for_selector(".live.on")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone(browser, plant, scheme):
    """375 px: nothing is wider than the screen, buttons are there, colours follow the system."""
    context = browser.new_context(
        viewport={"width": 375, "height": 780}, color_scheme=scheme, has_touch=True
    )
    page = context.new_page()
    page.goto(plant[1].url)
    page.wait_for_selector(".row")
    assert page.evaluate("document.documentElement.scrollWidth") == 375
    wide = page.evaluate(
        "[...document.querySelectorAll('.row *')]"
        ".filter((e) => e.getBoundingClientRect().right > 375).length"
    )
    assert wide == 0
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == ("rgb(14, 19, 23)" if scheme == "dark" else "rgb(244, 246, 247)")
    page.locator(".row .name").first.click()
    assert page.evaluate("document.getElementById('details').getBoundingClientRect().width") == 375
    context.close()


def test_a_thousand_streams(browser):
    """Only rows in sight exist, wherever one scrolls, and drawing them is quick."""
    operated = Operated(1000)
    server = Server(Answers(operated, Registry()))
    server.start()
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(server.url)
    page.wait_for_selector(".row")
    counted = "document.querySelectorAll('.row').length"
    assert page.evaluate(counted) < 60
    assert page.locator(".row .mute").first.is_hidden()
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    assert holds(page, "[...document.querySelectorAll('.row')].at(-1).ariaPosInSet === '1000'")
    assert page.evaluate(counted) < 60
    took = page.evaluate(
        "() => { let least = 1e9; for (let at = 0; at < 30; at++) {"
        " window.scrollTo(0, at * 997); const start = performance.now(); draw();"
        " least = Math.min(least, performance.now() - start); } return least; }"
    )
    assert took < 16
    page.close()
    server.close()
