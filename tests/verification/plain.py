"""math-verify as it comes, in a child process that is killed when it hangs: what our verdicts are compared with."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from dataclasses import dataclass

_CHILD = """
import json, logging, sys, time
import math_verify
for name in ("math_verify.parser", "math_verify.grader", "math_verify.utils"):
    logging.getLogger(name).setLevel(logging.CRITICAL)
math_verify.verify(math_verify.parse("$x+1$"), math_verify.parse("$1+x$"))
print(json.dumps("ready"), flush=True)
for line in sys.stdin:
    gold, reply = json.loads(line)
    started = time.perf_counter()
    verdict, one, other = None, [], []
    try:
        one, other = math_verify.parse(f"\\\\boxed{{{gold}}}"), math_verify.parse(reply)
        verdict = math_verify.verify(one, other) if one and other else None
    except BaseException as error:
        pass
    seconds = time.perf_counter() - started
    if verdict is False:
        try:  # it also says False of what it could not compare in time, or failed to: that is no verdict
            math_verify.verify(one, other, raise_on_error=True)
        except BaseException:
            verdict = None
    print(json.dumps([verdict, seconds]), flush=True)
"""


@dataclass(frozen=True)
class Said:
    """What it said; None where it hung, failed or read nothing."""

    verdict: bool | None
    seconds: float


class Plain:
    """One child process, started again after it was killed. A context manager."""

    def __init__(self, kill_after: float) -> None:
        self.kill_after = kill_after
        self.killed = 0
        self._process: subprocess.Popen[str] | None = None

    def judge(self, gold: str, reply: str) -> Said:
        process = self._running()
        assert process.stdin and process.stdout
        started = time.perf_counter()
        process.stdin.write(json.dumps([gold, reply]) + "\n")
        process.stdin.flush()
        ready, _, _ = select.select([process.stdout], [], [], self.kill_after)
        line = process.stdout.readline() if ready else ""
        if not line:
            self.close()
            self.killed += 1
            return Said(None, time.perf_counter() - started)
        return Said(*json.loads(line))

    def close(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()

    def __enter__(self) -> Plain:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            limit = (
                "import resource; resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))"  # or it takes the machine
            )
            self._process = subprocess.Popen(
                [sys.executable, "-c", f"{limit}{_CHILD}"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )
            assert self._process.stdout
            assert json.loads(self._process.stdout.readline()) == "ready"
        return self._process
