from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lineage_house import RECIPE, House

from ot_assets.lineage import page
from ot_assets.lineage.page import as_html
from ot_assets.lineage.render import as_mermaid, as_rich, as_text, mermaid_escape
from ot_assets.lineage.tree import Node, lineage
from resources.artifacts import Partition


@pytest.fixture
def node(built: House) -> Node:
    return lineage(built.store, "student_model", {"recipe": RECIPE, "teacher": "pupil"})


def chain(length: int) -> Node:
    found = Node("sourced_questions", Partition({"source": "s"}), "f" * 20, rows_out=1)
    for i in range(length):
        found = Node(f"step_{i}", Partition(), f"{i:020x}", rows_out=1, inputs=(found,))
    return found


class Page(HTMLParser):
    """Collects what a browser would see."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_text_gives_counts_drops_hashes_and_licences(node: Node) -> None:
    text = as_text(node)
    training = node.inputs[0]
    for told in (
        *(
            "student_model  mix|pupil",
            node.artifact[:8],
            f"spec {node.spec_hash[:8]}",
            f"content {node.content_hash[:8]}",
        ),
        *(f"{training.rows_in} → {training.rows_out} rows", "dropped: wrong", "licences: Apache-2.0"),
    ):
        assert told in text
    assert text.count("shown in full elsewhere") == 6
    assert text.count("242 → 240 rows") == 1, "a shared sub-tree is printed once"
    assert all(len(line) <= 100 for line in as_text(node, width=100).splitlines())


def test_depth_and_size_limits_cut_only_what_is_shown_and_say_so(node: Node) -> None:
    cut = as_text(node, depth=1)
    assert "inputs, deeper than shown" in cut and "filtered_set" not in cut and "training_set" in cut
    few = as_text(node, limit=3)
    assert re.search(r"… \d+ more inputs", few) and few.count("content ") == 4
    assert as_text(node, depth=50, limit=500) == as_text(node)
    assert "deeper" not in as_text(node, depth=5).split("verdicts")[-1], "cut deep down, shown in full where it is near"


def test_a_very_deep_tree_is_no_trouble() -> None:
    deep = chain(3000)
    assert as_text(deep, width=8000, depth=20).count("step_") == 21
    assert as_mermaid(deep).count("-->") == 3000
    assert as_rich(deep) is not None
    assert "too many for a picture" in as_html(deep)


def test_mermaid_names_each_artifact_once(node: Node) -> None:
    chart = as_mermaid(node)
    assert chart.startswith("flowchart LR\n")
    assert chart.count('["') == len(list(node.walk()))
    assert "classDef" not in chart
    broken = as_mermaid(replace(node, reason='gone "; click n0 href "http://evil"'))
    assert "class n0 broken" in broken and "click n0 href" in broken and '"http' not in broken


@given(st.text())
def test_a_mermaid_label_holds_any_text(value: str) -> None:
    escaped = mermaid_escape(value)
    assert not set(escaped) & set('"`<>[]{}()\\&\n')
    back = re.sub(r"#(\d+);", lambda m: chr(int(m[1])), escaped)
    assert back == "".join(c if c.isprintable() else (" " if c.isspace() else "·") for c in value)


def test_the_page_needs_nothing_from_anywhere(node: Node) -> None:
    found = Page(as_html(node))
    assert not {"script", "link", "img", "iframe"} & {tag for tag, _ in found.tags}
    for _, attributes in found.tags:
        for name in ("src", "href", "xlink:href"):
            assert attributes.get(name, "#") is None or (attributes.get(name) or "#").startswith("#")
    assert "url(http" not in as_html(node) and "@import" not in as_html(node)
    ids = [a["id"] for _, a in found.tags if (a.get("id") or "").startswith("a")]
    links = {(a.get("href") or "")[1:] for tag, a in found.tags if tag == "a"}
    assert len(ids) == len(set(ids)) == len(list(node.walk())) and links == set(ids)
    for told in (node.artifact, node.content_hash, "below_top", "CC-BY-SA-3.0"):
        assert told in found.text
    assert sum(tag == "rect" for tag, _ in found.tags) == 2 * len(ids)


def test_text_from_data_is_only_text_on_the_page_and_the_terminal(node: Node) -> None:
    nasty = "<script>alert('x')</script>\x1b[2J\u202e[bold]"
    child = replace(node.inputs[0], dropped={nasty: 3}, licences=(nasty,), reason=nasty)
    harmed = replace(node, inputs=(child,))
    html = as_html(harmed)
    assert "<script" not in html and "&lt;script&gt;" in html and "\x1b" not in html and "\u202e" not in html
    text = as_text(harmed, width=400)
    assert "\x1b" not in text and "\u202e" not in text and "[bold]" in text


def test_a_page_that_is_too_large_for_a_picture_lists_everything(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "MOST_BOXES", 3)
    found = Page(as_html(node))
    assert not any(tag == "svg" for tag, _ in found.tags)
    assert sum(tag == "details" for tag, _ in found.tags) == len(list(node.walk()))
