"""The way of a request through `ask` and the HTTP engine, everything stored, beside a bare aiohttp loop that stores nothing.

    python benchmarks/bench_transport.py [--requests 2000] [--kills 10] [--full]

Server and client are two processes on this machine. Figures: the time from the first request to the last answer over the
ideal ceil(n/c) x latency at 50 ms; requests a second at 5 ms; the time with 429, 500, dropped, malformed and hanging calls
beside a bare loop with retries; memory per request from 10,000 to 100,000 requests (--full: to a million); and what a
SIGKILL at a random moment costs (--full: 50 of them).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
from figures import figure, note

from resources.generation.ask import ask
from resources.generation.model import Model
from resources.generation.openai_engine import OpenAIEngine
from resources.generation.reply import MalformedReply, Reply, parse_reply
from resources.generation.request import Message, Request, Sampling
from resources.responses.store import ResponseStore

HERE = Path(__file__).parent
CONCURRENCY = 64
SAMPLING = Sampling(max_tokens=512)
HANG = 2.0


def model(url: str, **options: object) -> Model:
    settings = {"concurrency": CONCURRENCY, "timeout": HANG, "backoff": 0.1, "max_backoff": 1.0, "grace": 0.0}
    return Model(key="bench", engine="openai", model="org/Teacher", base_url=url, options=settings | options)


def questions(asked: Model, count: int) -> Iterator[Request]:
    for n in range(count):
        yield asked.request([Message(role="user", content=f"question {n}")], SAMPLING)


@contextmanager
def server(seconds: float, *, faults: int | None = None, counts: Path | None = None) -> Iterator[str]:
    command = [sys.executable, str(HERE / "transport_server.py"), "--seconds", str(seconds)]
    command += ["--faults", str(faults)] if faults is not None else []
    command += ["--counts", str(counts)] if counts is not None else []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
        finally:
            process.kill()


def ours(url: str, count: int, store: ResponseStore) -> tuple[float, int]:
    """Seconds from the first request to the last answer, and how many replies came."""
    asked = model(url)
    engine = OpenAIEngine(asked)
    store.require_writable()
    began = time.perf_counter()
    replies = sum(
        isinstance(result, Reply) for _, result in ask(store, lambda: engine, questions(asked, count), total=count)
    )
    return time.perf_counter() - began, replies


async def _bare(url: str, count: int) -> float:
    """So many workers, each with one call under way; what fails is tried again after a jittered, growing pause."""
    source = iter(range(count))
    body = {"model": "org/Teacher", "temperature": 1.0, "top_p": 1.0, "max_tokens": 512}
    timeout = aiohttp.ClientTimeout(total=HANG)

    async def call(session: aiohttp.ClientSession, n: int) -> None:
        said = body | {"messages": [{"role": "user", "content": f"question {n}"}]}
        for tries in range(20):
            try:
                async with session.post(f"{url}/chat/completions", json=said) as response:
                    if response.status == 200:
                        parse_reply(await response.read())
                        return
                    await response.read()
            except (aiohttp.ClientError, TimeoutError, MalformedReply):
                pass
            await asyncio.sleep(min(1.0, 0.1 * 2**tries) * random.uniform(0.5, 1.0))

    async def worker(session: aiohttp.ClientSession) -> None:
        for n in source:
            await call(session, n)

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        began = time.perf_counter()
        await asyncio.gather(*(worker(session) for _ in range(CONCURRENCY)))
        return time.perf_counter() - began


def bare(url: str, count: int) -> float:
    return asyncio.run(_bare(url, count))


def opened(folder: str, name: str) -> ResponseStore:
    return ResponseStore(f"sqlite:///{folder}/{name}.sqlite")


def speed(count: int, repeats: int) -> None:
    """Both latencies, in turns."""
    for seconds in (0.05, 0.005):
        mine: list[float] = []
        theirs: list[float] = []
        with server(seconds) as url, tempfile.TemporaryDirectory() as folder:
            for n in range(repeats):
                theirs.append(bare(url, count))
                with opened(folder, f"speed{n}") as store:
                    took, replies = ours(url, count, store)
                assert replies == count
                mine.append(took)
        took, other = statistics.median(mine), statistics.median(theirs)
        if seconds == 0.05:
            ideal = math.ceil(count / CONCURRENCY) * seconds
            figure(
                "transport_50ms_over_ideal", took / ideal, "x", alternative="bare aiohttp loop, stores nothing",
                other=other / ideal, bar="<= 1.15 x ceil(n/c) x latency", holds=took / ideal <= 1.15,
            )  # fmt: skip
        else:
            figure(
                "transport_5ms_rate", count / took, "requests/s", alternative="bare aiohttp loop, stores nothing",
                other=count / other, bar=">= 2000 requests/s, all stored", holds=count / took >= 2000,
            )  # fmt: skip


def faults(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        with server(0.05, faults=11) as url:
            other = bare(url, count)
        counts = Path(folder) / "counts"
        with server(0.05, faults=11, counts=counts) as url, opened(folder, "faults") as store:
            took, replies = ours(url, count, store)
        lines = counts.read_text().split("\n")[:-1]
    malformed = sum(line.startswith("half ") for line in lines)
    again = len(lines) - malformed - count
    note(f"faults: {replies} of {count} replies in one start; {malformed} malformed, {again} good answers sent again")
    figure(
        "transport_faults_wall", took, "s", alternative="bare aiohttp loop with retries, stores nothing", other=other,
        bar="<= 1.5 x, everything arrives", holds=replies == count and took <= 1.5 * other,
    )  # fmt: skip
    figure(
        "transport_faults_paid_twice", again, "requests", alternative="malformed replies, asked again", other=malformed,
        bar="0: only malformed replies are paid twice", holds=again == 0,
    )  # fmt: skip


MEMORY = """
    import resource, sys
    from bench_transport import model, questions
    from resources.generation.ask import ask
    from resources.generation.openai_engine import OpenAIEngine
    from resources.responses.store import ResponseStore
    asked = model(sys.argv[1], timeout=60)
    first, last = int(sys.argv[3]), int(sys.argv[4])
    done, at_first = 0, 0
    with ResponseStore(sys.argv[2]) as store:
        for _ in ask(store, lambda: OpenAIEngine(asked), questions(asked, last), total=last):
            done += 1
            if done in (first, last):
                print(open("/proc/self/statm").read().split()[1], flush=True)
"""


def memory(last: int) -> None:
    first = min(10_000, last // 10)
    with tempfile.TemporaryDirectory() as folder, server(0.0) as url:
        command = [sys.executable, "-c", _dedented(MEMORY), url, f"sqlite:///{folder}/m.sqlite", str(first), str(last)]
        said = subprocess.run(command, capture_output=True, text=True, check=True, cwd=HERE).stdout.split()
    pages = [int(line) * os.sysconf("SC_PAGE_SIZE") for line in said]
    grown = pages[1] - pages[0]
    note(f"memory: {pages[0] / 1e6:.1f} MB after {first:,} requests, {pages[1] / 1e6:.1f} MB after {last:,}")
    figure(
        "transport_memory_slope", grown / (last - first), "bytes/request", alternative="holding each reply's body",
        other=len(chat_bytes()), bar=f"<= 64 MB more after {last:,} than after {first:,} requests (SQLite's cache is 32)",
        holds=grown <= 64_000_000,
    )  # fmt: skip


def chat_bytes() -> bytes:
    from transport_server import chat_reply

    return chat_reply("question 1000")


ASKING = """
    import sys
    from bench_transport import model, questions
    from resources.generation.ask import ask
    from resources.generation.openai_engine import OpenAIEngine
    from resources.responses.store import ResponseStore
    asked = model(sys.argv[1], timeout=60)
    print("ready", flush=True)
    with ResponseStore(sys.argv[2]) as store:
        for _ in ask(store, lambda: OpenAIEngine(asked), questions(asked, int(sys.argv[3]))):
            pass
"""


def killed_once(folder: str, n: int, count: int, draw: random.Random) -> tuple[int, int, int]:
    """Requests answered more than once, requests with no stored reply, replies stored more than once."""
    counts, url_of = Path(folder) / f"counts{n}", f"sqlite:///{folder}/kill{n}.sqlite"
    with server(0.02, counts=counts) as url:
        command = [sys.executable, "-c", _dedented(ASKING), url, url_of, str(count)]
        first = subprocess.Popen(command, cwd=HERE, stdout=subprocess.PIPE)
        assert first.stdout is not None
        first.stdout.readline()
        time.sleep(draw.uniform(0.05, 1.0))
        first.send_signal(signal.SIGKILL)
        first.wait()
        subprocess.run(command, cwd=HERE, check=True, stdout=subprocess.DEVNULL)
    sent = Counter(counts.read_text().split("\n")[:-1])
    with ResponseStore(url_of) as store:
        kept = Counter(json.loads(row.request)["messages"][0]["content"] for row in store.rows())
    return sum(sent.values()) - len(sent), count - len(kept), sum(kept.values()) - len(kept)


def kills(times: int, count: int) -> None:
    draw = random.Random()
    with tempfile.TemporaryDirectory() as folder:
        came = [killed_once(folder, n, count, draw) for n in range(times)]
    again = [one[0] for one in came]
    lost, double = sum(one[1] for one in came), sum(one[2] for one in came)
    note(f"kills: sent again {sorted(again)}, lost {lost}, stored twice {double}")
    figure(
        "transport_kill_sent_again", max(again), "requests (worst kill)", alternative="calls under way at once",
        other=CONCURRENCY, bar=f"<= {CONCURRENCY}, none lost, none twice, {times} kills",
        holds=max(again) <= CONCURRENCY and lost == double == 0,
    )  # fmt: skip


def _dedented(code: str) -> str:
    return "\n".join(line.removeprefix("    ") for line in code.splitlines())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--memory", type=int, default=100_000)
    parser.add_argument("--full", action="store_true", help="50 kills, a million requests")
    parser.add_argument("--only", choices=["speed", "faults", "memory", "kills"])
    arguments = parser.parse_args()
    if arguments.only in (None, "speed"):
        speed(arguments.requests, arguments.repeats)
    if arguments.only in (None, "faults"):
        faults(arguments.requests)
    if arguments.only in (None, "memory"):
        memory(1_000_000 if arguments.full else arguments.memory)
    if arguments.only in (None, "kills"):
        kills(50 if arguments.full else arguments.kills, 1500)


if __name__ == "__main__":
    main()
