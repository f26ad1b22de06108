"""The fold of contributions with its file: whatever happened to the file, the trees are those of the events."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path

import polars as pl
import pytest

from ot_assets.conversations.collecting import collect
from ot_assets.conversations.folding import Folded, fold_all, fold_and_read
from ot_assets.conversations.logs import line_of
from ot_assets.conversations.shelf import Damaged, Shelf
from ot_assets.conversations.state import Tree
from ot_assets.registry.specs.conversation import ConversationSpec
from tests.conversations.synthetic import Crowd

SPEC = ConversationSpec(key="en", description="A test.", language="en", licence="CC0-1.0")


@pytest.fixture(scope="module")
def events() -> pl.DataFrame:
    lines = Crowd(20, seed=3).lines(800)
    return collect((line_of("log", str(number), line) for number, line in enumerate(lines)), "en").events


def read(shelf: Shelf) -> list[Tree]:
    return list(shelf.trees())


def made(events: pl.DataFrame, folder: Path) -> tuple[Folded, list[Tree]]:
    def batches() -> Iterable[pl.DataFrame]:
        return [events]

    return fold_and_read(SPEC, batches, folder, read)


def flipped(file: Path, table: str, place: int) -> None:
    """Turns one byte of a table's middle row around."""
    with sqlite3.connect(file) as lies:
        rows = list(lies.execute(f"select {_key(table)}, state from {table} order by 1"))
        name, state = rows[len(rows) // 2]
        at = place % len(state)
        torn = state[:at] + bytes([state[at] ^ 0x41]) + state[at + 1 :]
        lies.execute(f"update {table} set state = ? where {_key(table)} = ?", (torn, name))
    lies.close()


def _key(table: str) -> str:
    return "name" if table == "shared" else "id"


@pytest.mark.parametrize("table", ["trees", "shared"])
@pytest.mark.parametrize("place", [0, 7, 8, 9, 60, 200, -1, -2])
def test_a_flipped_byte_is_seen_and_all_is_folded_again(events, tmp_path, table, place):
    whole = made(events, tmp_path)[1]
    assert made(events, tmp_path)[0].again == 0
    flipped(tmp_path / "en.sqlite", table, place)
    folded, trees = made(events, tmp_path)
    assert trees == whole and folded.again == folded.events == len(events)
    assert made(events, tmp_path)[0].again == 0


def test_a_flipped_byte_of_a_person_is_seen_when_the_person_acts(events, tmp_path):
    fold_all(SPEC, [events.head(600)], tmp_path).shelf.close()
    with sqlite3.connect(tmp_path / "en.sqlite") as lies:
        lies.execute("update persons set state = substr(state, 1, length(state) - 1) || x'00'")
    lies.close()
    folded, trees = made(events, tmp_path)
    assert folded.again == len(events) and trees == made(events, tmp_path / "other")[1]


def test_what_cannot_be_read_twice_is_no_damage_of_the_file(events, tmp_path):
    tries = []

    def fails(shelf: Shelf) -> None:
        tries.append(shelf)
        raise Damaged("again")

    with pytest.raises(Damaged):
        fold_and_read(SPEC, lambda: [events], tmp_path, fails)
    assert len(tries) == 2
