"""What a user sees when the file or the server is not as it should be."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from resources.errors import UserError
from resources.generation.ask import ask
from resources.generation.reply import Reply
from resources.generation.scripted import ScriptedEngine
from resources.responses.faults import StoreDamaged, StoreLocked, StoreUnreachable
from resources.responses.store import Meta, ResponseStore
from resources.responses.writer import BatchWriter
from tests.resources.generation.making import SCRIPTED, asked, many


def fill(url: str, rows: int = 200) -> None:
    with ResponseStore(url) as store:
        store.put_many((request, Reply.make(f"answer {request.key}" * 20), Meta()) for request in many(rows))


def holder(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("BEGIN EXCLUSIVE")
    return connection


def test_a_lock_that_goes_away_is_waited_for(tmp_path: Path, sqlite_url: str) -> None:
    fill(sqlite_url, 1)
    lock = holder(tmp_path / "responses.sqlite")
    threading.Timer(1.0, lock.rollback).start()
    with ResponseStore(sqlite_url, patience=60) as store:
        store.put_many([(asked(), Reply.make("x"), Meta())])
        assert asked().key in store.get_many([asked().key])


def test_a_lock_that_stays_is_named_after_a_bounded_time(tmp_path: Path, sqlite_url: str) -> None:
    fill(sqlite_url, 1)
    lock = holder(tmp_path / "responses.sqlite")
    began = time.monotonic()
    with pytest.raises(StoreLocked, match=r"responses\.sqlite.*held by another process") as said:
        ResponseStore(sqlite_url, patience=1).put_many([(asked(), Reply.make("x"), Meta())])
    assert time.monotonic() - began < 30
    assert "fuser" in str(said.value)
    lock.rollback()


def test_ask_stops_with_the_lock_and_goes_on_when_it_is_gone(tmp_path: Path, sqlite_url: str) -> None:
    fill(sqlite_url, 1)
    store = ResponseStore(sqlite_url, patience=1)
    store.get_many(["0" * 64])
    lock = holder(tmp_path / "responses.sqlite")
    with pytest.raises(StoreLocked):
        list(ask(store, lambda: ScriptedEngine(SCRIPTED), many(5, start=900)))
    lock.rollback()
    assert len(list(ask(store, lambda: ScriptedEngine(SCRIPTED), many(5, start=900)))) == 5


def overwrite(where: Callable[[int], slice]) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        content = bytearray(path.read_bytes())
        hole = where(len(content))
        content[hole] = b"\xa5" * (hole.stop - hole.start)
        path.write_bytes(content)

    return damage


@pytest.mark.parametrize(
    "damage",
    [
        overwrite(lambda size: slice(0, 100)),
        overwrite(lambda size: slice(4096, size)),
        lambda path: path.write_bytes(path.read_bytes()[: 3 * 4096 + 17]),
        lambda path: path.write_text("this is no database, it is a text file that someone saved under this name"),
    ],
    ids=["header", "pages", "cut", "text"],
)
def test_a_damaged_file_is_named_with_a_way_out_and_not_touched(
    tmp_path: Path, sqlite_url: str, damage: Callable[[Path], None]
) -> None:
    fill(sqlite_url)
    path = tmp_path / "responses.sqlite"
    damage(path)
    before = path.read_bytes()
    with pytest.raises(StoreDamaged, match=r"responses\.sqlite: damaged") as said:
        list(ask(ResponseStore(sqlite_url), lambda: ScriptedEngine(SCRIPTED), many(300)))
    assert ".recover" in str(said.value)
    assert path.read_bytes() == before


def test_a_missing_file_is_made_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "responses.sqlite"
    with pytest.raises(StoreUnreachable, match="there is no such file"):
        ResponseStore(f"sqlite:///{path}", create=False).get_many(["0" * 64])
    assert not path.parent.exists()
    ResponseStore(f"sqlite:///{path}").get_many(["0" * 64])
    assert path.exists()


def test_a_full_disk_is_named_and_what_was_stored_stays(sqlite_url: str) -> None:
    fill(sqlite_url, 50)
    store = ResponseStore(sqlite_url)
    # SQLite's own limit of the file's size gives the same error as a full disk.
    with store._database.read() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
    big = Reply.make("".join(chr(0x21 + (i * i) % 0x2000) for i in range(500_000)))
    with pytest.raises(StoreUnreachable, match="disk is full"):
        store.put_many([(asked("big"), big, Meta())])
    assert len(list(store.rows())) == 50


def test_a_server_that_is_not_there_is_named_without_the_password() -> None:
    pytest.importorskip("psycopg")
    store = ResponseStore("postgresql://someone:secret@127.0.0.1:9/responses", patience=0.2)
    with pytest.raises(StoreUnreachable, match=r"127\.0\.0\.1:9/responses") as said:
        store.get_many(["0" * 64])
    assert "secret" not in str(said.value)


def test_a_lost_connection_to_the_server_is_made_again(postgres_url: str) -> None:
    import psycopg

    with ResponseStore(postgres_url, patience=20) as store:
        store.put_many([(asked("a"), Reply.make("x"), Meta())])
        with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as admin:
            others = "pid <> pg_backend_pid() AND datname = current_database()"
            admin.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")
        store.put_many([(asked("b"), Reply.make("y"), Meta())])
        assert len(store.get_many([asked("a").key, asked("b").key])) == 2


def test_the_writers_error_reaches_its_caller_once_and_with_the_first_cause(tmp_path: Path, sqlite_url: str) -> None:
    fill(sqlite_url, 1)
    store = ResponseStore(sqlite_url, patience=0.5)
    store.get_many(["0" * 64])
    lock = holder(tmp_path / "responses.sqlite")
    with pytest.raises(StoreLocked), BatchWriter(store) as writer:
        writer.put(asked(), Reply.make("x"), Meta())
        writer.flush()
    with pytest.raises(ValueError, match="first") as said, BatchWriter(store) as writer:
        writer.put(asked(), Reply.make("x"), Meta())
        raise ValueError("first")
    assert "could not be stored" in "".join(said.value.__notes__)
    lock.rollback()


def test_the_writer_commits_within_a_second_though_nothing_more_comes(sqlite_url: str) -> None:
    store = ResponseStore(sqlite_url)
    with BatchWriter(store) as writer:
        writer.put(asked(), Reply.make("x"), Meta())
        until = time.monotonic() + 30
        while not store.get_many([asked().key]):
            assert time.monotonic() < until
            time.sleep(0.01)
        assert [request for request, _ in writer.flush()] == [asked()]


def test_without_psycopg_the_user_is_told_what_to_install(sqlite_url: str) -> None:
    script = """
        import sys
        sys.modules["psycopg"] = None
        from resources.responses.store import ResponseStore
        try:
            ResponseStore("postgresql://127.0.0.1:9/x").get_many(["0"])
        except Exception as error:
            print(type(error).__name__, error)
    """
    child = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=True)
    assert child.stdout.startswith("StoreUnreachable")
    assert "ot-assets[postgres]" in child.stdout


def test_faults_of_the_user_are_user_errors() -> None:
    assert issubclass(StoreLocked, UserError)
    assert issubclass(StoreDamaged, UserError)
    assert issubclass(StoreUnreachable, UserError)
