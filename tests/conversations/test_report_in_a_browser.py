"""The page in a real Chromium: from a file, without any network, in light and dark, of people who mean no good."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import polars as pl
import pytest
from playwright.sync_api import Page, expect, sync_playwright

from ot_assets.conversations.report.page import write_report
from ot_assets.conversations.rows import TreeRows, tree_rows
from ot_assets.registry.specs.crowd import CrowdSettings
from schemas.ledger import Ledger
from tests.conversations.nasty import SCRIPT, SVG, nasty
from tests.conversations.synthetic import Crowd
from tests.ui.browser import FLAGS, chromium

pytestmark = pytest.mark.slow


@dataclass
class Opened:
    """The page, and everything that it asked for or complained of."""

    page: Page
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


def both() -> TreeRows:
    """A crowd's rows, and with them the nasty ones."""
    crowd = Crowd(12, seed=3, settings=CrowdSettings(goal_tree_size=5))
    crowd.events(1200)
    one, other = next(tree_rows(crowd.trees(), 10**9)), nasty().rows()
    names = ("messages", "trees", "history", "ballots", "labels")
    return TreeRows(**{name: pl.concat([getattr(one, name), getattr(other, name)]) for name in names})


@pytest.fixture(scope="module", params=["light", "dark"])
def opened(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    program = chromium()
    if program is None:
        pytest.skip("no chromium on this machine (Debian: apt-get install chromium)")
    file = tmp_path_factory.mktemp("page") / "report.html"
    rows = both()
    largest = rows.trees.filter(pl.col("state") == "ready_for_export").sort("messages")["tree_id"][-1]
    ledger = Ledger.frame([{"row_id": "1", "rule": "own_message", "note": SCRIPT}])
    write_report(rows, file, title="en", ledger=ledger, draw=[f"t{SVG}", largest])
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        context = browser.new_context(color_scheme=request.param, offline=True, viewport={"width": 1280, "height": 900})
        seen = Opened(context.new_page())
        seen.page.on("request", lambda asked: seen.asked.append(asked.url))
        seen.page.on("console", lambda said: seen.complaints.append(said.text))
        seen.page.on("pageerror", lambda error: seen.complaints.append(str(error)))
        seen.page.on("dialog", lambda dialog: (seen.complaints.append(dialog.message), dialog.dismiss()))
        seen.page.goto(file.as_uri())
        yield seen
        browser.close()


def test_it_opens_without_a_network_and_no_text_of_anybody_does_anything(opened: Opened):
    assert opened.asked == [opened.page.url]
    assert opened.complaints == []
    assert opened.page.title() == "en: conversations"
    assert opened.page.locator("script, img").count() == 0
    expect(opened.page.locator("main")).to_be_visible()


def test_scripts_are_shown_as_text(opened: Opened):
    expect(opened.page.locator("span.person", has_text=f"gus{SCRIPT}").first).to_be_visible()
    box = opened.page.locator("svg.tree text.said", has_text="<script>document").first
    expect(box).to_be_visible()
    assert SCRIPT in opened.page.locator("section#refused").inner_text()


def test_every_section_is_there_and_every_link_leads_to_one(opened: Opened):
    links = opened.page.locator("nav a")
    assert links.count() == 10
    for number in range(links.count()):
        target = links.nth(number).get_attribute("href")
        assert target is not None
        expect(opened.page.locator(target).locator("h2")).to_be_visible()


def test_pictures_have_a_size_and_boxes_hold_their_texts(opened: Opened):
    pictures = opened.page.locator("svg[role=img]")
    assert pictures.count() >= 4
    for picture in pictures.all():
        box = picture.bounding_box()
        assert box is not None and box["width"] > 100 and box["height"] > 50
    spilled = opened.page.evaluate(
        """() => [...document.querySelectorAll("svg.tree g")].filter(group => {
            const box = group.querySelector("rect").getBoundingClientRect();
            const inner = group.querySelector("svg").getBoundingClientRect();
            return inner.right > box.right || inner.left < box.left || inner.bottom > box.bottom + 1;
        }).length"""
    )
    assert spilled == 0


def test_points_unfold_to_what_they_are_for(opened: Opened):
    points = opened.page.locator("section#people details.parts").first
    part = points.locator("li").first
    expect(part).to_be_hidden()
    points.locator("summary").click()
    expect(part).to_be_visible()
    assert part.inner_text().endswith(("point", "points"))


def test_colours_tell_states_apart_and_ink_stands_out(opened: Opened):
    colours = opened.page.evaluate(
        """() => ["accepted", "rejected", "deleted"].map(state =>
            getComputedStyle(document.querySelector(`svg.tree .is-${state} rect`)).stroke)"""
    )
    assert len(set(colours)) == 3
    ink, paper = opened.page.evaluate(
        "() => { const s = getComputedStyle(document.body); return [s.color, s.backgroundColor]; }"
    )
    light = [sum(int(n) for n in colour[4:-1].split(",")) for colour in (ink, paper)]
    assert abs(light[0] - light[1]) > 380


def test_nothing_is_wider_than_a_phone(opened: Opened):
    opened.page.set_viewport_size({"width": 390, "height": 800})
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= 390
