"""The thread that writes: when it commits, what it says, and what it does when it cannot."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from resources.generation.reply import Reply
from resources.generation.request import Request
from resources.responses.faults import StoreLocked, StoreUnreachable
from resources.responses.store import Meta, ResponseStore
from resources.responses.writer import BatchWriter
from tests.resources.generation.making import asked, many


class Watched(ResponseStore):
    """A store that notes how many replies come at once, and waits with them until `gate` is set."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.gate = threading.Event()
        self.batches: list[int] = []
        self.entered = threading.Event()
        self.synced_after: list[int] = []

    def put_many(self, rows: Iterable[tuple[Request, Reply, Meta]], *, sync: bool = True) -> dict[str, Reply]:
        some = list(rows)
        self.batches.append(len(some))
        self.entered.set()
        assert self.gate.wait(60)
        return super().put_many(some, sync=sync)

    def sync(self) -> None:
        self.synced_after.append(sum(self.batches))
        super().sync()


@pytest.fixture
def watched(sqlite_url: str) -> Iterator[Watched]:
    with Watched(sqlite_url) as store:
        yield store


def put(writer: BatchWriter, requests: Iterable[Request]) -> None:
    for request in requests:
        writer.put(request, Reply.make(f"to {request.key}"), Meta())


def until(holds: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_an_idle_writer_commits_at_once_and_a_busy_one_all_that_came_meanwhile(watched: Watched) -> None:
    with BatchWriter(watched) as writer:
        put(writer, many(1))
        assert watched.entered.wait(60)
        put(writer, many(300, start=1))
        assert writer.uncommitted == 301
        assert writer.committed() == []
        watched.gate.set()
        assert len(writer.flush()) == 301
        assert writer.uncommitted == 0
    assert watched.batches == [1, 256, 44]


def test_the_caller_is_told_of_each_commit_when_it_can_be_read(watched: Watched) -> None:
    told: list[tuple[str, int]] = []
    watched.gate.set()

    def on_commit() -> None:
        told.append((threading.current_thread().name, len(watched.has_many(r.key for r in many(3)))))

    with BatchWriter(watched, on_commit=on_commit) as writer:
        for n in range(3):
            put(writer, many(1, start=n))
            until(lambda n=n: len(told) == n + 1)  # type: ignore[misc]
        assert told == [("response-writer", n) for n in (1, 2, 3)]
        assert [request for request, _ in writer.committed()] == many(3)


def test_what_is_committed_reaches_the_disk_though_nothing_more_comes(watched: Watched) -> None:
    watched.gate.set()
    with BatchWriter(watched) as writer:
        put(writer, many(5))
        until(lambda: watched.synced_after)
        put(writer, many(2, start=5))
        writer.flush()
    assert watched.synced_after[-1] == 7


def test_a_writer_that_wrote_nothing_ends(watched: Watched) -> None:
    with BatchWriter(watched) as writer:
        assert writer.flush() == []
    assert watched.batches == []


def test_an_error_is_told_with_what_it_cost_and_the_caller_is_woken(tmp_path: Path, sqlite_url: str) -> None:
    woken = threading.Event()
    store = ResponseStore(sqlite_url, patience=0.5)
    store.require_writable()
    lock = sqlite3.connect(tmp_path / "responses.sqlite", isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    writer = BatchWriter(store, on_commit=woken.set)
    put(writer, many(3))
    assert woken.wait(60)
    with pytest.raises(StoreLocked, match="3 replies that had come are not stored"):
        writer.committed()
    assert writer.uncommitted == 3
    with pytest.raises(StoreLocked):
        put(writer, many(1, start=3))
    with pytest.raises(StoreLocked):
        writer.close()
    lock.rollback()


def test_an_error_of_the_callback_is_not_swallowed(sqlite_url: str) -> None:
    def broken() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), BatchWriter(ResponseStore(sqlite_url), on_commit=broken) as writer:
        put(writer, many(1))


def test_a_disk_that_fills_up_keeps_what_was_committed(sqlite_url: str) -> None:
    store = ResponseStore(sqlite_url)
    writer = BatchWriter(store)
    put(writer, many(50))
    assert len(writer.flush()) == 50
    # SQLite's own limit of the file's size gives the same error as a full disk.
    with store._database.read() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
    big = Reply.make("".join(chr(0x21 + (i * i) % 0x2000) for i in range(500_000)))
    writer.put(asked("big"), big, Meta())
    with pytest.raises(StoreUnreachable, match="disk is full; 1 replies that had come are not stored"):
        writer.flush()
    with pytest.raises(StoreUnreachable):
        writer.close()
    store.close()
    assert ResponseStore(sqlite_url).has_many(request.key for request in [*many(50), asked("big")]) == {
        request.key for request in many(50)
    }


def test_two_writers_that_share_requests_agree_on_the_answers(url: str) -> None:
    found: list[dict[str, str]] = []

    def run(me: int) -> None:
        requests = many(300) if me else many(300)[::-1]
        with ResponseStore(url) as store, BatchWriter(store, rows=16) as writer:
            for request in requests:
                writer.put(request, Reply.make(f"{me}"), Meta())
            found.append({request.key: reply.text for request, reply in writer.flush()})

    threads = [threading.Thread(target=run, args=(me,)) for me in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2
    assert found[0] == found[1]
    assert len(found[0]) == 300
