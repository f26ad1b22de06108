"""The response store beside the plain sqlite3 module with one JSON blob a row, in one run.

    python benchmarks/bench_responses.py [--replies 8000] [--bytes 4096] [--repeats 3] [--stored 200000]

The same replies (prose, about 4 kB each) are written by both, 256 to a commit; `durable` means that each commit waits
for the disk, `grouped` that it does so once a second, which is how `ask` writes. Then every key is looked up, 500 at a
time, in random order: first whether it is there, then its reply, parsed. The two take turns and the medians are
compared. The store also compresses, checks and indexes usage. Last, the same on a store that holds `--stored` replies,
and what `ot responses stats` asks of it, beside the same query without the index.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import sqlite3
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

from figures import figure, note

from resources.generation.model import Model
from resources.generation.reply import Reply
from resources.generation.request import Message, Request, Sampling
from resources.responses.reports import stats
from resources.responses.store import Meta, ResponseStore
from resources.responses.writer import BatchWriter

BATCH, LOOKUP = 256, 500
MODEL = Model(key="bench", engine="scripted", model="echo")
PLAIN = "plain sqlite3, one JSON blob a row"
Pair = tuple[Request, Reply]


def made(replies: int, size: int, seed: int = 7) -> list[Pair]:
    """Requests with prose of about `size` bytes for answers, their keys computed."""
    draw = random.Random(seed)
    text = " ".join(topics.values())
    sampling = Sampling(max_tokens=4096)
    pairs = []
    for n in range(replies):
        start = draw.randrange(len(text) - size)
        request = MODEL.request([Message(role="user", content=f"question {seed} {n}")], sampling)
        assert request.key
        pairs.append((request, Reply.make(text[start : start + size], completion_tokens=size // 4)))
    return pairs


def chunked(items: Sequence[Any], size: int) -> Iterator[Any]:
    for at in range(0, len(items), size):
        yield items[at : at + size]


class Plain:
    """What one would write in ten lines; commits wait for the disk when `durable`."""

    def __init__(self, path: Path, *, durable: bool = True) -> None:
        self._connection = sqlite3.connect(path)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
        self._connection.execute("CREATE TABLE IF NOT EXISTS responses (key TEXT PRIMARY KEY, body BLOB)")

    def write(self, pairs: list[Pair]) -> None:
        for batch in chunked(pairs, BATCH):
            rows = [(request.key, self._body(request, reply)) for request, reply in batch]
            with self._connection:
                self._connection.executemany("INSERT OR IGNORE INTO responses VALUES (?, ?)", rows)

    def _body(self, request: Request, reply: Reply) -> bytes:
        body = {"request": request.payload.decode(), "reply": reply.payload.decode(), "seconds": reply.seconds}
        return json.dumps(body).encode()

    def has(self, keys: list[str]) -> int:
        return sum(len(self._select("key", some)) for some in chunked(keys, LOOKUP))

    def read(self, keys: list[str]) -> int:
        bodies = (json.loads(row[1]) for some in chunked(keys, LOOKUP) for row in self._select("key, body", some))
        return sum(1 for body in bodies if json.loads(body["reply"])["choices"])

    def _select(self, what: str, keys: list[str]) -> list[Any]:
        marks = ",".join("?" * len(keys))
        return self._connection.execute(f"SELECT {what} FROM responses WHERE key IN ({marks})", keys).fetchall()

    def close(self) -> None:
        self._connection.close()


def put(store: ResponseStore, pairs: list[Pair]) -> None:
    for batch in chunked(pairs, BATCH):
        store.put_many((request, reply, Meta("bench")) for request, reply in batch)


def write_through(store: ResponseStore, pairs: list[Pair]) -> None:
    with BatchWriter(store) as writer:
        for request, reply in pairs:
            writer.put(request, reply, Meta("bench"))
        assert len(writer.flush()) == len(pairs)


def opened(path: Path) -> ResponseStore:
    store = ResponseStore(f"sqlite:///{path}")
    store.require_writable()
    return store


def timed(name: str, work: Callable[[], object]) -> float:
    """Seconds; the time on the processor goes to stderr, for a machine that others use too says little by the clock."""
    began, busy = time.perf_counter(), time.process_time()
    work()
    took = time.perf_counter() - began
    note(f"{name:14} {took:7.2f} s, of these {time.process_time() - busy:6.2f} s on the processor")
    return took


def turn(folder: Path, pairs: list[Pair], keys: list[str], took: dict[str, list[float]]) -> tuple[int, int]:
    """Each way once; the sizes of both files in bytes."""
    plain, grouped = Plain(folder / "plain.sqlite"), Plain(folder / "grouped.sqlite", durable=False)
    store, through = opened(folder / "store.sqlite"), opened(folder / "through.sqlite")
    ways: dict[str, Callable[[], object]] = {
        "plain durable": lambda: plain.write(pairs),
        "store durable": lambda: put(store, pairs),
        "plain grouped": lambda: grouped.write(pairs),
        "store grouped": lambda: write_through(through, pairs),
        "plain has": lambda: plain.has(keys),
        "store has": lambda: store.has_many(keys),
        "plain read": lambda: plain.read(keys),
        "store read": lambda: store.get_many(keys),
    }
    for name, work in ways.items():
        took[name].append(timed(name, work))
    assert store.has_many(keys) == set(keys)
    for each in (plain, grouped, store, through):
        each.close()
    return (folder / "store.sqlite").stat().st_size, (folder / "plain.sqlite").stat().st_size


def compare(pairs: list[Pair], repeats: int) -> None:
    keys = [request.key for request, _ in pairs]
    random.Random(1).shuffle(keys)
    took: dict[str, list[float]] = defaultdict(list)
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as name:
            ours, theirs = turn(Path(name), pairs, keys, took)
    rate = {name: len(pairs) / statistics.median(seconds) for name, seconds in took.items()}

    def said(name: str, what: str, unit: str, bar: float | None) -> None:
        value, other = rate[f"store {what}"], rate[f"plain {what}"]
        holds = None if bar is None else value >= bar
        figure(
            name, value, unit, alternative=PLAIN, other=other, bar=f"at least {bar:,.0f}" if bar else "", holds=holds
        )

    said("responses: writes of 4 kB, each commit on the disk", "durable", "replies/s", 5_000)
    said("responses: writes of 4 kB through the writer", "grouped", "replies/s", 5_000)
    said("responses: existence checks", "has", "keys/s", 20_000)
    said("responses: replies read and parsed", "read", "replies/s", None)
    figure("responses: size of the store", ours / 1e6, "MB", alternative=PLAIN, other=theirs / 1e6)


def fill(store: Path, plain: Path, rows: int) -> list[str]:
    """Rows as both write them, without the time that it takes to make them; their keys."""
    draw = random.Random(3)
    body = draw.randbytes(1_900)
    keys = sorted(hashlib.sha256(b"%d" % n).hexdigest() for n in range(rows))
    ours = (
        (key, f"model{n % 4}:echo", "", "chat", 0, f"traces source{n % 5}|r1", "stop", draw.randrange(300),
         draw.randrange(4_000), 0.01, 1.2, "2026-01-01T00:00:00.000+00:00", body[:200], body)
        for n, key in enumerate(keys)
    )  # fmt: skip
    for path, values, marks in ((store, ours, 14), (plain, ((key, body) for key in keys), 2)):
        connection = sqlite3.connect(path)
        with connection:
            connection.executemany(f"INSERT INTO responses VALUES ({','.join('?' * marks)})", values)
        connection.close()
    return keys


def filled(pairs: list[Pair], rows: int) -> None:
    """The same figures on a store that holds `rows` replies already."""
    with tempfile.TemporaryDirectory() as name:
        folder, full = Path(name), f"a store of {rows:,}"
        store, plain = opened(folder / "store.sqlite"), Plain(folder / "plain.sqlite", durable=False)
        keys = random.Random(2).sample(fill(folder / "store.sqlite", folder / "plain.sqlite", rows), min(rows, 50_000))
        other = len(pairs) / timed("plain", lambda: plain.write(pairs))
        writes = len(pairs) / timed("store", lambda: write_through(store, pairs))
        figure(
            f"responses: writes through the writer into {full}", writes, "replies/s", alternative=PLAIN, other=other,
            bar="at least 5,000", holds=writes >= 5_000,
        )  # fmt: skip
        other = len(keys) / timed("plain", lambda: plain.has(keys))
        checks = len(keys) / timed("store", lambda: store.has_many(keys))
        figure(
            f"responses: existence checks in {full}", checks, "keys/s", alternative=PLAIN, other=other,
            bar="at least 20,000", holds=checks >= 20_000,
        )  # fmt: skip
        took = timed("store", lambda: stats(store))
        scan = "SELECT model, purpose, count(*), sum(cost) FROM responses NOT INDEXED GROUP BY model, purpose"
        connection = sqlite3.connect(folder / "store.sqlite")
        scanned = timed("plain", lambda: connection.execute(scan).fetchall())
        figure(
            f"responses: usage by model and purpose of {full}", took, "s", alternative="a scan without the index",
            other=scanned, bar="at most 2", holds=took <= 2,
        )  # fmt: skip
        connection.close()
        plain.close()
        store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replies", type=int, default=8_000)
    parser.add_argument("--bytes", type=int, default=4_096)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--stored", type=int, default=200_000, help="0 leaves the filled store out")
    arguments = parser.parse_args()
    pairs = made(arguments.replies, arguments.bytes)
    note(f"{arguments.replies} replies of {len(pairs[0][1].payload)} bytes, medians of {arguments.repeats}")
    compare(pairs, arguments.repeats)
    if arguments.stored:
        filled(made(arguments.replies, arguments.bytes, seed=8), arguments.stored)


if __name__ == "__main__":
    main()
