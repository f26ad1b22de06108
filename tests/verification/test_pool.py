from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from ot_assets.verification import Limits, VerifierPool, VerifyTask, verify, verify_many
from ot_assets.verification import child as child_module
from ot_assets.verification import worker as worker_module
from resources.errors import UserError

OPTIONS = '{"options": {"A": "one", "B": "two"}}'
SUM = '{"config": {}, "dataset": "chain_sum", "metadata": {}}'


def math(gold: str, answer: str | None) -> VerifyTask:
    return VerifyTask("math", None, gold, answer)


@pytest.fixture(scope="module")
def pool() -> Iterator[VerifierPool]:
    with VerifierPool(2, Limits(seconds=3)) as pool:
        yield pool


def test_verdicts_come_in_order_and_equal_those_of_this_process(pool: VerifierPool) -> None:
    tasks = [
        math("12", "12"),
        VerifyTask("choice", OPTIONS, "A", "B"),
        math("x+1", r"\boxed{1+x}"),
        VerifyTask("procedural", SUM, "7", "The answer is 7"),
        VerifyTask("code", None, "1", "x"),
        VerifyTask("none", None, None, "x"),
        math("ü 5 €", "\ud83d\ude00 \\boxed{5}"),
        math("5", None),
    ] * 5
    verdicts = list(pool.verify_many(tasks))
    assert verdicts == [verify(t.verifier, t.verifier_args, t.gold, t.answer) for t in tasks]
    assert verdicts[4].verdict == "unverifiable"
    assert verdicts[4].reason == "verifier_args holds no tests"


def test_what_hangs_is_killed_and_the_pool_goes_on() -> None:
    hostile = [
        r"\boxed{9^{9^{9^{9}}}}",
        "The answer is 10**10**10 + 1",
        r"\boxed{(10^{9})!}",
        r"\boxed{\sum_{i=1}^{10^{12}} \sin(i)}",
    ]
    tasks = [math("y+1", answer) for answer in hostile] + [math("y+2", r"\boxed{2+y}")]
    *hung, fine = verify_many(tasks, workers=2, limits=Limits(seconds=1))
    assert [v.verdict for v in hung] == ["verifier_failed"] * len(hostile)
    assert all("killed" in v.reason or "memory" in v.reason for v in hung)
    assert fine.correct


def test_a_worker_that_dies_of_a_task_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    script = (
        "import json, os, signal, sys\n"
        "for n, line in enumerate(sys.stdin):\n"
        "    print(json.dumps({'started': n}), flush=True)\n"
        "    print(json.dumps({'gold': n}), flush=True)\n"
        "    if 'die' in line: os.kill(os.getpid(), signal.SIGSEGV)\n"
        "    print(json.dumps({'done': n, 'verdict': ['correct', 'math', str(os.getpid()), 'fine']}), flush=True)\n"
    )
    real = child_module.subprocess.Popen
    started: list[int] = []

    def start(command: list[str], **more: object) -> object:
        process = real([sys.executable, "-c", script], **more)  # type: ignore[call-overload]
        started.append(process.pid)
        return process

    monkeypatch.setattr(child_module.subprocess, "Popen", start)
    first, dead, last = verify_many([math("1", "a"), math("1", "die"), math("1", "b")], workers=1)
    assert first.correct
    assert last.correct
    assert dead.verdict == "verifier_failed"
    assert "SIGSEGV" in dead.reason
    assert len(started) == 3  # the task that kills was tried twice
    assert first.extracted != last.extracted


def test_a_worker_killed_from_outside_costs_nothing() -> None:
    with VerifierPool(1) as pool:
        assert pool.verify(math("1+y", "$y+1$")).correct
        process = pool._all[0]._process
        assert process is not None
        os.kill(process.pid, signal.SIGKILL)
        assert pool.verify(math("1+y", "$y+1$")).correct


def test_memory_is_limited() -> None:
    code = "from ot_assets.verification.worker import _limit_memory as f; f(600); bytearray(10**9)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "MemoryError" in ended.stderr


def test_running_out_of_memory_is_a_failure_not_a_wrong_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def greedy(_task: VerifyTask) -> None:
        raise MemoryError

    monkeypatch.setattr(worker_module, "judge", greedy)
    verdict = worker_module._judged(math("1", "1"))
    assert (verdict.verdict, verdict.reason) == ("verifier_failed", "the verifier ran out of memory")


def test_tasks_are_read_as_they_are_needed(pool: VerifierPool) -> None:
    read = 0

    def tasks() -> Iterator[VerifyTask]:
        nonlocal read
        for _ in range(10_000):
            read += 1
            yield math("1", "1")

    verdicts = pool.verify_many(tasks())
    assert next(verdicts).correct
    assert read <= 100
    verdicts.close()  # type: ignore[attr-defined]


def test_closing_ends_what_is_under_way_at_once() -> None:
    pool = VerifierPool(1, Limits(seconds=60))
    verdicts = pool.verify_many([math("y", "y"), math("y+1", r"\boxed{9^{9^{9^{9}}}}")] + [math("1", "1")] * 40)
    next(verdicts)
    while (process := pool._all[0]._process) is None:
        time.sleep(0.01)
    pool.close()
    assert process.poll() is not None
    assert not any(thread.is_alive() for thread in pool._threads._threads)


def test_a_worker_outlives_neither_its_input_nor_its_own_alarm() -> None:
    worker = child_module.start(Limits(seconds=0.1))
    assert worker.stdin is not None
    worker.stdin.write(
        b'{"verifier": "math", "verifier_args": null, "gold": "y+1", "answer": "\\\\boxed{9^{9^{9^{9}}}}"}\n'
    )
    worker.stdin.close()
    assert worker.wait(timeout=60) == -signal.SIGPROF


def test_without_workers_all_runs_here() -> None:
    verdicts = list(verify_many([math("1", "1"), VerifyTask("choice", OPTIONS, "A", "A")], workers=0))
    assert [v.verdict for v in verdicts] == ["correct", "correct"]
    assert list(verify_many([], workers=2)) == []
    with pytest.raises(ValueError, match="workers"):
        VerifierPool(-1)


def test_an_unknown_verifier_is_named() -> None:
    with pytest.raises(UserError, match=r"no verifier 'jury'[\s\S]*math, choice"):
        list(verify_many([VerifyTask("jury", None, "1", "1")]))


def test_plain_numbers_take_no_worker() -> None:
    with VerifierPool(1) as pool:
        verdicts = list(
            pool.verify_many([math("12", r"\boxed{12}"), math("12", r"\boxed{13}"), math("50%", r"\boxed{50}")])
        )
        assert [v.verdict for v in verdicts] == ["correct", "wrong", "correct"]
        assert pool._all[0]._process is None
