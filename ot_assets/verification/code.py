"""Judges a program by running it: function tests, whole programs with input, doctests, always in the sandbox.

`verifier_args` holds the tests (see `code_tests`), the gold answer, where there is one, is a program that passes
them: it is checked first, and one that does not pass makes its question `unverifiable`. The reply's program is its
last fenced block that fits (see `code_program`).

* `correct`: every test passed. `wrong`: one did not, the program's own fault in words: a different result, an
  exception, a time, memory or output limit, an early end; the reason starts with how many passed.
* `unverifiable`: no tests, a language that is not run here, a gold program that fails, or no sandbox on this machine
  (never is code run without one).
* `verifier_failed`: the sandbox itself failed, which says nothing of the program.

What is expected never enters the sandbox. Results are computed here from raw outputs; a program that prints, writes or
returns whatever it likes, or ends when it likes, can only ever be right by giving the right results.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from types import TracebackType
from typing import Any, NamedTuple, Protocol

from ot_assets.verification.code_compare import example_differs, shown, text_differs, value_differs
from ot_assets.verification.code_program import LONGEST, program_in
from ot_assets.verification.code_tests import CodeTask, DoctestTask, FunctionTask, FunctionTest, StdinTask, read_task
from ot_assets.verification.verdict import (
    Verdict,
    VerifyTask,
    as_evidence,
    correct,
    failed,
    no_answer,
    short,
    unverifiable,
    wrong,
)
from resources.sandbox import (
    Availability,
    Doctests,
    Function,
    Program,
    Run,
    Sandbox,
    SandboxBroken,
    SandboxLimits,
    SandboxPool,
    Script,
)

LANGUAGES = ("python",)
"""Languages whose programs are run."""

_TIMEOUTS = 2
"""Tests over their time after which the others are not run any more."""
_GOLDS = 10_000


class Judged(NamedTuple):
    """A verdict on a program, and whether it depends on nothing but the program and its tests."""

    verdict: Verdict
    lasting: bool
    """False where the machine had a part in it: no sandbox, or a limit of time or memory."""


class Runner(Protocol):
    """What runs a program: a `SandboxPool`."""

    def run(self, program: Program, limits: SandboxLimits | None = None) -> Run:
        """Runs one program. SandboxBroken where the sandbox itself fails."""
        ...

    def close(self) -> None:
        """Ends what runs."""
        ...


@dataclass
class _Tally:
    """What is known of a program while its tests are run."""

    total: int
    passed: int = 0
    ran: int = 0
    timeouts: int = 0
    limited: bool = False
    """Whether a run was ended by a limit that other machines may not reach."""
    faults: list[str] = field(default_factory=list)

    def add(self, differs: str, run: Run | None = None) -> None:
        """Counts one test; `differs` is empty where it passed."""
        self.ran += 1
        self.passed += not differs
        self.timeouts += run is not None and run.ended == "time"
        self.limited |= run is not None and run.ended in ("time", "memory", "signal")
        if differs:
            self.faults.append(f"test {self.ran}: {differs}")

    @property
    def reason(self) -> str:
        """Partial result and first fault, in words."""
        text = f"passed {self.passed} of {self.total}"
        if self.ran < self.total:
            text += f" ({self.total - self.ran} not run after {self.timeouts} were over their time)"
        return f"{text}; {self.faults[0]}" if self.faults else text

    @property
    def evidence(self) -> str:
        """Counts and the first faults."""
        first = [short(fault, 300) for fault in self.faults[:3]]
        return as_evidence(passed=self.passed, of=self.total, run=self.ran, over_time=self.timeouts, faults=first)


class CodeVerifier:
    """Judges programs. Safe to use from several threads; a context manager, whose sandboxes are gone after `close`.

    `workers` sandboxes are started when first needed. `available` and `pool` are for those who bring their own.
    """

    def __init__(
        self,
        workers: int = 2,
        *,
        pool: Callable[[int], Runner] = SandboxPool,
        available: Callable[[], Availability] = Sandbox.available,
    ) -> None:
        self._workers = workers
        self._make = pool
        self._available = available
        self._pool: Runner | None = None
        self._closed = False
        self._starting = threading.Lock()
        self._golds: OrderedDict[tuple[str, str], Judged] = OrderedDict()

    def judge(self, task: VerifyTask) -> Verdict:
        """The verdict on one reply (or, with `raw`, on a program)."""
        return self.judged(task).verdict

    def judged(self, task: VerifyTask) -> Judged:
        """The verdict, and whether it may be kept for other machines and times."""
        try:
            tests = read_task(task.verifier_args)
        except ValueError as error:
            return Judged(unverifiable("code", str(error)), lasting=True)
        if tests.language not in LANGUAGES:
            why = f"programs in {short(tests.language, 40)!r} are not run; {LANGUAGES[0]} is"
            return Judged(unverifiable("code", why), lasting=True)
        program = program_in(task.answer or "", tests.language, _entry(tests))
        if program is None:
            return Judged(no_answer(task), lasting=True)
        if len(program) > LONGEST:
            why = f"the program has {len(program):,} characters, at most {LONGEST:,} are run"
            return Judged(wrong("code", None, why), lasting=True)
        able = self._available()
        if not able.ok:
            return Judged(unverifiable("code", f"code is not run here: {able.why}. {able.fix}", program), lasting=False)
        try:
            return self._unverifiable_gold(task, tests, program) or self._run(tests, program)
        except SandboxBroken as broken:
            return Judged(failed("code", str(broken), program), lasting=False)

    def close(self) -> None:
        """Ends the sandboxes; what is being judged becomes `verifier_failed`."""
        with self._starting:
            self._closed = True
            if self._pool is not None:
                self._pool.close()

    def __enter__(self) -> CodeVerifier:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _unverifiable_gold(self, task: VerifyTask, tests: CodeTask, program: str) -> Judged | None:
        """The verdict where the gold program fails its own tests; None where it passes or there is none."""
        gold = program_in(task.gold or "", tests.language, _entry(tests))
        if gold is None or task.raw or gold == program:
            return None
        key = (task.verifier_args or "", gold)
        judged = self._golds.get(key)
        if judged is None:
            judged = self._golds[key] = self._run(tests, gold)
            while len(self._golds) > _GOLDS:
                self._golds.popitem(last=False)
        if judged.verdict.correct:
            return None
        why = f"the gold program fails: {judged.verdict.reason}"
        return Judged(unverifiable("code", why, program, judged.verdict.evidence), judged.lasting)

    def _run(self, tests: CodeTask, program: str) -> Judged:
        """Runs the tests one after the other."""
        tally = _Tally(tests.count)
        for _ in _run_tests(tests, program, tally, self._running()):
            if tally.timeouts >= _TIMEOUTS:
                break
        say = correct if tally.passed == tally.total else wrong
        return Judged(say("code", program, tally.reason, tally.evidence), lasting=not tally.limited)

    def _running(self) -> Runner:
        with self._starting:
            if self._closed:
                raise SandboxBroken("the verifier was closed")
            if self._pool is None:
                self._pool = self._make(self._workers)
            return self._pool


@lru_cache(maxsize=1)
def shared() -> CodeVerifier:
    """The verifier of this process, for who judges here and has no pool; it ends with the process."""
    return CodeVerifier(1)


def judge(task: VerifyTask) -> Verdict:
    """The verdict on one task, by the process's own verifier."""
    return shared().judge(task)


def _entry(tests: CodeTask) -> str | None:
    """Name of what the program has to define."""
    if isinstance(tests, FunctionTask):
        return tests.entry
    return tests.function if isinstance(tests, DoctestTask) else None


def _run_tests(tests: CodeTask, program: str, tally: _Tally, runner: Runner) -> Iterator[None]:
    """Runs the tests, a step each, and counts them."""
    if isinstance(tests, FunctionTask):
        for test in tests.tests:
            called = runner.run(Function(program, tests.entry, test.args, test.kwargs), tests.limits)
            tally.add(_call_differs(tests, test, called), called)
            yield
    elif isinstance(tests, StdinTask):
        for case in tests.tests:
            ran = runner.run(Script(program, case.stdin.encode(), case.argv), tests.limits)
            output = ran.stdout.decode("utf-8", "replace")
            tally.add(_ended(ran, tests) or text_differs(case.stdout, output, tests.compare), ran)
            yield
    else:
        _run_examples(tests, program, tally, runner)
        yield


def _run_examples(tests: DoctestTask, program: str, tally: _Tally, runner: Runner) -> None:
    """Runs all examples in one session."""
    sources = tuple(example.source for example in tests.examples)
    run = runner.run(Doctests(program, tests.function, sources, tests.module, tests.support), tests.limits)
    loaded, said = _said(run)
    if not loaded or len(said) > len(sources):
        tally.add(_fault(run, said, tests) if not loaded else "the program wrote results of its own", run)
        tally.ran, tally.passed = tally.total, 0
        return
    for number, example in enumerate(tests.examples):
        came = number < len(said)
        tally.add(example_differs(example, said[number]) if came else _fault(run, [], tests), None if came else run)


def _call_differs(tests: FunctionTask, test: FunctionTest, run: Run) -> str:
    """How a call differs from what it should give."""
    loaded, said = _said(run)
    if not loaded or len(said) != 1:
        return _fault(run, said, tests)
    (result,) = said
    if test.raises is not None:
        return "" if result.get("error") == test.raises else f"expected {test.raises} to be raised, {_gave(result)}"
    if "value" not in result:
        return _fault(run, said, tests)
    return value_differs(test.expected, result["value"], tests.compare)


def _said(run: Run) -> tuple[bool, list[dict[str, Any]]]:
    """Whether the program's own lines ran to their end, and what was said after (or instead)."""
    lines = run.lines()
    loaded = bool(lines) and lines[0].get("loaded") is True
    return loaded, lines[1:] if loaded else lines


def _fault(run: Run, said: list[dict[str, Any]], tests: CodeTask) -> str:
    """Why there is no result, in words."""
    over = "" if run.ended == "exit" else _ended(run, tests)
    if over:
        return over
    if len(said) == 1 and "error" in said[0]:
        return _gave(said[0])
    if said:
        return "the program wrote results of its own"
    return f"the program ended with status {run.code} before it gave a result"


def _gave(result: dict[str, Any]) -> str:
    """A call's outcome in words."""
    return f"raised {shown(result.get('message'))}" if "error" in result else f"got {shown(result.get('value'))}"


def _ended(run: Run, tests: CodeTask) -> str:
    """Why a run did not end well; "" where it did."""
    limits = tests.limits
    if run.ended == "exit":
        last = run.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        return f"the program ended with status {run.code}: {short(last, 200)}" if run.code else ""
    return {
        "time": f"time limit of {limits.seconds:g} s",
        "memory": f"memory limit of {limits.memory_mb} MiB",
        "output": f"output limit of {limits.output_kb} KiB",
        "signal": f"the program was ended by signal {run.code}",
    }[run.ended]
