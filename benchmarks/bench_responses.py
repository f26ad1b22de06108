"""The response store against an append-only JSONL file and a plain sqlite3 table, in one run: seconds, size, ratios.

    python benchmarks/bench_responses.py [--replies 4000] [--words 300] [--repeats 3]

The same replies (about 2 kB of prose each) are written durably by all three, 64 to a commit, then every key is looked up,
500 at a time, in random order. JSONL: one line a reply, fsync after each batch, all lines read back into a dict before
the first look-up, as Curator does. sqlite3: one table with the same raw request and reply and the same durability, not
compressed, nothing parsed. The store also compresses, checks, indexes usage and gives parsed replies. `ask` is the
whole way with an engine that answers at once. The three take turns and the medians are compared.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from pydoc_data.topics import topics

from resources.generation.ask import ask
from resources.generation.model import Model
from resources.generation.reply import Reply
from resources.generation.request import Message, Request, Sampling
from resources.generation.scripted import ScriptedEngine
from resources.responses.store import Meta, ResponseStore

BATCH, LOOKUP = 64, 500
MODEL = Model(key="bench", engine="scripted", model="echo")


def made(replies: int, words: int) -> list[tuple[Request, Reply]]:
    """Requests with prose for answers."""
    draw = random.Random(7)
    text = " ".join(topics.values()).split()
    sampling = Sampling(max_tokens=4096)
    pairs = []
    for n in range(replies):
        start = draw.randrange(len(text) - words)
        request = MODEL.request([Message(role="user", content=f"question {n}")], sampling)
        pairs.append((request, Reply.make(" ".join(text[start : start + words]), completion_tokens=words)))
    return pairs


def batches(pairs: list[tuple[Request, Reply]]) -> Iterator[list[tuple[Request, Reply]]]:
    for at in range(0, len(pairs), BATCH):
        yield pairs[at : at + BATCH]


def jsonl(folder: Path, pairs: list[tuple[Request, Reply]], keys: list[str]) -> tuple[float, float, int]:
    path = folder / "responses.jsonl"

    def write() -> None:
        with path.open("ab") as file:
            for batch in batches(pairs):
                for request, reply in batch:
                    line = {"key": request.key, "request": request.payload.decode(), "reply": reply.payload.decode()}
                    file.write(json.dumps(line).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())

    def read() -> None:
        with path.open("rb") as file:
            lines = {line["key"]: line["reply"] for line in map(json.loads, file)}
        assert all(key in lines for key in keys)

    return timed(write), timed(read), path.stat().st_size


def plain(folder: Path, pairs: list[tuple[Request, Reply]], keys: list[str]) -> tuple[float, float, int]:
    path = folder / "plain.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE responses (key TEXT PRIMARY KEY, request BLOB, reply BLOB)")

    def write() -> None:
        for batch in batches(pairs):
            rows = [(request.key, request.payload, reply.payload) for request, reply in batch]
            with connection:
                connection.executemany("INSERT OR IGNORE INTO responses VALUES (?, ?, ?)", rows)

    def read() -> None:
        found = 0
        for at in range(0, len(keys), LOOKUP):
            some = keys[at : at + LOOKUP]
            marks = ",".join("?" * len(some))
            found += len(
                connection.execute(f"SELECT key, reply FROM responses WHERE key IN ({marks})", some).fetchall()
            )
        assert found == len(keys)

    result = timed(write), timed(read)
    connection.close()
    return *result, path.stat().st_size


def store(folder: Path, pairs: list[tuple[Request, Reply]], keys: list[str]) -> tuple[float, float, int]:
    path = folder / "responses.sqlite"
    opened = ResponseStore(f"sqlite:///{path}")
    opened.get_many(["0" * 64])

    def write() -> None:
        for batch in batches(pairs):
            opened.put_many((request, reply, Meta("bench")) for request, reply in batch)

    def read() -> None:
        assert sum(len(opened.get_many(keys[at : at + LOOKUP])) for at in range(0, len(keys), LOOKUP)) == len(keys)

    result = timed(write), timed(read)
    opened.close()
    return *result, path.stat().st_size


def asking(folder: Path, pairs: list[tuple[Request, Reply]]) -> tuple[float, float]:
    answers = {request.key: reply for request, reply in pairs}
    opened = ResponseStore(f"sqlite:///{folder}/ask.sqlite")
    requests = [request for request, _ in pairs]

    def run() -> None:
        engine = ScriptedEngine(MODEL, lambda request: answers[request.key])
        assert sum(1 for _ in ask(opened, lambda: engine, requests)) == len(requests)

    result = timed(run), timed(run)
    opened.close()
    return result


def timed(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replies", type=int, default=4000)
    parser.add_argument("--words", type=int, default=300)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    pairs = made(arguments.replies, arguments.words)
    keys = [request.key for request, _ in pairs]
    random.Random(1).shuffle(keys)
    ways = {"jsonl": jsonl, "sqlite3": plain, "store": store}
    writes: dict[str, list[float]] = {name: [] for name in [*ways, "ask"]}
    reads: dict[str, list[float]] = {name: [] for name in [*ways, "ask"]}
    sizes: dict[str, int] = {}
    for _ in range(arguments.repeats):
        with tempfile.TemporaryDirectory() as name:
            for way, measure in ways.items():
                write, read, sizes[way] = measure(Path(name), pairs, keys)
                writes[way].append(write)
                reads[way].append(read)
            first, again = asking(Path(name), pairs)
            writes["ask"].append(first)
            reads["ask"].append(again)
    print(f"{arguments.replies} replies, medians of {arguments.repeats}")
    base = {"write": statistics.median(writes["sqlite3"]), "read": statistics.median(reads["sqlite3"])}
    for way in writes:
        write, read = statistics.median(writes[way]), statistics.median(reads[way])
        size = f"{sizes[way] / 1e6:7.1f} MB" if way in sizes else ""
        print(
            f"{way:8} write {arguments.replies / write:8.0f}/s ({write / base['write']:.2f} times sqlite3's time)"
            f"   read {arguments.replies / read:8.0f}/s ({read / base['read']:.2f} times) {size}"
        )


if __name__ == "__main__":
    main()
