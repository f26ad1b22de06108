"""Text of PDF books and papers, page by page: documents from which questions can be pulled.

`documents` streams over all files of an origin: a `Document` for so many pages as the origin says, an `Unreadable` for what
holds no text and for each page that cannot be read. Text comes from PDFium (by `pypdfium2`), the library of Chromium: it
reads what browsers show, also in files whose tables are damaged. A document's place (`book.pdf:17`, its first page, counted
from 1) is the same on every machine.

How bad files fare: a document without text (a picture of a page), a page that cannot be read, a file with a password and a
file that is no PDF are each one `Unreadable`; the other pages and files are read as usual. Memory holds a document's pages;
a file behind an address lies in a temporary file while it is read. UserError where no file is found.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ot_assets.registry.specs.origin import PdfOrigin
from ot_assets.registry.specs.source import QuestionSet
from ot_assets.sourcing.places import Place, find_places
from ot_assets.sourcing.rows import RawRow, SourcingContext

_SOFT = re.compile("[\ufffe\u00ad]\\s*\n?|\x02\\s*\n?")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


@dataclass(frozen=True, slots=True)
class Document:
    """The text of some pages."""

    name: str
    """The file."""
    page: int
    """The first of its pages that can be read, from 1."""
    text: str
    """Text, with one `\\n` a line and a blank line between pages."""
    pages: int = 1
    """How many pages it is of; one that cannot be read is none of them."""

    @property
    def place(self) -> str:
        """`<file>:<page>`: its stable id."""
        return f"{self.name}:{self.page}"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Pages, or a whole file (page 0), that no document could be made of."""

    name: str
    page: int
    reason: str

    @property
    def place(self) -> str:
        """`<file>:<page>`."""
        return f"{self.name}:{self.page}"


def documents(origin: PdfOrigin, base: Path, key: str = "pdf") -> Iterator[Document | Unreadable]:
    """All documents of all files, in order, and what is none. `base` is where relative paths start; `key` is the source
    that errors name.
    """
    places = find_places(key, origin.paths, base)
    return (found for place in places for found in documents_of(place, origin.pages, origin.min_chars))


def read(spec: QuestionSet, origin: PdfOrigin, context: SourcingContext) -> Iterator[RawRow]:
    """One raw row a document, with the column question; its index is its page."""
    found = documents(origin, context.base or Path.cwd(), spec.key)
    return (_row(one) for one in found)


def _row(found: Document | Unreadable) -> RawRow:
    if isinstance(found, Unreadable):
        return RawRow(found.name, found.page, None, found.reason)
    return RawRow(found.name, found.page, {"question": found.text})


def documents_of(place: Place, pages: int = 1, least: int = 1) -> Iterator[Document | Unreadable]:
    """The documents of one file, of so many pages and at least so many characters."""
    with _opened(place) as book:
        if isinstance(book, str):
            yield Unreadable(place.name, 0, book)
            return
        for first in range(0, len(book), pages):
            texts: dict[int, str] = {}
            for number in range(first, min(first + pages, len(book))):
                try:
                    texts[number + 1] = _text(book, number)
                except Exception as error:  # whatever PDFium trips over, the other pages are still good
                    yield Unreadable(place.name, number + 1, f"page {number + 1} cannot be read: {error}")
            if texts:
                yield _document(place.name, texts, least)


def _document(name: str, texts: Mapping[int, str], least: int) -> Document | Unreadable:
    """The document of some pages, or why there is none."""
    text = "\n\n".join(part for part in texts.values() if part)
    first, last = min(texts), max(texts)
    if len(text) >= least:
        return Document(name, first, text, len(texts))
    pages = f"page {first}" if first == last else f"pages {first} to {last}"
    few = f"{len(text):,} characters of text" if text else "no text (a picture of a page? run OCR over the file first)"
    return Unreadable(name, first, f"{pages}: {few}")


def _text(book: Any, number: int) -> str:
    """The text of one page; hyphens that only broke a line are gone."""
    page = book[number]
    try:
        words = page.get_textpage()
        try:
            text = str(words.get_text_bounded())
        finally:
            words.close()
    finally:
        page.close()
    text = _SOFT.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return "\n".join(line.rstrip() for line in _CONTROL.sub("", text).split("\n")).strip()


@contextmanager
def _opened(place: Place) -> Iterator[Any]:
    """The open book, or in words why it cannot be opened."""
    import pypdfium2  # type: ignore[import-untyped]

    with tempfile.TemporaryDirectory(prefix="ot-pdf-") as folder:
        try:
            book = pypdfium2.PdfDocument(str(place.local or _fetched(place, Path(folder))))
            length = len(book)
        except (pypdfium2.PdfiumError, OSError) as error:
            said = str(error)
            yield "the file wants a password" if "password" in said.lower() else f"the file is no readable PDF: {said}"
            return
        try:
            yield book if length else "the file has no pages"
        finally:
            book.close()


def _fetched(place: Place, folder: Path) -> Path:
    """A copy of a file that lies elsewhere."""
    copy = folder / "book.pdf"
    with place.system.open(place.path, "rb") as stream, copy.open("wb") as here:
        shutil.copyfileobj(stream, here)
    return copy
