"""Published trees as lines of a log: one `tree_imported` event a tree.

Belongs here: `published_lines`. Contract: every tree that `filtering` wants and `importing` takes is one event, and
everything else one line with the reason (rules of `reading`, `filtering`, `importing`, and `repeated`: a tree that stood
before in its file), so that it ends in the ledger: a tree as a whole, or a message of a tree that is taken. An event's id is
a hash of the file's bytes and the tree's id, so the same file gives the same events; its time is that of the tree's newest
message, 1970 where none has a time; its language is the prompt's. The events of a file come ordered by time, after the lines
of that file that are none. Memory holds one tree, and a few numbers for each. Fails with UserError, before anything is read:
no such file, a suffix that says nothing, a file whose hash is not the stated one, a stated hash for no file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from ot_assets.conversations.events import LONGEST_ID, Event, Refused, milliseconds
from ot_assets.conversations.importing import tree_of
from ot_assets.conversations.languages import normalised
from ot_assets.conversations.logs import Line
from ot_assets.conversations.oasst.filtering import Filtered, Wanted, filtered
from ot_assets.conversations.oasst.published import Row
from ot_assets.conversations.oasst.reading import PublishedTree, Unreadable, read
from ot_assets.conversations.oasst.spool import Spool
from ot_assets.distillation.sample_files import digest
from ot_assets.registry.specs.conversation import ConversationSpec, Import
from ot_assets.registry.specs.crowd import CrowdSettings
from ot_assets.sourcing.places import Place, find_places
from resources.errors import UserError

SUFFIXES = (".jsonl", ".parquet")
"""What a published file ends with; `.gz` may follow the first."""

_SETTINGS = CrowdSettings()
_CHUNK = 1 << 20
_LONGEST_NOTE = 500


def published_lines(spec: ConversationSpec, folder: Path | None) -> Iterator[Line]:
    """The lines of all imports of a spec. Files are found and their hashes compared now, and read as lines are asked for."""
    found: list[tuple[Place, str, Wanted]] = []
    for one in spec.imports:
        places = find_places(spec.key, one.files, folder or Path.cwd(), field="imports.files")
        hashes = {place.name: _hash(place) for place in places}
        _as_stated(spec.key, one, hashes)
        found += ((place, hashes[place.name], wanted(one, spec.language)) for place in places)
    return (line for place, file, what in found for line in file_lines(place, file, what))


def wanted(one: Import, language: str) -> Wanted:
    """What an import takes; of the spec's own language where it names none."""
    return Wanted(
        states=one.states,
        languages=one.languages or (language,),
        synthetic=one.synthetic,
        deleted=one.deleted,
        unreviewed=one.unreviewed,
        ranks=one.ranks,
    )


def file_lines(place: Place, file: str, what: Wanted) -> Iterator[Line]:
    """The lines of one file, whose hash is `file`."""
    places: list[tuple[int, int, str, str, int]] = []
    seen: dict[str, int] = {}
    spool = Spool()
    try:
        for found in read(place):
            row = str(found.row)
            if isinstance(found, Unreadable):
                yield _none(place, row, found.rule, found.note, found.named)
                continue
            try:
                if found.tree_id in seen:
                    raise Refused("repeated", f"the tree stood before, in row {seen[found.tree_id]}")
                seen[found.tree_id] = found.row
                left = filtered(found.tree_id, found.state, found.rows, what)
                event = _event(found, left, file)
            except Refused as refused:
                yield _none(place, row, refused.rule, refused.note, found.tree_id)
                continue
            for lost in left.lost:
                yield _none(place, row, lost.rule, lost.note, lost.message_id)
            places.append(
                (event.at, len(places), row, event.event_id, spool.add((event.language, found.tree_id, event.tree)))
            )
        places.sort()
        trees = spool.read(one[-1] for one in places)
        for (at, _, row, name, _), (language, tree_id, tree) in zip(places, trees, strict=True):
            event = Event(name, "tree_imported", at, language, tree_id=tree_id, tree=tree)
            yield Line(place.name, row, event, None, name)
    finally:
        spool.close()


def _none(place: Place, row: str, rule: str, note: str, named: str | None) -> Line:
    """A line that is no event. What it calls itself is kept where it can be an id at all."""
    note = note.encode("utf-8", "replace").decode()
    note = note if len(note) <= _LONGEST_NOTE else note[: _LONGEST_NOTE - 1] + "…"
    named = named if named and len(named) <= LONGEST_ID and named.isprintable() else None
    return Line(place.name, row, None, Refused(rule, note), named)


def event_id(file: str, tree_id: str) -> str:
    """The id of the event that brings a tree of a file, given by its hash."""
    return "import-" + hashlib.sha256(f"{file}:{tree_id}".encode("utf-8", "replace")).hexdigest()[:32]


def _event(found: PublishedTree, left: Filtered, file: str) -> Event:
    """The event of a tree that the fold will take. Raises `Refused`."""
    rows = [_in(row, left.language) for row in left.rows]
    tree = {"tree_state": found.state, "messages": rows} if found.state else {"messages": rows}
    name = event_id(file, found.tree_id)
    event = Event(name, "tree_imported", _newest(rows), left.language, tree_id=found.tree_id, tree=tree)
    tree_of(event, _SETTINGS)
    return event


def _in(row: Row, language: str) -> Row:
    """A message without its language where it is the tree's."""
    said = row.get("lang")
    found = (normalised(said) or said) if isinstance(said, str) else said
    plain = {name: value for name, value in row.items() if name != "lang"}
    return plain if found in (None, language) else {**plain, "lang": found}


def _newest(rows: Sequence[Row]) -> int:
    """Time of the newest message; what is no time is for `importing` to refuse."""
    times = [0]
    for row in rows:
        if isinstance(said := row.get("created_date"), str):
            try:
                times.append(milliseconds(said))
            except (ValueError, OverflowError):
                continue
    return max(times)


def _hash(place: Place) -> str:
    """Sha256 hex of a file's bytes."""
    if place.local is not None and (found := digest(place.local)) is not None:
        return found
    summed = hashlib.sha256()
    try:
        with place.system.open(place.path, "rb") as stream:
            while piece := stream.read(_CHUNK):
                summed.update(piece)
    except OSError as error:
        raise UserError(f"{place.name} cannot be read: {error}", fix="check the address and the connection") from error
    return summed.hexdigest()


def _as_stated(key: str, one: Import, hashes: Mapping[str, str]) -> None:
    """Raises UserError for a file that is not the stated one."""
    for name in hashes:
        suffix = PurePosixPath(name.lower().removesuffix(".gz")).suffix
        if suffix not in SUFFIXES or (suffix == ".parquet" and name.lower().endswith(".gz")):
            raise UserError(
                f"{key}: {name}: the suffix does not say what it is; known are .jsonl, .jsonl.gz and .parquet",
                fix=f"rename it, or correct imports.files in {key}.yaml",
            )
    for name, stated in one.sha256.items():
        files = [file for file in hashes if name in (file, PurePosixPath(file).name)]
        if not files:
            raise UserError(
                f"{key}: imports.sha256 names {name}, but imports.files finds {', '.join(sorted(hashes))}",
                fix=f"correct the name in {key}.yaml",
            )
        for file in files:
            if hashes[file] != stated:
                raise UserError(
                    f"{key}: {file} has sha256 {hashes[file]}, but {stated} is stated",
                    fix=f"fetch the stated file, or correct imports.sha256 in {key}.yaml",
                )
