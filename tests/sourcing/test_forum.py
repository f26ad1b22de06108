from __future__ import annotations

import bz2
import gzip
import lzma
from pathlib import Path
from typing import Any

import pytest
import zstandard

from ot_assets.registry.specs.source import SourceSpec
from ot_assets.sourcing.markup import as_markdown
from resources.errors import UserError
from tests.sourcing.helpers import context, read_all, rules, spec
from tests.sourcing.posts import CODE, answer, dump, question, row

POSTS = dump(
    [
        question(1, body=CODE, title="Print &lt;pi&gt;", AcceptedAnswerId=4, Tags="|code-golf|math|", Score=12),
        question(2, Score=-1),
        row(Id=3, PostTypeId=5, Body="a wiki"),
        answer(4, 1, "<p>It is <code>22/7</code>: $\\boxed{3}$</p>"),
        answer(5, 1, "<p>another</p>"),
        question(6, title="Closed", body="<p>?!</p>", ClosedDate="2020-01-01T00:00:00", ContentLicense="CC BY-SA 3.0"),
        question(7, title="Its answer was deleted", body="<p>Gone?</p>", AcceptedAnswerId=99),
        row(Id="x", PostTypeId=1, Body="no number"),
        question(8, title="", body=""),
        '  <row Id="9" PostTypeId="1" Body="&broken;" />\n',
        question(10, title="Same", body="<p>How?</p>"),
        question(11, title="Same", body="<p>How?</p>"),
    ]
)


def forum(*paths: str, **origin: Any) -> SourceSpec:
    fields = {name: origin.pop(name) for name in ("verifier", "columns", "question_template") if name in origin}
    return spec({"kind": "forum", "paths": list(paths or ["Posts.xml"]), **origin}, **{"columns": {}, **fields})


def test_questions_have_title_body_accepted_answer_id_and_licence(tmp_path: Path) -> None:
    (tmp_path / "Posts.xml").write_text(POSTS)
    batch = read_all(forum(), context(tmp_path))
    first = batch.frame.to_dicts()[0]
    assert first["question"] == (
        "Print <pi>\n\nPrint $\\pi < 4$ in *few* bytes.\n\n```py\nprint(3.14)\n\nx = 1 && 2\n```"
    )
    assert first["solution"] == "It is `22/7`: $\\boxed{3}$"
    assert (first["source_row"], first["licence"], first["gold"]) == ("Posts.xml:1", "CC-BY-SA-4.0", None)
    assert batch.frame["source_row"].to_list() == [f"Posts.xml:{i}" for i in (1, 2, 6, 7, 10)]
    assert batch.frame["licence"].to_list()[2] == "CC-BY-SA-3.0"
    assert batch.frame["solution"].to_list()[3] is None
    assert rules(batch) == {
        "Posts.xml:7": "unreadable", "Posts.xml:8": "no_text", "Posts.xml:9": "unreadable", "Posts.xml:11": "duplicate_row",
    }  # fmt: skip
    assert batch.facts == {"posts": "10", "questions": "7", "answers": "2"}


@pytest.mark.parametrize(
    ("conditions", "ids"),
    [
        ({"min_score": 3}, [1, 6, 7, 10]),
        ({"tags": ["math", "nothing"]}, [1]),
        ({"not_tags": ["b-c"]}, [1]),
        ({"accepted_only": True}, [1, 7]),
        ({"closed": False}, [1, 2, 7, 10]),
    ],
)
def test_conditions_leave_questions_out_of_the_source(
    tmp_path: Path, conditions: dict[str, Any], ids: list[int]
) -> None:
    (tmp_path / "Posts.xml").write_text(POSTS)
    batch = read_all(forum(**conditions), context(tmp_path))
    assert batch.frame["source_row"].to_list() == [f"Posts.xml:{i}" for i in ids]
    everything = read_all(forum(), context(tmp_path))
    assert batch.read + batch.not_selected == everything.read
    assert batch.not_selected > 0


def test_a_boxed_answer_can_be_the_gold_answer(tmp_path: Path) -> None:
    (tmp_path / "Posts.xml").write_text(POSTS)
    batch = read_all(forum(gold="boxed", verifier="math", columns={"gold": "gold"}), context(tmp_path))
    assert batch.frame["gold"].to_list() == ["3", None, None, None, None]
    assert batch.frame["verifier"].to_list() == ["math", "none", "none", "none", "none"]
    assert batch.notes == {"gold_missing": 4}


def test_a_template_may_put_questions_otherwise(tmp_path: Path) -> None:
    (tmp_path / "Posts.xml").write_text(POSTS)
    batch = read_all(forum(question_template="[{tags}] {title}"), context(tmp_path))
    assert batch.frame["question"].to_list()[0] == "[code-golf, math] Print <pi>"
    assert batch.frame["source_row"].to_list()[0] == "Posts.xml:1"
    assert batch.frame["solution"].to_list()[0] is not None


def test_an_answer_that_stands_before_its_question_is_found(tmp_path: Path) -> None:
    (tmp_path / "Posts.xml").write_text(dump([answer(5, 9, "<p>early</p>"), question(9, AcceptedAnswerId=5)]))
    assert read_all(forum(), context(tmp_path)).frame["solution"].to_list() == ["early"]


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, zstandard.compress])
def test_packed_dumps_give_the_same_rows(tmp_path: Path, pack: Any) -> None:
    suffix = {"gzip": "gz", "bz2": "bz2", "lzma": "xz"}.get(pack.__module__, "zst")
    (tmp_path / f"Posts.xml.{suffix}").write_bytes(pack(POSTS.encode()))
    batch = read_all(forum(f"Posts.xml.{suffix}"), context(tmp_path))
    assert len(batch.frame) == 5
    (tmp_path / f"Posts.xml.{suffix}").write_bytes(pack(POSTS.encode() * 50)[:-30])
    with pytest.raises(UserError, match=rf"Posts\.xml\.{suffix} cannot be read"):
        read_all(forum(f"Posts.xml.{suffix}"), context(tmp_path))


def test_an_archive_as_it_was_published(tmp_path: Path) -> None:
    py7zr = pytest.importorskip("py7zr")
    (tmp_path / "Posts.xml").write_text(POSTS.replace("</posts>", question(500, "x" * 3_000_000) + "</posts>"))
    (tmp_path / "Users.xml").write_text("<users />")
    with py7zr.SevenZipFile(tmp_path / "site.7z", "w") as archive:
        archive.write(tmp_path / "Users.xml", "Users.xml")
        archive.write(tmp_path / "Posts.xml", "Posts.xml")
    batch = read_all(forum("site.7z"), context(tmp_path))
    assert batch.frame["source_row"].to_list() == [f"site.7z:{i}" for i in (1, 2, 6, 7, 10)]
    assert rules(batch)["site.7z:12"] == "too_long"
    data = (tmp_path / "site.7z").read_bytes()
    (tmp_path / "site.7z").write_bytes(data[:40] + bytes(200) + data[240:])
    with pytest.raises(UserError, match=r"site\.7z (cannot be unpacked|is no readable archive)"):
        read_all(forum("site.7z"), context(tmp_path))
    with py7zr.SevenZipFile(tmp_path / "other.7z", "w") as archive:
        archive.write(tmp_path / "Users.xml", "Users.xml")
    with pytest.raises(UserError, match=r"other\.7z holds no Posts\.xml: Users\.xml"):
        read_all(forum("other.7z"), context(tmp_path))


def test_an_archive_that_is_locked_or_torn_inside_says_so(tmp_path: Path) -> None:
    py7zr = pytest.importorskip("py7zr")
    (tmp_path / "Posts.xml").write_text(POSTS)
    for hidden in (True, False):
        with py7zr.SevenZipFile(tmp_path / "site.7z", "w", password="secret", header_encryption=hidden) as archive:
            archive.write(tmp_path / "Posts.xml", "Posts.xml")
        with pytest.raises(UserError, match=r"tiny: site\.7z wants a password[\s\S]*unpack it first"):
            read_all(forum("site.7z"), context(tmp_path))
    with py7zr.SevenZipFile(tmp_path / "site.7z", "w") as archive:
        archive.write(tmp_path / "Posts.xml", "Posts.xml")
    data = bytearray((tmp_path / "site.7z").read_bytes())
    data[-80] ^= 0xFF  # in the packed table of what it holds
    (tmp_path / "site.7z").write_bytes(data)
    with pytest.raises(UserError, match=r"tiny: site\.7z is no readable archive: Corrupt"):
        read_all(forum("site.7z"), context(tmp_path))


def test_a_reader_that_stops_early_leaves_no_thread_and_no_file(tmp_path: Path) -> None:
    import threading

    from ot_assets.sourcing.packed import open_posts
    from ot_assets.sourcing.places import find_places

    py7zr = pytest.importorskip("py7zr")
    (tmp_path / "Posts.xml").write_text(dump([question(i, "y" * 10_000) for i in range(300)]))
    with py7zr.SevenZipFile(tmp_path / "site.7z", "w") as archive:
        archive.write(tmp_path / "Posts.xml", "Posts.xml")
    before = threading.active_count()
    (place,) = find_places("tiny", ["site.7z"], tmp_path)
    with open_posts(place, "tiny") as stream:
        assert stream.read(10) == b"<?xml vers"
    assert threading.active_count() == before


def test_what_is_no_dump_is_named_before_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "Posts.json").write_text("[]")
    with pytest.raises(UserError, match=r"Posts\.json is no dump"):
        read_all(forum("Posts.json"), context(tmp_path))


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("plain", "plain"),
        ("<p>$a_1 * b_2 &lt; c$ and \\(x\\)</p>", "$a_1 * b_2 < c$ and \\(x\\)"),
        ("<p>$$\n\\begin{align}\na &amp;= b \\\\\nc\n\\end{align}\n$$</p>",
         "$$\n\\begin{align}\na &= b \\\\\nc\n\\end{align}\n$$"),
        ("<p>10<sup>-5</sup> H<sub>2</sub>O x<sup>a+b</sup></p>", "10^-5 H_2O x^(a+b)"),
        ("<pre><code>a\n\n\n\n  b  \n</code></pre>", "```\na\n\n\n\n  b\n```"),
        ('<pre class="lang-none"><code>x</code></pre>', "```\nx\n```"),
        ("<ul><li>a</li><li>b</li></ul>", "- a\n- b"),
        ('<p><a href="http://e.org">here</a> <img src="i.png" alt="it"></p>', "[here](http://e.org) ![it](i.png)"),
        ("<p>x</p><script>alert(1)</script><!-- c --><style>p {}</style>", "x"),
        ("<p>שלום <b>עולם</b></p>", "שלום **עולם**"),
        ("<p>open <b>bold", "open **bold**"),
        ("", ""),
    ],
)  # fmt: skip
def test_html_becomes_markdown_with_formulas_as_they_are(html: str, text: str) -> None:
    assert as_markdown(html) == text


def test_a_damaged_number_is_its_rows_problem_alone(tmp_path: Path) -> None:
    huge = 1 << 63
    rows = [
        question(1, AcceptedAnswerId=huge),
        question(huge),
        question(3, title="Another", AcceptedAnswerId=4),
        answer(4, 3, "<p>so</p>"),
    ]
    (tmp_path / "Posts.xml").write_text(dump(rows))
    batch = read_all(forum(), context(tmp_path))
    assert batch.frame["source_row"].to_list() == ["Posts.xml:1", "Posts.xml:3"]
    assert batch.frame["solution"].to_list() == [None, "so"]
    assert rules(batch) == {"Posts.xml:1": "unreadable"}


def test_html_that_is_nested_too_deeply_is_a_row_of_the_ledger(tmp_path: Path) -> None:
    deep = "<b>" * 20_000
    (tmp_path / "Posts.xml").write_text(dump([question(1, deep), question(2)]))
    batch = read_all(forum(), context(tmp_path))
    assert batch.frame["source_row"].to_list() == ["Posts.xml:2"]
    assert "nested too deeply" in batch.rejected["note"][0]
