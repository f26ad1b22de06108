"""Several processes at once, and processes that are killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from resources.generation.reply import Reply
from resources.responses.store import Meta, ResponseStore
from tests.resources.generation.making import asked, many

ROOT = Path(__file__).parents[3]

# Writer `me` answers questions me*100 .. me*100+400: each question but the outer ones has up to four writers.
WRITER = """
    import json, sys
    from resources.generation.reply import Reply
    from resources.responses.store import Meta, ResponseStore
    from tests.resources.generation.making import many

    url, me, batch = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    requests = many(400, start=me * 100)
    store = ResponseStore(url)
    sys.stdin.readline()
    for at in range(0, len(requests), batch):
        some = requests[at : at + batch]
        earlier = store.put_many((request, Reply.make(f"{me} says {request.key}"), Meta()) for request in some)
        said = {r.key: (earlier[r.key].text if r.key in earlier else f"{me} says {r.key}") for r in some}
        print(json.dumps(said), flush=True)
"""


# Answers one question after another through the writing thread and says which are committed.
STREAM = """
    import itertools, json, sys
    from resources.generation.reply import Reply
    from resources.responses.store import Meta, ResponseStore
    from resources.responses.writer import BatchWriter
    from tests.resources.generation.making import asked

    with BatchWriter(ResponseStore(sys.argv[1])) as writer:
        for n in itertools.count():
            request = asked(f"question {n}")
            writer.put(request, Reply.make(f"to {request.key}" * 50), Meta())
            if committed := [request.key for request, _ in writer.committed()]:
                print(json.dumps(committed), flush=True)
"""


def start(script: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def test_four_processes_write_at_once_and_nothing_is_lost_or_doubled(url: str) -> None:
    children = [start(WRITER, url, str(me), "16") for me in range(4)]
    # They open a store that does not exist yet, all at the same time.
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    told: list[dict[str, str]] = []
    for child in children:
        output, _ = child.communicate(timeout=120)
        assert child.returncode == 0
        told += [json.loads(line) for line in output.splitlines()]
    with ResponseStore(url) as store:
        stored = {row.key: row.reply.text for row in store.rows()}
        assert stored.keys() == {request.key for request in many(700)}
        assert all(text.endswith(key) for key, text in stored.items())
        # What each writer was told to go on with is what is stored, whoever wrote it.
        assert all(stored[key] == text for batch in told for key, text in batch.items())
        assert list(store.problems()) == []


@pytest.mark.parametrize("after", [1, 5, 12])
def test_a_kill_loses_at_most_the_batch_that_was_being_written(url: str, after: int) -> None:
    child = start(WRITER, url, "0", "16")
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write("go\n")
    child.stdin.flush()
    told: dict[str, str] = {}
    for _ in range(after):
        told |= json.loads(child.stdout.readline())
    child.send_signal(signal.SIGKILL)
    for line in child.stdout:
        if line.endswith("\n"):
            told |= json.loads(line)
    child.wait()
    with ResponseStore(url) as store:
        stored = {row.key: row.reply.text for row in store.rows()}
        assert told.items() <= stored.items()
        # One batch may have been committed and not told, and a half one never is.
        assert len(stored) - len(told) in (0, 16)
        assert list(store.problems()) == []
        store.put_many((request, Reply.make("x"), Meta()) for request in many(400))
        assert len(list(store.rows())) == 400


@pytest.mark.parametrize("after", [1, 4, 15])
def test_a_kill_of_the_writer_leaves_all_that_it_said_was_committed(url: str, after: int) -> None:
    child = start(STREAM, url)
    assert child.stdout is not None
    told: list[str] = []
    for _ in range(after):
        told += json.loads(child.stdout.readline())
    child.send_signal(signal.SIGKILL)
    for line in child.stdout:
        if line.endswith("\n"):
            told += json.loads(line)
    child.wait()
    assert len(told) == len(set(told))
    with ResponseStore(url) as store:
        assert store.has_many(told) == set(told)
        assert all(row.reply.text == f"to {row.key}" * 50 for row in store.rows())
        assert list(store.problems()) == []
        store.put_many((request, Reply.make("x"), Meta()) for request in many(200))


def test_a_forked_child_opens_its_own_connections(url: str) -> None:
    with ResponseStore(url) as store:
        store.put_many([(asked("a"), Reply.make("x"), Meta())])
        child = os.fork()
        if child == 0:
            try:
                found = store.get_many([asked("a").key])
                store.put_many([(asked("b"), Reply.make("y"), Meta())])
                store.close()
                os._exit(0 if found else 1)
            except BaseException:
                os._exit(2)
        assert os.waitpid(child, 0)[1] == 0
        assert store.get_many([asked("b").key])[asked("b").key].text == "y"
