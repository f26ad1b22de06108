"""A preview renders as one table whatever the cells hold: checked by a real markdown parser."""

from __future__ import annotations

import html
import re

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from ot_assets.previews import cell, preview_table

MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable("table")


def rendered(markdown: str) -> list[list[str]]:
    """Cells of the one table in the markdown, as a browser would show them; anything but table markup in it fails."""
    page = MARKDOWN.render(markdown)
    assert page.count("<table>") == 1
    rest = re.sub(r"</?(table|thead|tbody|tr|th|td)>", "", page)
    assert "<" not in rest, rest
    rows = re.findall(r"<tr>(.*?)</tr>", page, re.DOTALL)
    return [[html.unescape(c) for c in re.findall(r"<t[hd]>(.*?)</t[hd]>", r, re.DOTALL)] for r in rows]


def test_markup_of_all_kinds_is_shown_as_text():
    nasty = "a|b\n\n# x <script>alert(1)</script> **b** `c|d` [l](javascript:alert(1)) ![i](u) &lt; \\| ~~s~~ $x$ <!-- c -->"
    table = rendered(preview_table(pl.DataFrame({"my_col|umn": [nasty], "n": [3]}), width=400))
    assert table == [["my_col|umn", "n"], [" ".join(nasty.split()), "3"]]


@given(st.lists(st.text(max_size=60), min_size=1, max_size=4))
@settings(deadline=None)
def test_any_text_keeps_the_table_whole(values):
    table = rendered(preview_table(pl.DataFrame({"a": values, "b": [1] * len(values)})))
    assert len(table) == len(values) + 1
    assert all(len(row) == 2 and row[1] == "1" for row in table[1:])


def test_long_text_is_cut_and_its_length_said():
    shown = rendered(preview_table(pl.DataFrame({"a": ["x" * 1_000_000]}), width=50))[1][0]
    assert shown == "x" * 49 + "… (1,000,000 characters)"
    assert cell("x" * 50, 50) == "x" * 50


def test_entities_are_not_cut_in_half():
    assert cell("<" * 30, 10) == "&lt;" * 9 + "… (30 characters)"


def test_chat_messages_read_as_a_conversation():
    chat = [{"role": "user", "content": "1+1?"}, {"role": "assistant", "content": "<think>\neasy\n</think>2"}]
    frame = pl.DataFrame({"prompt": [chat[:1]], "completion": [chat[1:]], "both": [chat]})
    assert rendered(preview_table(frame))[1] == [
        "user: 1+1?",
        "assistant: <think> easy </think>2",
        "user: 1+1? ⏎ assistant: <think> easy </think>2",
    ]


def test_other_types():
    frame = pl.DataFrame(
        {
            "null": [None],
            "nan": [float("nan")],
            "f": [0.12345678],
            "yes": [True],
            "l": [list(range(9))],
            "s": [{"a": 1}],
            "b": [b"xx"],
        }
    )
    assert rendered(preview_table(frame))[1] == [
        "—",
        "nan",
        "0.123457",
        "True",
        "[0, 1, 2, 3, 4, 5 … (9 in all)]",
        "a: 1",
        "2 bytes",
    ]


def test_only_the_rows_and_columns_asked_for():
    frame = pl.DataFrame({"a": range(10), "b": range(10)})
    assert rendered(preview_table(frame.lazy(), rows=2, columns=["b"])) == [["b"], ["0"], ["1"]]
    assert preview_table(frame.clear()) == "*No rows.*"


def test_invisible_and_direction_changing_characters_are_shown_as_such():
    assert cell("a\u202eb\x00c\ud800") == "a�b�c�"
