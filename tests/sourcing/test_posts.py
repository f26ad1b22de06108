from __future__ import annotations

import io
import tracemalloc
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ot_assets.sourcing import posts
from ot_assets.sourcing.posts import Post, read_posts
from resources.errors import UserError
from tests.sourcing.posts import HEAD, dump, question, row

BOMB = (
    '<?xml version="1.0"?>\n<!DOCTYPE posts [<!ENTITY a "aaaaaaaaaa">'
    + "".join(
        f'<!ENTITY {b} "&{a};&{a};&{a};&{a};&{a};&{a};&{a};&{a};">' for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    + ']>\n<posts><row Id="1" PostTypeId="1" Body="&i;" /></posts>'
)
OUTSIDE = '<!DOCTYPE posts [<!ENTITY x SYSTEM "file:///etc/passwd">]><posts><row Id="1" Body="&x;" /></posts>'


def read(data: bytes | str, **more: int) -> list[Post]:
    stream = io.BytesIO(data if isinstance(data, bytes) else data.encode())
    return list(read_posts(stream, "Posts.xml", "tiny", **more))


@pytest.mark.parametrize("text", [BOMB, OUTSIDE])
def test_a_document_type_is_refused_before_anything_of_it_is_read(text: str) -> None:
    tracemalloc.start()
    with pytest.raises(UserError, match=r"tiny: Posts\.xml declares a document type \(<!DOCTYPE posts"):
        read(text)
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


def test_an_entity_that_nobody_declared_is_its_rows_problem_alone() -> None:
    first, second = read(dump(['<row Id="1" Body="&x;" />', row(Id=2)]))
    assert "undefined entity" in first.problem
    assert second.values == {"Id": "2"}


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ('<row Id="1" Body="a &#x0; b" />', "reference to invalid character number"),
        ('<row Id="1" Id="2" />', "duplicate attribute"),
        ("<row Id=1 />", "not well-formed"),
        ('<row Id="1" Body="a <b> and </b> c" />', "not XML"),
        ('<row Id="1" Body="half', "not XML"),
        ('<user Id="1" />', "is no row"),
    ],
)
def test_a_damaged_row_is_one_problem_and_the_next_is_read(broken: str, why: str) -> None:
    found = read(dump([row(Id=0), f"{broken}\n", row(Id=9)]))
    assert [post.values.get("Id") for post in found] == ["0", None, "9"]
    assert why in found[1].problem
    assert [post.index for post in found] == [0, 1, 2]


def test_a_dump_that_is_cut_says_so_once_wherever_it_is_cut() -> None:
    whole = dump([question(1), question(2, body="<p>the second</p>")])
    between = whole.index("  <row", len(HEAD) + 5)
    assert [bool(p.problem) for p in read(whole[:between])] == [False, True]
    assert "the rest of it is missing" in read(whole[:between])[1].problem
    cut = read(whole[: between + 60])
    assert [bool(p.problem) for p in cut] == [False, True]
    assert [bool(p.problem) for p in read(whole)] == [False, False]


def test_rows_that_are_too_long_are_skipped_in_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posts, "_BLOCK", 1000)
    first, last = read(dump([row(Id=1, Body="x" * 200_000), row(Id=2)]), longest=5_000)
    assert (first.problem, last.values["Id"]) == ("longer than 5,000 characters", "2")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "latin-1", "windows-1252"])
def test_encodings_are_read_by_mark_by_declaration_or_by_their_zeros(encoding: str) -> None:
    text = dump([row(Id=1, Body="naïve – ½" if encoding != "latin-1" else "naïve ½")])
    declared = text.replace('"utf-8"', f'"{encoding}"') if encoding in ("latin-1", "windows-1252") else text
    (post,) = read(declared.encode(encoding))
    assert post.values["Body"].startswith("naïve")
    assert not post.problem


def test_bytes_of_another_encoding_are_a_problem_of_their_row() -> None:
    data = dump([row(Id=1, Body="naïve"), row(Id=2)]).encode().replace("ï".encode(), b"\xef")
    first, second = read(data)
    assert "bytes of another encoding" in first.problem
    assert second.values["Id"] == "2"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("<users><row Id='1'/></users>", "begins with <users>"),
        ("", "holds no XML"),
        ("Not Found", "holds no XML"),
        ("<html><body>Not Found", "begins with <html>"),
        ('<?xml version="1.0" encoding="klingon"?><posts/>', "'klingon', an encoding that Python does not know"),
    ],
)
def test_what_is_no_dump_is_named(text: str, why: str) -> None:
    with pytest.raises(UserError, match=why):
        read(text)


def test_comments_and_rows_with_an_end_tag_are_read() -> None:
    (post,) = read(f'{HEAD}<!-- <row Id="7" /> > --><row Id="1"></row>\n</posts>')
    assert post.values == {"Id": "1"}


XML_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"))


@given(bodies=st.lists(XML_TEXT, max_size=6), block=st.integers(1, 50))
def test_whatever_the_texts_and_wherever_blocks_end_rows_come_back(bodies: list[str], block: int) -> None:
    text = dump([f'<row Body="{escape(body, {chr(34): "&quot;"})}" />\n' for body in bodies])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(posts, "_BLOCK", block)
        found = read(text)
    assert [post.values["Body"] for post in found] == [*bodies]
    assert not any(post.problem for post in found)


@given(data=st.binary(max_size=200))
def test_nothing_but_a_problem_or_a_user_error_comes_of_any_bytes(data: bytes) -> None:
    try:
        found = read(b"<posts>" + data)
    except UserError:
        return
    assert all(post.problem or isinstance(post.values, dict) for post in found)
