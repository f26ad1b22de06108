"""A forum's dump and a book through the real assets: rows in = rows out + ledger, counts in the manifest."""

from __future__ import annotations

from tests.endtoend.house import House
from tests.endtoend.steps import make
from tests.sourcing.posts import answer, dump, question
from tests.sourcing.test_pdf import BOOK, write_pdf


def test_a_dump_becomes_questions_with_a_ledger_of_what_could_not_be_read(house: House) -> None:
    rows = [
        question(1, AcceptedAnswerId=2),
        answer(2, 1, "<p>It is $\\boxed{7}$.</p>"),
        question(3, "<p>Another?</p>", Score=-5),
        '  <row Id="4" PostTypeId="1" Body="&nobody;" />\n',
    ]
    spec = house.read("sources/mine")
    folder = house.registry / "sources"
    (folder / "Posts.xml").write_text(dump(rows, end=""))
    kept = {name: spec[name] for name in ("description", "domain", "licence")}
    origin = {"kind": "forum", "paths": ["Posts.xml"], "min_score": 0, "gold": "boxed"}
    house.write("sources/mine", {**kept, "origin": origin, "verifier": "math"})
    with house.entered():
        assert make(house, "sourced_questions", source="mine") is None
    made = house.current("sourced_questions", source="mine")
    assert (made.manifest.rows_in, made.manifest.rows_out, made.manifest.dropped) == (2, 1, {"unreadable": 1})
    assert list(made.manifest.licences) == ["CC-BY-SA-4.0"]
    stats = made.manifest.stats
    assert (stats["not_selected"], stats["posts"], stats["answers"]) == (1, "3", "1")
    (row,) = made.read().to_dicts()
    assert (row["source_row"], row["gold"], row["verifier"]) == ("Posts.xml:1", "7", "math")


def test_a_book_becomes_documents(house: House) -> None:
    spec = house.read("sources/mine")
    folder = house.registry / "sources"
    write_pdf(folder / "book.pdf", BOOK)
    kept = {name: spec[name] for name in ("description", "domain", "licence")}
    house.write("sources/mine", {**kept, "origin": {"kind": "pdf", "paths": ["book.pdf"]}, "verifier": "none"})
    with house.entered():
        assert make(house, "sourced_questions", source="mine") is None
    made = house.current("sourced_questions", source="mine")
    assert (made.manifest.rows_in, made.manifest.rows_out, made.manifest.dropped) == (4, 3, {"unreadable": 1})
