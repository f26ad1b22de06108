"""The page in a real Chromium: opened from a file, without any network, in light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.endtoend.house import House
from tests.ui.browser import FLAGS, chromium

pytestmark = pytest.mark.slow


@dataclass
class Opened:
    """The page, and everything that it asked for or complained of."""

    page: Page
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@pytest.fixture(scope="module", params=["light", "dark"])
def opened(request: pytest.FixtureRequest, small: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    program = chromium()
    if program is None:
        pytest.skip("no chromium on this machine (Debian: apt-get install chromium)")
    file = tmp_path_factory.mktemp("page") / "report.html"
    assert small.ot("report", "small", "--out", str(file)).code == 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        context = browser.new_context(color_scheme=request.param, offline=True, viewport={"width": 1280, "height": 900})
        seen = Opened(context.new_page())
        seen.page.on("request", lambda asked: seen.asked.append(asked.url))
        seen.page.on("console", lambda said: seen.complaints.append(said.text))
        seen.page.on("pageerror", lambda error: seen.complaints.append(str(error)))
        seen.page.goto(file.as_uri())
        yield seen
        browser.close()


def test_it_opens_without_a_network_and_without_complaint(opened: Opened):
    assert opened.asked == [opened.page.url]
    assert opened.complaints == []
    assert opened.page.title() == "small × solver: report"


def test_every_section_is_there_and_every_link_leads_to_one(opened: Opened):
    links = opened.page.locator("nav a")
    assert links.count() == 11
    for number in range(links.count()):
        target = links.nth(number).get_attribute("href")
        assert target is not None
        expect(opened.page.locator(target).locator("h2")).to_be_visible()


def test_folded_texts_unfold(opened: Opened):
    sample = opened.page.locator("section#samples > details.box").first
    row = sample.locator(".row").first
    expect(row).to_be_hidden()
    sample.locator("> summary").click()
    expect(row).to_be_visible()
    choices = opened.page.locator("section#choices details.box", has=opened.page.get_by_text("Selection", exact=True))
    setting = choices.get_by_text("select.math.2.rows", exact=True)
    expect(setting).to_be_hidden()
    choices.locator("> summary").click()
    expect(setting).to_be_visible()


def test_differences_are_highlighted_and_pictures_have_a_size(opened: Opened):
    opened.page.locator("section#contamination summary", has_text="ngram").click()
    mark = opened.page.locator("section#contamination .pair mark.differs").first
    expect(mark).to_be_visible()
    assert mark.evaluate("node => getComputedStyle(node).backgroundColor") != "rgba(0, 0, 0, 0)"
    for picture in opened.page.locator("svg").all():
        box = picture.bounding_box()
        assert box is not None and box["width"] > 100 and box["height"] > 50


def test_ink_and_paper_can_be_told_apart(opened: Opened):
    ink, paper = opened.page.evaluate(
        "() => { const s = getComputedStyle(document.body); return [s.color, s.backgroundColor]; }"
    )
    light = [sum(int(n) for n in colour[4:-1].split(",")) for colour in (ink, paper)]
    assert abs(light[0] - light[1]) > 380


def test_nothing_is_wider_than_a_phone(opened: Opened):
    opened.page.set_viewport_size({"width": 390, "height": 800})
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= 390
