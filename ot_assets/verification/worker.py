"""A verifier process: reads tasks as JSON lines, writes verdicts as JSON lines, and can be killed at any moment.

Run as `python -m ot_assets.verification.worker MEMORY_MB SECONDS` by the pool. For each task it writes `{"started":
n}` once what it needs is imported, `{"gold": n}` once the gold answer is read and checked against itself, and then
`{"done": n, "verdict": [...]}`; the time limit counts anew from each, so that the pool knows whether it was the gold
answer that hung. It ends when its input ends, when one of these steps takes `SECONDS` (its own alarm, should its parent
be gone), or when it is killed. It prints nothing else to its output.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import astuple
from typing import IO, Any

from ot_assets.verification import math, reading
from ot_assets.verification.verdict import Verdict, VerifyTask, failed, short
from ot_assets.verification.verify import judge


def main(memory_mb: int, seconds: int) -> None:
    """Serves tasks until the input ends."""
    output = _own_output()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole process group; the parent decides
    _limit_memory(memory_mb)
    for number, line in enumerate(sys.stdin):
        task = VerifyTask(**json.loads(line))
        _import_for(task.verifier)
        _write(output, {"started": number})
        if task.verifier == "math":
            _alarm(seconds)
            by_chance = math.prepare(task.gold).by_chance
            _write(output, {"gold": number, "by_chance": by_chance})
        _alarm(seconds)
        verdict = _judged(task)
        _alarm(0)
        _write(output, {"done": number, "verdict": list(astuple(verdict))})


def _alarm(seconds: int) -> None:
    """Ends this process after so many seconds of its own work, 0 for never; even inside a C function, by the default action."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, seconds)


def _judged(task: VerifyTask) -> Verdict:
    """The verdict, whatever happens short of the process's end."""
    try:
        return judge(task)
    except MemoryError:
        return failed(task.verifier, "the verifier ran out of memory")
    except Exception as error:
        return failed(task.verifier, f"the verifier failed: {type(error).__name__}: {short(str(error), 200)}")


def _own_output() -> IO[str]:
    """The pipe to the parent, kept apart from `print`s of libraries, which go to standard error from here on."""
    output = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return output


def _write(output: IO[str], message: dict[str, Any]) -> None:
    output.write(json.dumps(message) + "\n")
    output.flush()


def _import_for(verifier: str) -> None:
    """Imports what a verifier needs, before its clock starts."""
    if verifier in ("math", reading.NAME):
        math.warm_up()
    elif verifier == "procedural":
        import reasoning_gym  # noqa: F401


def _limit_memory(memory_mb: int) -> None:
    """Limits this process's address space, where the system can: allocations beyond it raise MemoryError."""
    try:
        import resource
    except ImportError:
        return
    limit = memory_mb * 1024 * 1024
    try:
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    except (ValueError, OSError):  # macOS refuses it, or a lower hard limit stands already
        return


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
