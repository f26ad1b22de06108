"""Published files as trees: tree lines, flat messages as lines, and the hub's parquet.

Belongs here: `read`, which hands on each tree's messages as `published.plain` rows, or why a line is none. Contract: a tree
line is a tree as soon as it is read; flat messages are grouped by their tree (`message_tree_id`, or where that is missing by
the way up to the root), whatever their order, through a temporary file, and come when the file is at its end, in the order in
which the trees began; one kind may stand between the other. Memory holds a line, and some bytes a flat message. Whether a
line is a message or a tree is seen as Open-Assistant sees it: by `message_id`, then by `message_tree_id`. Nothing is filtered
here, and no link between messages is checked. Rules: `not_a_tree` (no JSON, no object, another kind of object), `bad_tree` (a
field of a tree that cannot be used), `torn_file` (gzip or parquet that breaks off: tree lines before the break are trees;
flat messages are not taken, since any tree may lack some). Fails with UserError where the file cannot be opened at all.
"""

from __future__ import annotations

import gzip
import zlib
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any

from ot_assets.conversations.events import Refused
from ot_assets.conversations.oasst.published import COLUMNS, OF_TREE, Row, plain
from ot_assets.conversations.oasst.spool import Spool
from ot_assets.sourcing.lines import read_lines
from ot_assets.sourcing.places import Place
from resources.errors import UserError

_BATCH = 1_000
_TORN = (EOFError, zlib.error, gzip.BadGzipFile)
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class PublishedTree:
    """One tree."""

    row: int
    """The line that it stands in, from 1; of flat messages the first one's."""
    tree_id: str
    state: str | None
    rows: list[Row]
    """Its messages as they stood, a nested one after that above it."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A line that is neither tree nor message, or a file from there on."""

    row: int
    rule: str
    note: str
    named: str | None = None
    """What it calls itself."""


def read(place: Place) -> Iterator[PublishedTree | Unreadable]:
    """The trees of a file, by its suffix."""
    return _parquet(place) if place.suffixes[-1:] == [".parquet"] else _jsonl(place)


def _jsonl(place: Place) -> Iterator[PublishedTree | Unreadable]:
    number = 0
    with _opened(place) as raw, _Flat() as flat:
        try:
            for line in read_lines(_unpacked(raw, place), place.name):
                number = line.index + 1
                if line.values is None:
                    yield Unreadable(number, "not_a_tree", line.problem)
                elif (found := _taken(line.values, number, flat)) is not None:
                    yield found
        except _TORN as error:
            yield _torn(number + 1, error, flat)
            return
        except OSError as error:
            raise _unusable(place, error) from error
        yield from flat.trees()


def _taken(said: Mapping[str, Any], number: int, flat: _Flat) -> PublishedTree | Unreadable | None:
    """The tree of a line; None for a message, which is laid aside."""
    named = said.get("message_id") or said.get("message_tree_id")
    named = named if isinstance(named, str) else None
    try:
        if "message_id" in said:
            flat.add(said, number)
            return None
        if "message_tree_id" in said:
            return _tree(said, number)
    except Refused as refused:
        return Unreadable(number, refused.rule, refused.note, named)
    what = "a thread, of which no tree can be made" if "thread_id" in said else "neither message nor tree"
    return Unreadable(number, "not_a_tree", f"line {number}: {what}; it has {_shown(sorted(said))}")


def _tree(said: Mapping[str, Any], number: int) -> PublishedTree:
    """A tree line: its prompt and all replies under it."""
    tree_id = said["message_tree_id"]
    if not isinstance(tree_id, str) or not tree_id:
        raise Refused("bad_tree", f"message_tree_id is {_shown(tree_id)}")
    if said.get("prompt") is None:
        raise Refused("no_root", "the tree has no prompt")
    rows: list[Row] = []
    waiting: list[tuple[str | None, Any]] = [(None, said["prompt"])]
    while waiting:
        above, node = waiting.pop()
        if not isinstance(node, Mapping):
            raise Refused("bad_tree", f"a message is {_shown(node)}; an object is expected")
        row = plain(node)
        if above is not None and row.setdefault("parent_id", above) != above:
            name, parent = row.get("message_id"), row["parent_id"]
            raise Refused(
                "bad_tree", f"message {_shown(name)} stands under {above}, but its parent_id is {_shown(parent)}"
            )
        rows.append(row)
        replies = node.get("replies") or ()
        if not isinstance(replies, list | tuple):
            raise Refused("bad_tree", f"replies is {_shown(replies)}; a list is expected")
        if replies and not isinstance(row.get("message_id"), str):
            raise Refused("bad_tree", "a message with replies has no message_id")
        waiting.extend((row["message_id"], reply) for reply in reversed(replies))
    return PublishedTree(number, tree_id, _state(said.get("tree_state")), rows)


def _parquet(place: Place) -> Iterator[PublishedTree | Unreadable]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    with _opened(place) as raw, _Flat() as flat:
        try:
            parquet = pq.ParquetFile(raw)
            columns = [name for name in COLUMNS if name in parquet.schema_arrow.names]
            if "message_id" not in columns:
                names = _shown(parquet.schema_arrow.names)
                yield Unreadable(0, "not_a_tree", f"there is no column message_id; it has {names}")
                return
            for batch in parquet.iter_batches(_BATCH, columns=columns):
                for said in _values(batch):
                    number += 1
                    found = said if isinstance(said, str) else _taken(said, number, flat)
                    if isinstance(found, str):
                        yield Unreadable(number, "not_a_tree", found)
                    elif found is not None:
                        yield found
        except (pa.ArrowException, OSError) as error:
            if isinstance(error, OSError) and (error.errno is not None or place.local is None):
                raise _unusable(place, error) from error  # the disk or the connection, not what the file holds
            yield _torn(number + 1, error, flat)
            return
        yield from flat.trees()


def _values(batch: Any) -> list[dict[str, Any] | str]:
    """The rows of a batch; in place of one that holds no UTF-8, why it cannot be read."""
    try:
        found: list[dict[str, Any] | str] = batch.to_pylist()
        return found
    except UnicodeDecodeError as error:
        if batch.num_rows == 1:
            return [f"a text column holds bytes that are not UTF-8 (at byte {error.start})"]
        return [row for place in range(batch.num_rows) for row in _values(batch.slice(place, 1))]


class _Flat:
    """Flat messages, laid aside until their trees are complete."""

    def __init__(self) -> None:
        self._spool = Spool()
        self._trees: dict[str, array[int]] = {}
        self._untold: dict[str, tuple[str | None, array[int]]] = {}
        """Messages that do not name their tree: their parent, and where they lie."""
        self.messages = 0

    def __enter__(self) -> _Flat:
        return self

    def __exit__(self, *_: object) -> None:
        self._spool.close()

    def add(self, said: Mapping[str, Any], number: int) -> None:
        """Lays a message aside. Raises `Refused` for one whose place cannot be told."""
        row = plain(said)
        name, parent = row.get("message_id"), row.get("parent_id")
        tree, state = (said.get(one) for one in OF_TREE)
        if not isinstance(name, str) or not name:
            raise Refused("bad_tree", f"message_id is {_shown(name)}")
        if not isinstance(tree, str | None) or not isinstance(parent, str | None):
            raise Refused(
                "bad_tree", f"message {_shown(name)}: message_tree_id is {_shown(tree)}, parent_id {_shown(parent)}"
            )
        try:
            place = self._spool.add((number, _state(state), row))
        except (TypeError, ValueError, RecursionError):
            raise Refused("bad_tree", f"message {_shown(name)} holds what JSON cannot say") from None
        if tree:
            self._trees.setdefault(tree, array("q")).append(place)
        else:
            self._untold.setdefault(name, (parent, array("q")))[1].append(place)
        self.messages += 1

    def trees(self) -> Iterator[PublishedTree | Unreadable]:
        """The trees, in the order in which they began."""
        self._tell()
        for tree, places in sorted(self._trees.items(), key=lambda one: one[1][0]):
            laid = list(self._spool.read(places))
            states = {state: None for _, state, _ in laid if state is not None}
            if len(states) > 1:
                note = f"its messages say that it is {', '.join(states)}"
                yield Unreadable(laid[0][0], "bad_tree", note, tree)
            else:
                yield PublishedTree(laid[0][0], tree, next(iter(states), None), [row for _, _, row in laid])

    def _tell(self) -> None:
        """Finds the trees of those that name none: the top of the way up."""
        tops: dict[str, str] = {}
        for name in self._untold:
            way: dict[str, None] = {}
            top = name
            while top not in tops and top not in way:
                way[top] = None
                parent = self._untold[top][0]
                if parent is None or parent not in self._untold:
                    break
                top = parent
            tops.update(dict.fromkeys((*way, top), tops.get(top, top)))
        for name, (_, places) in self._untold.items():
            self._trees.setdefault(tops[name], array("q")).extend(places)
        for tree in {tops[name] for name in self._untold}:
            self._trees[tree] = array("q", sorted(self._trees[tree]))


def _state(state: Any) -> str | None:
    if not isinstance(state, str | None):
        raise Refused("bad_tree", f"tree_state is {_shown(state)}")
    return state or None


def _opened(place: Place) -> IO[bytes]:
    try:
        opened: IO[bytes] = place.system.open(place.path, "rb")
    except OSError as error:
        raise _unusable(place, error) from error
    return opened


def _unpacked(raw: IO[bytes], place: Place) -> IO[bytes]:
    """The lines of a file, unpacked where it says or is that."""
    packed = raw.read(len(_GZIP)) == _GZIP or place.name.lower().endswith(".gz")
    raw.seek(0)
    return gzip.GzipFile(fileobj=raw) if packed else raw  # type: ignore[return-value]


def _torn(number: int, error: Exception, flat: _Flat) -> Unreadable:
    note = f"the file cannot be read from row {number} on: {error}"
    if flat.messages:
        note += f"; the {flat.messages:,} messages before it are not taken, since any tree may lack some"
    return Unreadable(number, "torn_file", note)


def _unusable(place: Place, error: Exception) -> UserError:
    return UserError(f"{place.name} cannot be read: {error}", fix="mend or remove the file, or its pattern")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:59] + "…"
