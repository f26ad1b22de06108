"""The report on conversations, as a value and as a page."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ot_assets.conversations.report.build import build_report
from ot_assets.conversations.report.page import as_html, write_report
from ot_assets.conversations.report.pictures import MOST_NODES, bands, lorenz_path, tree_picture
from ot_assets.conversations.rows import TreeRows, tree_rows
from ot_assets.registry.specs.crowd import CrowdSettings
from resources.errors import UserError
from schemas.ledger import Ledger
from tests.conversations.hand import Hand
from tests.conversations.nasty import SCRIPT, nasty
from tests.conversations.synthetic import Crowd

LEDGER = Ledger.frame([{"row_id": "1", "rule": "own_message", "note": f"ann wrote {SCRIPT}"}])
SECTIONS = ("states", "messages", "drawn", "labels", "people", "raters", "agreement", "topics", "times", "refused")


@pytest.fixture(scope="module")
def rows() -> TreeRows:
    crowd = Crowd(15, seed=7, settings=CrowdSettings(goal_tree_size=5))
    crowd.events(1500)
    return next(tree_rows(crowd.trees(), 10**9))


class Elements(HTMLParser):
    """Which elements a page has, and the words between them."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.events: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.events += [name for name, _ in attrs if name.startswith("on")]
        if tag not in ("meta", "br", "img", "link"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)


def read(page: str) -> Elements:
    found = Elements()
    found.feed(page)
    found.close()
    assert found.open == []
    return found


def test_everything_that_is_known_of_a_crowd_is_on_the_page(rows: TreeRows):
    report = build_report(rows, title="a crowd", ledger=LEDGER)
    page = as_html(report)
    for section in SECTIONS:
        assert f'<section id="{section}">' in page and f'href="#{section}"' in page
    found = read(page)
    words = " ".join("".join(found.words).split())
    assert f"{len(rows.messages):,}messages" in words
    assert f"{len(rows.trees)} trees were begun here" in words
    assert "own_message" in words and found.tags.count("svg") > len(report.trees)
    assert len(report.people) == 15
    assert all(person.parts for person in report.people)
    assert sum(band.count for bar in report.states for band in bar.bands) == len(rows.trees)
    ready = rows.trees["state"] == "ready_for_export"
    assert [tree.state for tree in report.trees][:2] == ["ready_for_export"] * min(2, int(ready.sum()))


def test_the_same_rows_give_the_same_page(rows: TreeRows):
    moment = datetime(2024, 1, 1, tzinfo=UTC)
    pages = [as_html(build_report(rows, title="x", now=moment), made_at=moment) for _ in range(2)]
    assert pages[0] == pages[1] and "2024-01-01 00:00 UTC" in pages[0]


def test_nothing_at_all_is_a_page_too():
    report = build_report(Hand().rows(), title="nothing")
    found = read(as_html(report))
    words = "".join(found.words)
    for said in (
        "There are no trees yet",
        "Nothing is labelled yet",
        "Nobody has done anything yet",
        "No ballots yet",
        "No tree was begun",
    ):
        assert said in words
    assert "No ledger was looked at" in words
    assert "None." in as_html(build_report(Hand().rows(), title="nothing", ledger=Ledger.empty()))


def test_what_people_wrote_is_text_on_the_page():
    page = as_html(build_report(nasty().rows(), title=SCRIPT, ledger=LEDGER, embed=None))
    found = read(page)
    assert "script" not in found.tags and "img" not in found.tags and found.tags.count("style") == 1
    assert found.events == []
    words = "".join(found.words)
    assert SCRIPT in words and "{{ 7 * 7 }}" in words
    assert not re.search("[\u202a-\u202e]", page)


def test_the_page_asks_for_nothing(rows: TreeRows):
    page = as_html(build_report(rows, title="x"))
    assert not re.search(r"(src|href)=\"(?!#)", page) and "url(" not in page and "@import" not in page
    assert "default-src 'none'" in page


def test_embeddings_replace_lda(rows: TreeRows):
    report = build_report(rows, title="x", embed=lambda texts: np.eye(4, dtype=np.float32)[[len(t) % 4 for t in texts]])
    assert {found.method for _, found in report.topics} == {"k-means"}


def test_topics_stand_with_an_example_of_each():
    hand, draws = Hand(), Random(1)
    for number in range(60):
        words = draws.choice(
            ["oven bread flour butter recipe", "planet orbit rocket star galaxy", "loop array debug class code"]
        )
        hand.tree(f"t{number}", "ann", text=" ".join(draws.choices(words.split(), k=9)) + f" <{number}>")
    report = build_report(hand.rows(checked=False), title="x")
    (language, found), *_ = report.topics
    assert language == "en" and len(found.topics) == 5
    assert "oven" in as_html(report) and len(report.examples) == len([one for one in found.topics if one.examples])


def test_it_is_written_where_it_is_to_be(rows: TreeRows, tmp_path: Path):
    file = tmp_path / "deep" / "report.html"
    write_report(rows, file, title="x", draw=[rows.trees["tree_id"][0]])
    assert (
        file.read_text(encoding="utf-8").startswith("\n<!doctype html>")
        or "<!doctype html>" in file.read_text(encoding="utf-8")[:40]
    )
    with pytest.raises(UserError, match="name another file"):
        write_report(rows, file / "under a file.html", title="x")


def tree_of(parents: list[int]) -> tuple[Hand, str]:
    """A tree whose message n + 1 replies to one of those before it."""
    hand = Hand()
    hand.tree("m0", "u0")
    for number, parent in enumerate(parents, 1):
        hand.reply(f"m{number}", f"m{parent % number}", f"u{number}")
    return hand, "m0"


def depth_first(hand: Hand) -> TreeRows:
    by_parent: dict[str | None, list[dict]] = {}
    for one in hand.messages:
        by_parent.setdefault(one["parent_id"], []).append(one)
    ordered, waiting = [], by_parent[None][::-1]
    while waiting:
        one = waiting.pop()
        ordered.append(one)
        waiting.extend(by_parent.get(one["message_id"], [])[::-1])
    hand.messages = ordered
    return hand.rows(checked=False)


@given(st.lists(st.integers(0, 1000), max_size=MOST_NODES + 20))
@settings(max_examples=40, deadline=None)
def test_boxes_of_a_tree_never_overlap_and_all_hang_together(parents: list[int]):
    hand, _ = tree_of(parents)
    rows = depth_first(hand)
    drawn = tree_picture(rows.messages, rows.trees.row(0, named=True))
    assert len(drawn.boxes) == min(MOST_NODES, len(rows.messages))
    assert drawn.left_out == len(rows.messages) - len(drawn.boxes)
    assert len(drawn.lines) == len(drawn.boxes) - 1
    wide, high = drawn.box
    columns: dict[float, list[float]] = {}
    for box in drawn.boxes:
        columns.setdefault(box.x, []).append(box.y)
        assert 0 <= box.x <= drawn.width - wide and 0 <= box.y <= drawn.height - high
    for tops in columns.values():
        assert all(below - above > high for above, below in zip(sorted(tops), sorted(tops)[1:], strict=False))


def test_a_box_tells_what_became_of_its_message():
    hand = Hand()
    hand.tree("t", "ann", review_result=True)
    hand.reply("a", "t", "bob", review_result=True, rank=0, synthetic=True, text="語" * 100)
    hand.reply("b", "t", "cat", review_result=False)
    hand.reply("c", "t", "dan", review_result=True, deleted=True)
    rows = hand.rows()
    boxes = tree_picture(rows.messages, rows.trees.row(0, named=True)).boxes
    assert [box.state for box in boxes] == ["accepted", "accepted", "rejected", "deleted"]
    assert boxes[1].facts == "assistant · rank 0 · synthetic" and boxes[2].facts == "assistant · rejected"
    assert boxes[1].text == "語" * 14 + "…" and len(boxes[1].title) > 100


def test_bands_fill_the_bar_and_the_curve_its_square():
    made = bands({"growing": 1, "ranking": 3})
    assert [(band.left, band.width) for band in made] == [(0, 25), (25, 75)]
    assert made[0].tone != made[1].tone
    assert lorenz_path([(0, 0), (0.5, 0.25), (1, 1)], 100) == "M0.0 100.0L50.0 75.0L100.0 0.0"
    assert lorenz_path([], 100) == ""
