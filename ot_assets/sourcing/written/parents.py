"""What questions are written from: the parents, one kind a source, and how they are found.

Belongs here: seed questions of another source, passages of documents, topics, personas. Contract: parents have names
that do not depend on their number or order, so that parents which are added leave the others' calls as they are;
names are in memory, the texts of a source's rows are read for those that are asked for. Fails with UserError: no
document, two of one name, an empty file, a source without rows. A document that cannot be read is a `Problem`, and
the others are used.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal, Protocol

import polars as pl

from ot_assets.registry.specs.written import Parents, leaves
from ot_assets.sourcing import pdf
from ot_assets.sourcing.places import Place, find_places
from resources.artifacts import Artifact
from resources.errors import UserError

ParentKind = Literal["question", "document", "topic", "persona"]

_TEXTS = (".txt", ".md", ".markdown", ".rst", ".tex")
_PDF = ".pdf"
_BATCH = 50_000


@dataclass(frozen=True, slots=True)
class Parent:
    """One thing that questions are written from."""

    kind: ParentKind
    name: str
    """A question_id, `book.pdf page 12`, a topic's path, or a persona."""
    text: str
    """What the writer is shown."""
    source: str | None = None
    source_row: str | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """A parent that could not be read: a row of the ledger."""

    place: str
    reason: str


class Material(Protocol):
    """All parents of a source."""

    @property
    def names(self) -> Sequence[str]:
        """Names, each once, in the order of the parents' places."""
        ...

    def fetch(self, places: Iterable[int]) -> Mapping[int, Parent]:
        """The parents at these places."""
        ...


@dataclass(frozen=True)
class Listed:
    """Parents that lie in memory: topics, personas, passages of files."""

    parents: tuple[Parent, ...]
    problems: tuple[Problem, ...] = ()

    @property
    def names(self) -> Sequence[str]:
        """Their names."""
        return [parent.name for parent in self.parents]

    def fetch(self, places: Iterable[int]) -> Mapping[int, Parent]:
        """The parents at these places."""
        return {place: self.parents[place] for place in places}


@dataclass(frozen=True)
class Rows:
    """The rows of another source. With `characters` they are documents and are cut into passages of at most so many."""

    artifact: Artifact
    source: str
    kind: ParentKind = "question"
    characters: int | None = None
    _index: list[tuple[str, int, int]] = field(default_factory=list)
    """Name, row and part of each parent."""

    @classmethod
    def of(cls, artifact: Artifact, source: str, characters: int | None = None) -> Rows:
        """The rows of an artifact of screened questions. UserError where it has none."""
        found = cls(artifact, source, "question" if characters is None else "document", characters)
        row = 0
        for batch in artifact.batches(rows=_BATCH, columns=["question_id", "question"]):
            for name, text in batch.iter_rows():
                parts = 1 if characters is None else len(passages(text, characters))
                found._index.extend((name if parts == 1 else f"{name} {n + 1}", row, n) for n in range(parts))
                row += 1
        if not found._index:
            raise UserError(
                f"source {source} has no rows left after screening to write questions from", fix="look at its ledgers"
            )
        return found

    @property
    def names(self) -> Sequence[str]:
        """Question ids; with the number of the passage where a row has several."""
        return [name for name, _, _ in self._index]

    def fetch(self, places: Iterable[int]) -> Mapping[int, Parent]:
        """The parents at these places, read from the artifact in one pass."""
        wanted: dict[int, list[int]] = {}
        for place in places:
            wanted.setdefault(self._index[place][1], []).append(place)
        found: dict[int, Parent] = {}
        for row, text, source_row in self._rows(sorted(wanted)):
            for place in wanted[row]:
                name, _, part = self._index[place]
                shown = text if self.characters is None else passages(text, self.characters)[part]
                found[place] = Parent(self.kind, name, shown, self.source, source_row)
        return found

    def _rows(self, rows: list[int]) -> Iterator[tuple[int, str, str]]:
        start, left = 0, pl.Series(rows, dtype=pl.Int64)
        for batch in self.artifact.batches(rows=_BATCH, columns=["question", "source_row"]):
            here = left.filter(left.is_between(start, start + len(batch) - 1))
            if len(here):
                texts = batch[(here - start).to_list()]
                yield from zip(here.to_list(), texts["question"].to_list(), texts["source_row"].to_list(), strict=True)
            start += len(batch)


def topics(spec: Parents) -> tuple[Parent, ...]:
    """The leaves of a topic tree."""
    return tuple(Parent("topic", name, name) for name in leaves(spec.topics))


def personas(spec: Parents, folder: Path) -> Listed:
    """The personas of a list, or of a text file with one a line."""
    if isinstance(spec.personas, tuple):
        lines: Iterable[str] = spec.personas
    else:
        lines = _text_of(folder / str(spec.personas), str(spec.personas)).splitlines()
    names = dict.fromkeys(line.strip() for line in lines if line.strip())
    if not names:
        raise UserError(f"{spec.personas} holds no persona", fix="write one a line")
    return Listed(tuple(Parent("persona", name, name) for name in names))


def documents(key: str, globs: Sequence[str], folder: Path, characters: int) -> Listed:
    """Passages of text, Markdown and PDF files. `key` is the source that errors name: UserError where a glob means no
    file, where two files have one name, and where all of them hold no text.
    """
    found: list[Parent] = []
    problems: list[Problem] = []
    for place in find_places(key, globs, folder, field="origin.from.documents"):
        if PurePosixPath(place.name).suffix.lower() == _PDF:
            _read_pdf(place, characters, found, problems)
        else:
            _read_text(place, characters, found, problems)
    if not found:
        why = f": {problems[0].place}: {problems[0].reason}" if problems else ""
        raise UserError(f"{key}: no document has any text{why}", fix="PDF scans need OCR before they can be read")
    return Listed(tuple(found), tuple(problems))


def passages(text: str, characters: int) -> list[str]:
    """A text in passages of at most so many characters: whole paragraphs, else lines, else words, else a cut. Blank: none."""
    found: list[str] = []
    left = text.strip()
    while len(left) > characters:
        cut = next((at for mark in ("\n\n", "\n", " ") if (at := left.rfind(mark, characters // 2, characters)) > 0), 0)
        cut = cut or characters
        found.append(left[:cut].strip())
        left = left[cut:].strip()
    return [passage for passage in [*found, left] if passage]


def _read_text(place: Place, characters: int, found: list[Parent], problems: list[Problem]) -> None:
    suffix = PurePosixPath(place.name).suffix.lower()
    if suffix not in _TEXTS:
        problems.append(Problem(place.name, f"{suffix or 'no suffix'}: only {', '.join((*_TEXTS, _PDF))} are read"))
        return
    try:
        text = _text_of(Path(place.path), place.name)
    except UserError as error:
        problems.append(Problem(place.name, error.what))
    else:
        _add(place.name, text, characters, found, problems)


def _read_pdf(place: Place, characters: int, found: list[Parent], problems: list[Problem]) -> None:
    for one in pdf.documents_of(place):
        if isinstance(one, pdf.Document):
            _add(one.place, one.text, characters, found, problems)
        else:
            problems.append(Problem(one.place, one.reason))


def _add(place: str, text: str, characters: int, found: list[Parent], problems: list[Problem]) -> None:
    parts = passages(text, characters)
    if not parts:
        problems.append(Problem(place, "it holds no text"))
    for number, part in enumerate(parts, 1):
        name = place if len(parts) == 1 else f"{place} passage {number}"
        found.append(Parent("document", name, part, None, place))


def _text_of(file: Path, name: str) -> str:
    """The text of a file. `name` is what it is called in errors, which come into the ledger too."""
    try:
        return file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UserError(f"{name} cannot be read: {error.strerror}", fix="mend the file or its name") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{name} is no UTF-8 text: byte {error.start}", fix="save it as UTF-8") from None
