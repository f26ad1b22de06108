"""A lineage tree as one HTML page that needs no other file and no network.

Belongs here: what the page shows; `page.html` says how. All text from data or specs goes through Jinja's autoescape.
Fails only as Jinja does when the template itself is broken.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from ot_assets.lineage import words
from ot_assets.lineage.layout import BOX_HEIGHT, BOX_WIDTH, picture
from ot_assets.lineage.tree import Node
from ot_assets.pages import page_template

MOST_BOXES = 400
"""Above this many artifacts the picture is left out and the list stands alone."""

_TONE = {
    **dict.fromkeys(("sourced_questions", "screened_questions", "question_scores", "benchmark_questions"), "questions"),
    **dict.fromkeys(("mixed_pool", "filtered_set", "trace_requests"), "recipe"),
    **dict.fromkeys(("traces", "verdicts"), "traces"),
    "training_set": "training",
    "student_model": "student",
}


@dataclass(frozen=True)
class _Bar:
    """One rule's share of the rows that came in."""

    rule: str
    rows: int
    percent: float


@dataclass(frozen=True)
class _Entry:
    """One artifact as the page lists it."""

    node: Node
    title: str
    partition: str
    tone: str
    rows: str
    commit: str
    bars: tuple[_Bar, ...]
    used_by: tuple[Node, ...]


def as_html(node: Node) -> str:
    """The page."""
    nodes = list(node.walk())
    return page_template("lineage/page.html").render(
        root=node,
        entries=[_entry(n, used_by) for n, used_by in _users(nodes)],
        picture=picture(node) if len(nodes) <= MOST_BOXES else None,
        box=(BOX_WIDTH, BOX_HEIGHT),
        tone=_tone,
        words=words,
        broken=[n for n in nodes if n.reason],
        dropped=sum(sum(n.dropped.values()) for n in nodes),
        sources=[n for n in nodes if n.asset == "sourced_questions"],
    )


def _users(nodes: list[Node]) -> list[tuple[Node, tuple[Node, ...]]]:
    users: dict[int, list[Node]] = defaultdict(list)
    for node in nodes:
        for child in node.inputs:
            users[id(child)].append(node)
    return [(node, tuple(users[id(node)])) for node in nodes]


def _tone(node: Node) -> str:
    return "broken" if node.reason else _TONE.get(node.asset, "scores")


def _entry(node: Node, used_by: tuple[Node, ...]) -> _Entry:
    whole = max(node.rows_in or 0, (node.rows_out or 0) + sum(node.dropped.values()), 1)
    ordered = sorted(node.dropped.items(), key=lambda item: (-item[1], item[0]))
    bars = tuple(_Bar(words.clean(rule), rows, 100 * rows / whole) for rule, rows in ordered)
    return _Entry(
        node, node.asset, words.partition(node), _tone(node), words.rows(node), words.commit(node), bars, used_by
    )
