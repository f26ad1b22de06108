"""The event log, over SQLite and over PostgreSQL."""

from __future__ import annotations

import json
import multiprocessing
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from resources.contributions.book import TaskBook
from resources.contributions.log import Behind, EventLog, Place
from resources.errors import UserError
from resources.home import Home
from tests.resources.responses.conftest import postgres_server, postgres_url  # noqa: F401

DAY = "2026-01-02T00:00:00.000+00:00"


def line(name: str, **more: Any) -> dict[str, Any]:
    said = {"event_id": name, "kind": "prompt_submitted", "at": DAY, "language": "en", "user_id": "ann"}
    return {**said, "tree_id": name, "message_id": name, "text": f"prompt {name}", **more}


@pytest.fixture(params=["sqlite", "postgresql"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EventLog]:
    url = f"sqlite:///{tmp_path}/crowd/events.sqlite"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    with EventLog(url, patience=20) as opened:
        yield opened


def names(log: EventLog, language: str = "en", after: int = 0) -> list[str]:
    return [said["event_id"] for _, said in log.read(language, after)]


def test_what_is_appended_is_read_in_order_and_only_once(log: EventLog):
    assert [done.said for done in log.append([line("a"), line("b")])] == ["added", "added"]
    again = log.append([line("c"), line("b"), line("a", text="another"), line("c")])
    assert [done.said for done in again] == ["added", "there", "another", "there"]
    assert names(log) == ["a", "b", "c"]
    assert next(log.read("en")) == (1, line("a"))
    assert names(log, after=2) == ["c"]


def test_the_order_of_keys_makes_no_other_event(log: EventLog):
    log.append([line("a")])
    turned = dict(reversed(line("a").items()))
    assert log.append([turned])[0].said == "there"


def test_times_never_go_back_within_a_language_and_its_sisters(log: EventLog):
    log.append([line("a"), line("d", language="de", at="2026-05-01T00:00:00Z")])
    early = "2026-01-01T23:59:59+00:00"
    late = log.append(
        [line("b", at=early), line("c", at="2026-01-02T02:00:00+02:00"), line("e", language="de", at=early)]
    )
    assert [done.said for done in late] == ["out_of_order", "added", "out_of_order"]
    assert names(log) == ["a", "c"]
    log.append([line("p", language="pt", at="2026-03-01T00:00:00Z")])
    assert log.append([line("q", language="pt-BR", at=DAY)])[0].said == "out_of_order"


def test_a_language_takes_its_more_special_tags_and_no_others(log: EventLog):
    log.append([line("a", language="pt"), line("b", language="pt-BR"), line("c", language="pt-PT"), line("d")])
    assert names(log, "pt") == ["a", "b", "c"]
    assert names(log, "pt-BR") == ["b"]
    assert log.last("fr") is None
    assert log.place("pt").seq == 3


def test_who_is_behind_appends_nothing(log: EventLog):
    assert log.place("en") == Place()
    (done,) = log.append([line("a")], after=Place())
    with pytest.raises(Behind):
        log.append([line("b")], after=Place())
    assert names(log) == ["a"]
    place = log.place("en")
    assert place.seq == done.seq
    assert log.append([line("c")], after=place)[0].said == "added"
    log.append([line("x", language="de")])
    assert log.append([line("d")], after=log.place("en"))[0].said == "added"  # another language moves nothing


def test_a_refused_line_is_none_of_ours(log: EventLog):
    for wrong in ({}, line("a", at="2026-01-02"), line("a", event_id=None), {**line("a"), "at": 5}):
        with pytest.raises(ValueError, match=r"an event's|isoformat|Invalid"):
            log.append([line("z"), wrong])
    assert names(log) == []


def test_a_purge_takes_one_person_out_and_leaves_no_byte(log: EventLog):
    log.append([line("a"), line("b", user_id="ben", text="kept")])
    log.append([{**line("edit", user_id="mod"), "kind": "message_edited", "message_id": "a", "tree_id": "a"}])
    log.append([{**line("note", user_id="mod"), "kind": "message_edited", "message_id": "b", "tree_id": "b"}])
    TaskBook(log, "en").keep({"task_id": "t", "user_id": "ann", "expires": 10})
    before = log.last("en")
    note = {"event_id": "p", "kind": "user_purged", "at": DAY, "language": "en", "about_user": "sha256:0"}
    assert log.purge("ann", [note]) == 2  # the prompt, and the moderator's version of it
    assert names(log) == ["b", "note", "p"]
    assert log.last("en") != before
    assert TaskBook(log, "en").open(0) == []
    assert log.languages("ann") == []
    if log.database.is_sqlite:
        log.close()
        for file in Path(log.where).parent.iterdir():
            assert b"prompt a" not in file.read_bytes()
            assert b"prompt edit" not in file.read_bytes()
    (done,) = log.append([line("c")])
    assert done.seq == 6  # numbers are not used again


def test_a_moderator_who_is_purged_leaves_their_purges_behind(log: EventLog):
    def note(name: str, about: str, by: str | None, at: str = DAY, language: str = "en") -> dict[str, Any]:
        said = {"event_id": name, "kind": "user_purged", "at": at, "language": language, "about_user": about}
        return {**said, **({"user_id": by} if by else {})}

    later = "2026-01-03T00:00:00.000+00:00"
    log.append([line("a"), line("m", user_id="mod"), note("forged", "sha256:2", "mod")])
    log.purge("ann", [note("p1", "sha256:0", "mod"), note("p2", "sha256:0", "mod", language="de")])
    assert log.purge("mod", [note("p3", "sha256:1", "boss", later)], uncounted={"forged"}) == 2
    found = [said for _, said in log.read("en")]
    assert found == [note("p1", "sha256:0", "boss", later), note("p3", "sha256:1", "boss", later)]
    assert [said for _, said in log.read("de")] == [
        note("p2", "sha256:0", "boss", language="de")
    ]  # at the last time there
    assert log.languages("mod") == [] and log.languages("boss") == ["de", "en"]
    assert log.append([note("p1", "sha256:0", "mod")])[0].said == "another"
    assert log.purge("boss") == 0
    assert [said.get("user_id") for _, said in log.read("en")] == [None, None]


def test_a_purge_whose_note_comes_too_late_does_nothing(log: EventLog):
    log.append([line("a"), line("b", user_id="ben")])
    note = {"event_id": "p", "kind": "user_purged", "at": "2020-01-01T00:00:00Z", "language": "en", "about_user": "x"}
    with pytest.raises(Behind):
        log.purge("ann", [note])
    assert names(log) == ["a", "b"]


def test_tasks_are_kept_until_they_are_closed_or_have_expired(log: EventLog):
    book = TaskBook(log, "en")
    for name, expires in (("a", 10), ("b", 20), ("c", 30)):
        book.keep({"task_id": name, "user_id": "ann", "expires": expires, "kind": "prompt"})
    TaskBook(log, "de").keep({"task_id": "d", "user_id": "ann", "expires": 10})
    book.close("c")
    assert [task["task_id"] for task in book.open(10)] == ["b"]
    assert [task["task_id"] for task in TaskBook(log, "de").open(0)] == ["d"]


def test_threads_that_append_at_once_lose_nothing(log: EventLog):
    def some(worker: int) -> None:
        for number in range(20):
            assert log.append([line(f"{worker}-{number}")], sync=False)[0].said == "added"

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(some, range(4)))
    found = list(log.read("en"))
    assert [seq for seq, _ in found] == list(range(1, 81))
    assert len({said["event_id"] for _, said in found}) == 80


def _append(url: str, worker: int) -> None:
    with EventLog(url) as log:
        for number in range(15):
            log.append([line(f"{worker}-{number}")], sync=False)


def test_processes_that_append_at_once_lose_nothing(tmp_path: Path):
    url = f"sqlite:///{tmp_path}/events.sqlite"
    started = [multiprocessing.get_context("fork").Process(target=_append, args=(url, worker)) for worker in range(3)]
    for process in started:
        process.start()
    for process in started:
        process.join(60)
        assert process.exitcode == 0
    assert len(names(EventLog(url))) == 45


def test_asking_makes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("OT_CROWD_URL", raising=False)
    log = EventLog.of(Home(tmp_path / "home"))
    assert list(log.read("en")) == [] and log.last("en") is None and log.languages("ann") == []
    assert not (tmp_path / "home").exists()
    monkeypatch.setenv("OT_CROWD_URL", f"sqlite:///{tmp_path}/elsewhere.sqlite")
    assert EventLog.of(Home(tmp_path)).where == f"{tmp_path}/elsewhere.sqlite"


@pytest.mark.parametrize(
    ("url", "told"),
    [("mysql://x/y", "event log: mysql is not supported"), ("sqlite://", "event log: a store in memory")],
)
def test_addresses_that_are_none(url: str, told: str):
    with pytest.raises(UserError, match=told):
        EventLog(url)


def test_a_log_of_a_newer_format_is_left_alone(tmp_path: Path):
    file = tmp_path / "events.sqlite"
    EventLog(f"sqlite:///{file}").append([line("a")])
    with sqlite3.connect(file) as connection:
        connection.execute("update crowd_info set value = '99' where name = 'format'")
    with pytest.raises(UserError, match=r"event log .*: format 99"):
        EventLog(f"sqlite:///{file}").append([line("b")])


def test_a_damaged_file_is_named(tmp_path: Path):
    (tmp_path / "events.sqlite").write_bytes(b"no database" * 500)
    with pytest.raises(UserError, match=r"event log .*events\.sqlite: damaged"):
        list(EventLog(f"sqlite:///{tmp_path}/events.sqlite").read("en"))


def test_texts_of_all_kinds_come_back_as_they_were(log: EventLog):
    texts = ["ünïcode 🎉 \u202e", "tab\tline\nend", '"quoted" \\ back', "\u0001 control", json.dumps({"a": None})]
    log.append([line(str(number), text=text) for number, text in enumerate(texts)])
    assert [said["text"] for _, said in log.read("en")] == texts
    tree = {"event_id": "i", "kind": "tree_imported", "at": DAY, "language": "en", "tree": {"a": "\ud800 \0"}}
    log.append([tree])
    assert list(log.read("en"))[-1][1] == tree
