"""What holds for both databases."""

from __future__ import annotations

import datetime as dt
import json
import pickle
import sqlite3
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resources.errors import UserError
from resources.generation.reply import Reply, completion_payload, parse_reply
from resources.responses import inserting, reports
from resources.responses.packing import Packer
from resources.responses.store import Meta, ResponseStore
from resources.responses.tables import RESPONSES
from tests.resources.generation.making import asked, many


def put(store: ResponseStore, *rows: tuple[str, str], purpose: str = "") -> dict[str, Reply]:
    return store.put_many((asked(question), Reply.make(answer), Meta(purpose)) for question, answer in rows)


def test_what_was_put_comes_back_byte_for_byte(store: ResponseStore) -> None:
    choices = b'"choices":[{"message":{"content":"4","reasoning":"2+2"},"finish_reason":"length"}]'
    raw = b"{ " + choices + b', "usage":{"prompt_tokens":9}}\n'
    reply = parse_reply(raw, seconds=1.5, cost=0.25)
    store.put_many([(asked(), reply, Meta("traces"))])
    assert store.get_many([asked().key, "0" * 64]) == {asked().key: reply}
    assert store.get_many([asked().key])[asked().key].payload == raw
    stored = reports.show(store, asked().key[:9])
    assert stored.request == asked().payload
    assert (stored.purpose, stored.model, stored.sample_index) == ("traces", asked().model, 0)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=200), question=st.text(st.characters(exclude_categories=("Cs",)), max_size=50))
def test_any_text_survives(store: ResponseStore, text: str, question: str) -> None:
    request = asked(question + text.encode("utf-8", "replace").decode())
    store.put_many([(request, Reply.make(text), Meta())])
    assert store.get_many([request.key])[request.key].text == text


def test_the_first_answer_wins(store: ResponseStore) -> None:
    assert put(store, ("a", "first")) == {}
    earlier = put(store, ("a", "second"), ("b", "first"))
    assert {key: reply.text for key, reply in earlier.items()} == {asked("a").key: "first"}
    assert {reply.text for reply in store.get_many([asked("a").key, asked("b").key]).values()} == {"first"}


def test_the_first_answer_wins_inside_one_batch(store: ResponseStore) -> None:
    put(store, ("a", "first"), ("a", "second"))
    assert store.get_many([asked("a").key])[asked("a").key].text == "first"


def test_many_rows_and_lookups_at_once(store: ResponseStore) -> None:
    requests = many(1_300)
    assert store.put_many((request, Reply.make("x"), Meta()) for request in requests) == {}
    assert len(store.get_many(request.key for request in requests)) == 1_300
    assert [row.key for row in store.rows()] == sorted(request.key for request in requests)


def test_what_is_there_is_said_without_reading_it(store: ResponseStore) -> None:
    requests = many(1_200)
    assert store.has_many(request.key for request in requests) == set()
    store.put_many((request, Reply.make("x"), Meta()) for request in requests[::2])
    keys = [request.key for request in requests]
    assert store.has_many(keys + keys + ["no key"]) == set(keys[::2])
    assert store.has_many([]) == set()


def test_a_batch_of_which_some_are_stored_adds_the_others(store: ResponseStore) -> None:
    requests = many(600)
    store.put_many((request, Reply.make("first"), Meta()) for request in requests[100:300])
    earlier = store.put_many((request, Reply.make("second"), Meta()) for request in requests)
    assert earlier.keys() == {request.key for request in requests[100:300]}
    assert {reply.text for reply in earlier.values()} == {"first"}
    assert len(store.has_many(request.key for request in requests)) == 600


def test_a_clock_that_jumps_back_changes_nothing_but_the_note(
    store: ResponseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter([dt.datetime(2031, 1, 1, tzinfo=dt.UTC), dt.datetime(1970, 1, 1, tzinfo=dt.UTC)])
    clock = SimpleNamespace(UTC=dt.UTC, datetime=SimpleNamespace(now=lambda zone: next(times)))
    monkeypatch.setattr(inserting, "dt", clock)
    put(store, ("a", "first"))
    put(store, ("b", "second"))
    monkeypatch.undo()
    assert put(store, ("a", "third"))[asked("a").key].text == "first"
    made = {row.reply.text: row.created_at for row in store.rows()}
    assert made == {"first": "2031-01-01T00:00:00.000+00:00", "second": "1970-01-01T00:00:00.000+00:00"}
    assert reports.stats(store)[0].replies == 2


def test_a_store_of_the_first_format_is_read_and_written(tmp_path: Path) -> None:
    old = sqlite3.connect(tmp_path / "old.sqlite")
    old.executescript(Path(__file__).with_name("store_of_format_1.sql").read_text())
    old.close()
    with ResponseStore(f"sqlite:///{tmp_path}/old.sqlite") as store:
        reply = store.get_many([asked().key])[asked().key]
        assert (reply.text, reply.reasoning, reply.finish_reason) == ("4", "2+2 ü", "length")
        assert (reply.prompt_tokens, reply.seconds, reply.cost) == (9, 1.5, 0.25)
        assert put(store, ("b", "new"), ("c", "new")) == {}
        assert store.put_many([(asked("b", 3), Reply.make("late"), Meta())])[asked("b", 3).key].text == "answer"
        assert list(store.problems()) == []
        assert len(list(store.rows())) == 4


@given(payloads=st.lists(st.binary(max_size=3_000), max_size=20))
def test_payloads_are_packed_one_by_one_or_together_and_come_back(payloads: list[bytes]) -> None:
    packer = Packer()
    assert [packer.unpack(frame, "key", "where") for frame in packer.pack(payloads)] == payloads


def test_a_large_answer_is_kept_whole(store: ResponseStore) -> None:
    text = "".join(chr(0x21 + (i * i) % 0x2000) for i in range(1_000_000))
    put(store, ("a", text))
    assert store.get_many([asked("a").key])[asked("a").key].text == text


def test_a_reply_without_its_payload_is_refused(store: ResponseStore) -> None:
    with pytest.raises(ValueError, match="no raw payload"):
        store.put_many([(asked(), Reply("4", None, "stop"), Meta())])


def test_usage_by_model_and_purpose(store: ResponseStore) -> None:
    def reply(finish: str, cost: float | None) -> Reply:
        payload = completion_payload("x", reasoning=None, finish_reason=finish, prompt_tokens=3, completion_tokens=5)  # type: ignore[arg-type]
        return parse_reply(payload, cost=cost)

    rows = [("a", "p", "stop", 0.5), ("b", "p", "length", None), ("c", "q", "content_filter", 0.25)]
    store.put_many((asked(name), reply(finish, cost), Meta(purpose)) for name, purpose, finish, cost in rows)
    put(store, ("d", "y"), purpose="q")
    model = asked().model
    assert reports.stats(store) == [
        reports.Usage(model, "p", 2, 1, 0, 6, 10, 0.5),
        reports.Usage(model, "q", 2, 0, 1, 3, 5, 0.25),
    ]


def test_an_empty_store_has_no_usage(store: ResponseStore) -> None:
    assert reports.stats(store) == []


def test_a_key_is_found_by_its_start_or_the_user_is_told(store: ResponseStore) -> None:
    put(store, *((f"question {n}", "x") for n in range(40)))
    key = asked("question 7").key
    assert reports.show(store, key.upper()).key == key
    with pytest.raises(UserError, match="no response"):
        reports.show(store, "f" * 20)
    with pytest.raises(UserError, match="no response"):
        reports.show(store, "not hex")
    common = next(digit for digit in "0123456789abcdef" if sum(r.key[0] == digit for r in many(40)) > 1)
    with pytest.raises(UserError, match="give more of it"):
        reports.show(store, common)


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_an_export_holds_every_chosen_row(store: ResponseStore, tmp_path: Path, suffix: str) -> None:
    put(store, *((f"question {n}", f"answer ü {n}") for n in range(30)), purpose="p")
    put(store, ("other", "x"), purpose="q")
    path = tmp_path / "out" / f"responses{suffix}"
    assert reports.export(store, path, purpose="p") == 30
    read = pl.read_ndjson(path) if suffix == ".jsonl" else pl.read_parquet(path)
    assert read["key"].to_list() == sorted(asked(f"question {n}").key for n in range(30))
    assert set(read["text"]) == {f"answer ü {n}" for n in range(30)}
    assert json.loads(read["request"][0])["messages"][0]["role"] == "user"
    assert [found.name for found in path.parent.iterdir()] == [path.name]
    assert reports.export(store, path, model=asked().model) == 31


def test_an_export_to_an_unknown_kind_of_file_is_refused(store: ResponseStore, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"\.csv"):
        reports.export(store, tmp_path / "responses.csv")


def test_a_damaged_payload_is_named_and_the_others_are_read(store: ResponseStore) -> None:
    put(store, ("a", "x"), ("b", "y"))
    bad, good = asked("a").key, asked("b").key
    damage = sa.update(RESPONSES).where(RESPONSES.c.key == bad).values(reply=b"\x28\xb5\x2f\xfd not zstd")
    store._database.write(lambda connection: connection.execute(damage))
    assert store.get_many([good])[good].text == "y"
    with pytest.raises(UserError, match=bad):
        store.get_many([bad, good])
    assert [bad in problem for problem in store.problems()] == [True]


def test_a_request_that_does_not_hash_to_its_key_is_a_problem(store: ResponseStore) -> None:
    put(store, ("a", "x"))
    store._database.write(lambda connection: connection.execute(sa.update(RESPONSES).values(key="0" * 64)))
    assert ["does not hash" in problem for problem in store.problems()] == [True]


def test_a_store_of_a_newer_format_is_left_alone(store: ResponseStore, url: str) -> None:
    put(store, ("a", "x"))
    store._database.write(lambda connection: connection.execute(sa.text("UPDATE response_store_info SET value = '2'")))
    with pytest.raises(UserError, match="format 2"):
        ResponseStore(url).get_many(["0" * 64])


def test_a_store_can_be_pickled_closed_and_used_again(store: ResponseStore) -> None:
    put(store, ("a", "x"))
    copy: ResponseStore = pickle.loads(pickle.dumps(store))
    store.close()
    assert copy.get_many([asked("a").key]) == store.get_many([asked("a").key])
    copy.close()


@pytest.mark.parametrize("address", ["mysql://host/x", "responses.sqlite", "sqlite://", "sqlite:///:memory:", ""])
def test_an_address_that_cannot_hold_a_store_is_refused(address: str) -> None:
    with pytest.raises(UserError, match="response store"):
        ResponseStore(address)
