"""Small Python tests a second: a warm sandbox, a cold one, and plain Python processes without any sandbox.

`python benchmarks/bench_sandbox.py [--tests N] [--workers N]`. The test adds two numbers. Warm: sandboxes that have
started, a forked and guarded process a test. Cold: a new sandbox for every test. Plain: `python -I -S -c`, which guards
against nothing. All three with the same number of workers, in turns, the best of three rounds each, since other work on
the machine only ever slows. Bar: hundreds a second, warm.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from figures import figure, note

from resources.sandbox import Function, Sandbox, SandboxPool
from resources.sandbox.command import interpreter

TEST = Function("def add(a, b):\n    return a + b\n", "add", (40, 2))
PLAIN = "def add(a, b):\n    return a + b\nprint(add(40, 2))\n"
BAR = 200.0
ROUNDS = 3


def rate(one: Callable[[int], None], tests: int, workers: int) -> float:
    """Tests a second."""
    with ThreadPoolExecutor(workers) as threads:
        list(threads.map(one, range(workers)))
        started = time.perf_counter()
        list(threads.map(one, range(tests)))
        return tests / (time.perf_counter() - started)


def cold(_number: int) -> None:
    with SandboxPool(1) as pool:
        assert pool.run(TEST).lines()[-1] == {"value": 42}


def plain(_number: int) -> None:
    done = subprocess.run([str(interpreter()), "-I", "-S", "-c", PLAIN], capture_output=True, check=True)
    assert done.stdout == b"42\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tests", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    able = Sandbox.available()
    if not able.ok:
        note(f"no sandbox here: {able.why}. {able.fix}")
        sys.exit(0)
    with SandboxPool(asked.workers) as pool:

        def warm(_number: int) -> None:
            assert pool.run(TEST).lines()[-1] == {"value": 42}

        few = max(10, asked.tests // 10)
        rounds = [
            (rate(warm, asked.tests, asked.workers), rate(cold, few, asked.workers), rate(plain, few, asked.workers))
            for _ in range(ROUNDS)
        ]
    for number, (a, b, c) in enumerate(rounds, 1):
        note(f"round {number}: warm {a:.0f}/s, cold {b:.0f}/s, plain {c:.0f}/s")
    hot, fresh, bare = (max(column) for column in zip(*rounds, strict=True))
    beside = "python -I -S -c, no sandbox"
    bar = f">= {BAR:g}/s"
    figure("sandbox.warm", hot, "tests/s", alternative=beside, other=bare, bar=bar, holds=hot >= BAR)
    figure("sandbox.cold", fresh, "tests/s", alternative=beside, other=bare)


if __name__ == "__main__":
    main()
