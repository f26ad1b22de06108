"""A process that forks writers, each killed with kill -9 where the test says.

Run as a script: reads one JSON order a line, `{"root", "rows", "at", "url"?}`, and forks a child that publishes. The child
counts the acts on files under the root as Python's audit events tell them (open, rename, mkdir, remove, ...), and kills
itself before act number `at`. With `"after": seconds` it publishes one version after the other until it is killed from
outside, that long after the first. `{"together": [[function, argument...], ...]}` runs functions of the module `crowd`
at the same time instead. Answers with one line: how the children ended. Forking after the imports makes dozens of real
deaths cheap.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

ACTS = {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.truncate", "shutil.copyfile"}


def is_act(event: str, args: tuple[Any, ...], root: str) -> bool:
    """Whether an audit event changes something under a folder."""
    if event not in ACTS or not args:
        return False
    paths = [os.fsdecode(arg) for arg in args[:2] if isinstance(arg, (str, bytes, os.PathLike))]
    if event == "open" and isinstance(args[2], int) and not args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        return False
    return any(path.startswith(root) for path in paths)


def _work(order: dict[str, Any]) -> None:
    from resources.artifacts import ArtifactStore
    from tests.resources.artifacts.making import publish

    root, count = str(order["root"]), 0

    def watch(event: str, args: tuple[Any, ...]) -> None:
        nonlocal count
        if is_act(event, args, root):
            count += 1
            if count == order.get("at"):
                os.kill(os.getpid(), signal.SIGKILL)

    store = ArtifactStore(order.get("url", root), work=Path(root, "work"))
    sys.addaudithook(watch)
    if "after" not in order:
        publish(store, order["rows"])
        return
    rows = int(order["rows"])
    while True:
        rows += 1
        publish(store, rows)
        Path(f"{root}.started-{os.getpid()}").touch()


def _fork(work: Callable[[], None]) -> int:
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)
    return child


def _serve() -> None:
    from resources.artifacts.provenance import commit, versions
    from tests.resources.artifacts import crowd  # all imports before the first fork

    commit(), versions()
    print("ready", flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        if "together" in order:
            children = [_fork(partial(getattr(crowd, name), *args)) for name, *args in order["together"]]
        else:
            children = [_fork(partial(_work, order))]
        if "after" in order:
            while not Path(f"{order['root']}.started-{children[0]}").exists():
                time.sleep(0.005)
            time.sleep(order["after"])
            os.kill(children[0], signal.SIGKILL)
        ends = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        print(json.dumps(next((end for end in ends if end), 0)), flush=True)


class Forker:
    """Orders children and tells how they ended."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, **order: Any) -> int:
        """Exit code of the children: 0 when all ended well, -9 when one was killed."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@contextmanager
def forker() -> Iterator[Forker]:
    """The forking process, for the length of the block."""
    home = Path(__file__).resolve().parents[3]
    command = [sys.executable, "-m", "tests.resources.artifacts.forks"]
    with subprocess.Popen(command, cwd=home, stdin=-1, stdout=-1, text=True) as process:
        assert process.stdout and process.stdin
        assert process.stdout.readline().strip() == "ready"
        yield Forker(process)
        process.stdin.close()


if __name__ == "__main__":
    _serve()
