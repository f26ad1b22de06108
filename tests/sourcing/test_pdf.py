from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ot_assets.registry.specs.origin import PdfOrigin
from ot_assets.sourcing.pdf import Document, Unreadable, documents
from resources.errors import UserError
from tests.sourcing.helpers import context, read_all, rules, spec


def write_pdf(path: Path, pages: list[list[str]]) -> Path:
    """A PDF with these lines a page, made by hand."""
    count = len(pages)
    kids = " ".join(f"{4 + 2 * i} 0 R" for i in range(count))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {count} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for i, lines in enumerate(pages):
        shown = "".join(f"({line}) Tj 0 -14 Td " for line in lines)
        stream = f"BT /F1 12 Tf 72 720 Td {shown}ET"
        objects += [
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {5 + 2 * i} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>",
            f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream",
        ]
    out, places = "%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    end = (
        f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\n"
    )
    path.write_bytes(f"{out}{end}startxref\n{len(out)}\n%%EOF\n".encode("latin-1"))
    return path


BOOK = [["Chapter 1", "Alkanes are saturated."], ["Question 1.1", "Name CH4."], [], ["The end of the book."]]


def origin(*paths: str, **more: Any) -> PdfOrigin:
    return PdfOrigin(kind="pdf", paths=paths or ("book.pdf",), **more)


def test_pages_become_documents_with_stable_places(tmp_path: Path) -> None:
    write_pdf(tmp_path / "book.pdf", BOOK)
    found = list(documents(origin(), tmp_path))
    assert [one.place for one in found] == [f"book.pdf:{i}" for i in (1, 2, 3, 4)]
    assert found[0] == Document("book.pdf", 1, "Chapter 1\nAlkanes are saturated.")
    assert isinstance(found[2], Unreadable)
    assert "no text (a picture of a page?" in found[2].reason
    assert list(documents(origin(), tmp_path)) == found


def test_several_pages_can_be_one_document(tmp_path: Path) -> None:
    write_pdf(tmp_path / "book.pdf", BOOK)
    first, second = documents(origin(pages=3), tmp_path)
    assert first == Document("book.pdf", 1, "Chapter 1\nAlkanes are saturated.\n\nQuestion 1.1\nName CH4.", pages=3)
    assert second == Document("book.pdf", 4, "The end of the book.", pages=1)


def test_a_page_that_cannot_be_read_takes_no_other_with_it(tmp_path: Path) -> None:
    path = write_pdf(tmp_path / "book.pdf", BOOK)
    path.write_bytes(path.read_bytes().replace(b"4 0 obj\n<< /Type /Page ", b"4 0 obj\n<< /Type /Pagx "))
    batch = read_all(spec(origin(pages=3).to_dict(), columns={}, verifier="none"), context(tmp_path))
    assert batch.frame["source_row"].to_list() == ["book.pdf:2", "book.pdf:4"]
    assert batch.frame["question"].to_list()[0] == "Question 1.1\nName CH4."
    assert rules(batch) == {"book.pdf:1": "unreadable"}
    assert batch.rejected["note"].to_list() == ["page 1 cannot be read: Failed to load page."]


def test_a_source_of_pages_has_rows_and_a_ledger(tmp_path: Path) -> None:
    write_pdf(tmp_path / "book.pdf", BOOK)
    (tmp_path / "torn.pdf").write_bytes(b"%PDF-1.4\n1 0 obj\n<< /Type /Cat")
    (tmp_path / "web.pdf").write_bytes(b"<html>Not Found</html>")
    (tmp_path / "empty.pdf").write_bytes(b"")
    source = spec(origin("*.pdf", min_chars=20).to_dict(), columns={}, verifier="none")
    batch = read_all(source, context(tmp_path))
    assert batch.frame["source_row"].to_list() == ["book.pdf:1", "book.pdf:2", "book.pdf:4"]
    assert rules(batch) == dict.fromkeys(["book.pdf:3", "empty.pdf:0", "torn.pdf:0", "web.pdf:0"], "unreadable")
    assert all("no readable PDF" in note for note in batch.rejected["note"][1:])
    assert not source.has_reference


def test_a_password_is_said(tmp_path: Path) -> None:
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(clone_from=PdfReader(write_pdf(tmp_path / "open.pdf", BOOK)))
    writer.encrypt("secret", algorithm="RC4-128")
    writer.write(tmp_path / "book.pdf")
    (one,) = documents(origin(), tmp_path)
    assert one == Unreadable("book.pdf", 0, "the file wants a password")


def test_a_damaged_table_is_mended_by_the_library(tmp_path: Path) -> None:
    path = write_pdf(tmp_path / "book.pdf", BOOK)
    path.write_bytes(path.read_bytes().replace(b"xref\n0 ", b"xerf\n0 "))
    assert sum(isinstance(one, Document) for one in documents(origin(), tmp_path)) == 3


def test_a_book_of_pictures_says_what_to_do(tmp_path: Path) -> None:
    write_pdf(tmp_path / "book.pdf", [[], []])
    with pytest.raises(
        UserError, match=r"none of the 2 rows is a question: unreadable 2 \(first: book\.pdf:1: page 1: no text"
    ):
        read_all(spec(origin().to_dict(), columns={}, verifier="none"), context(tmp_path))


def test_books_behind_an_address(tmp_path: Path) -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.pipe("/books/a.pdf", write_pdf(tmp_path / "a.pdf", BOOK[:1]).read_bytes())
    (one,) = documents(origin("memory://books/*.pdf"), tmp_path)
    assert one.place == "memory:///books/a.pdf:1"


def test_pages_have_no_answers_to_verify() -> None:
    with pytest.raises(ValueError, match="pages of a PDF have none"):
        spec(origin().to_dict(), columns={}, verifier="math")


def test_no_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no file matches 'book\.pdf'"):
        documents(origin(), tmp_path)


def test_umlauts_soft_hyphens_and_controls(tmp_path: Path) -> None:
    write_pdf(tmp_path / "book.pdf", [["Stra\xdfe und hydro\xad", "carbon", "a \\(b\\)"]])
    (one,) = documents(origin(), tmp_path)
    assert isinstance(one, Document)
    assert one.text.startswith("Straße und hydrocarbon")
    assert one.text.endswith("a (b)")
