"""Keys are appended, never reordered."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ot_assets.registry.order import arrange, read_record, record_keys, stable_order
from resources.errors import UserError

keys = st.sets(st.text("abcdef", min_size=1, max_size=3), max_size=8)


@given(st.lists(keys, min_size=1, max_size=6))
def test_what_was_recorded_never_moves(generations: list[set[str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder) / "keys.json"
        before: tuple[str, ...] = ()
        for present in generations:
            assert stable_order(present, record).keys == arrange(present, before).keys
            record_keys({"sources": dict.fromkeys(present, "")}, record)
            after = read_record(record).keys("sources")
            assert after[: len(before)] == before
            assert set(after) == set(before) | present
            before = after


@given(keys, st.lists(st.text("abcdef", min_size=1, max_size=3), max_size=8))
def test_arrange_loses_and_invents_nothing(present: set[str], known: list[str]) -> None:
    order = arrange(present, known)
    assert sorted(order.keys) == sorted(present)
    assert set(order.retired) == set(known) - present


def test_recording_twice_changes_nothing(tmp_path: Path) -> None:
    record = tmp_path / "home" / "keys.json"
    record_keys({"sources": {"b": "hub", "a": "hub"}}, record)
    text = record.read_bytes()
    record_keys({"sources": {"a": "hub", "b": "hub"}}, record)
    assert record.read_bytes() == text


def test_recording_at_once_loses_no_key(tmp_path: Path) -> None:
    record = tmp_path / "keys.json"
    threads = [threading.Thread(target=record_keys, args=({"sources": {f"k{i}": ""}}, record)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(read_record(record).keys("sources")) == {f"k{i}" for i in range(8)}


def test_damaged_record_is_not_overwritten(tmp_path: Path) -> None:
    record = tmp_path / "keys.json"
    record.write_text('{"format": 1, "sections": ')
    with pytest.raises(UserError, match="permanent order"):
        record_keys({"sources": {"a": ""}}, record)
    assert record.read_text() == '{"format": 1, "sections": '
