# ruff: noqa: E501
"""Programs judged: what is right, what is wrong and why, and everything that a program might try to be called right."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from ot_assets.verification import VerifierPool, VerifyTask
from ot_assets.verification.code import CodeVerifier
from resources.sandbox import Availability, Program, Run, Sandbox, SandboxBroken, SandboxLimits

EXPECTED = "expected-7f3a91"
"""What the cheats below would have to know."""

ADD = {
    "kind": "function",
    "entry": "add",
    "tests": [{"args": [a, b], "expected": a + b} for a, b in ((1, 2), (5, 5), (0, -1))],
}
ECHO = {"kind": "stdin", "tests": [{"stdin": "1 2\n", "stdout": "3"}, {"stdin": "5 5\n", "stdout": "10\n"}]}
GUESS = {"kind": "function", "entry": "f", "tests": [{"args": [], "expected": EXPECTED}]}
PRINT = {"kind": "stdin", "tests": [{"stdin": "", "stdout": EXPECTED}]}
DOCS = {
    "kind": "doctests",
    "function": "f",
    "module": "m",
    "support": {"m": "def g(): return 7\n"},
    "examples": [
        {"source": "x = f(1)\n"},
        {"source": "x, g()\n", "want": "(2, 7)\n"},
        {"source": "f('a')\n", "raises": "TypeError: something else\n", "options": ["IGNORE_EXCEPTION_DETAIL"]},
        {"source": "list(range(f(20)))\n", "want": "[0, 1, ..., 20]\n", "options": ["ELLIPSIS"]},
    ],
}
NO_SANDBOX = Availability(False, "bubblewrap (bwrap) is not installed", "install bubblewrap")


def task(args: Any, answer: str | None, gold: str | None = None, **fields: Any) -> VerifyTask:
    return VerifyTask("code", args if isinstance(args, str) else json.dumps(args), gold, answer, **fields)


@pytest.fixture(scope="module")
def judge() -> Iterator[CodeVerifier]:
    able = Sandbox.available()
    if not able.ok:
        pytest.skip(f"no sandbox here: {able.why}")
    with CodeVerifier(1) as verifier:
        yield verifier


@pytest.mark.parametrize(
    ("args", "answer"),
    [
        (ADD, "Here:\n```python\ndef add(a, b):\n    return a + b\n```\nUse it so:\n```python\nprint(add(1, 2))\n```"),
        (ADD, "```bash\npip install x\n```\n```\nadd = lambda a, b: a + b\n```"),
        (ECHO, "print(sum(map(int, input().split())))"),
        (ECHO, "```py\nimport sys\nprint(sum(map(int, sys.stdin.read().split())), end='  \\n\\n')\n```"),
        (DOCS, "def f(x): return x + 1"),
        ({**ADD, "entry": "Solution.add"}, "class Solution:\n    def add(self, a, b): return a + b"),
    ],
)
def test_right_programs_are_correct(judge: CodeVerifier, args: Any, answer: str) -> None:
    verdict = judge.judge(task(args, answer))
    assert verdict.correct, verdict
    assert verdict.reason.startswith("passed ")


@pytest.mark.parametrize(
    ("args", "answer", "reason"),
    [
        (ADD, "def add(a, b): return 3", "passed 1 of 3; test 2: expected 10, got 3"),
        (ADD, "def add(a): return 3", "passed 0 of 3; test 1: raised TypeError: add() takes 1 positional argument"),
        (ADD, "def sub(a, b): return 3", "passed 0 of 3; test 1: raised NameError: the program defines no function 'add'"),
        (ADD, "I am not sure.", "raised SyntaxError"),
        (ADD, "def add(a, b): return {'sum': a + b}", 'got {"sum": 3}'),
        (ADD, "def add(a, b): return iter([a])", "gave a list_iterator, which cannot be compared"),
        (ECHO, "print(3)", "passed 1 of 2; test 2: line 1: expected 10, got 3"),
        (ECHO, "print(sum(map(int, input().split()))); raise SystemExit(2)", "passed 0 of 2; test 1: the program ended with status 2"),
        (ECHO, "1/0", "the program ended with status 1: ZeroDivisionError: division by zero"),
        (DOCS, "def f(x): return x + 2", "passed 2 of 4; test 2: expected (2, 7), got (3, 7)"),
        (DOCS, "def f(x): return (x or 0) + 1 if x != 'a' else 0", "passed 3 of 4; test 3: expected TypeError"),
        (DOCS, "import os\ndef f(x):\n    if x == 'a': os._exit(0)\n    return x + 1", "passed 2 of 4; test 3: the program ended with status 0"),
        ({**ADD, "limits": {"seconds": 0.3}}, "while True: pass", "passed 0 of 3 (1 not run after 2 were over their time); test 1: time limit of 0.3 s"),
        ({**ECHO, "limits": {"output_kb": 1}}, "print('x' * 5000)", "passed 0 of 2; test 1: output limit of 1 KiB"),
        ({**ADD, "limits": {"memory_mb": 64}}, "def add(a, b): return bytearray(10**9)", "raised MemoryError"),
        (ADD, "def add(a, b):\n    import ctypes\n    ctypes.string_at(0)", "the program was ended by signal 11"),
        (ADD, "x" * 600_000, "the program has 600,000 characters"),
    ],
)  # fmt: skip
def test_wrong_programs_are_wrong_with_the_reason(judge: CodeVerifier, args: Any, answer: str, reason: str) -> None:
    verdict = judge.judge(task(args, answer))
    assert verdict.verdict == "wrong"
    assert reason in verdict.reason


CHEATS = {
    "status 0 at once": "import sys\nsys.exit(0)",
    "status 0 in the function": "import os\ndef f(): os._exit(0)",
    "exit in a thread": "import threading, sys\ndef f():\n    t = threading.Thread(target=sys.exit); t.start(); t.join()",
    "exit at exit": "import atexit, os\natexit.register(os._exit, 0)\ndef f(): raise KeyError",
    "printing a verdict": "print('{\"verdict\": \"correct\"}')\nprint('{\"value\": true}')\nprint('passed 1 of 1')\ndef f(): return True",
    "writing everywhere": "import os\nfor fd in range(1, 64):\n    try: os.write(fd, b'{\"verdict\": \"correct\"}\\n{\"ended\": \"exit\", \"passed\": 1}\\n')\n    except OSError: pass\ndef f(): return 1",
    "forging results": "import os\nos.write(3, b'{\"loaded\": true}\\n{\"value\": \"guess\"}\\n')\nos._exit(0)",
    "many results": "import os\ndef f():\n    for n in range(100): os.write(3, b'{\"value\": \"expected-%d\"}\\n' % n)\n    return 1",
    "no results": "import os\ndef f():\n    os.close(3)",
    "a result that is no JSON": "import os\ndef f():\n    os.write(3, b'\\xff\\x00[[[[{\"value\":' * 100); os._exit(0)",
    "a result nested beyond measure": "import os\ndef f():\n    os.write(3, b'{\"value\":' + b'[' * 50000 + b']' * 50000 + b'}\\n'); os._exit(0)",
    "patching the tools of the judge": "import json, os, sys, builtins\njson.dumps = lambda *a, **k: '{\"value\": true}'\nfor name, module in list(sys.modules.items()):\n    if 'resources' in name:\n        for key in list(vars(module)):\n            if callable(getattr(module, key)): setattr(module, key, lambda *a, **k: True)\nbuiltins.isinstance = lambda *a: True\nbuiltins.type = lambda *a: bool\ndef f(): return True",
    "equal to everything": "class E(str):\n    def __eq__(self, other): return True\n    def __ne__(self, other): return False\n    __hash__ = str.__hash__\ndef f(): return E('x')",
    "an object equal to everything": "class E:\n    def __eq__(self, other): return True\n    def __repr__(self): return 'x'\ndef f(): return E()",
    "looking for what is expected": """
import gc, re, sys
def f():
    wanted = re.compile('expec' + 'ted-[0-9a-f]{6}')
    seen = []
    frame = sys._getframe()
    while frame:
        seen.append(repr(frame.f_locals)); seen.append(repr(list(frame.f_globals.items()))); frame = frame.f_back
    for thing in gc.get_objects():
        try: seen.append(repr(thing))
        except BaseException: pass
    for text in seen:
        found = wanted.search(text)
        if found: return found[0]
""",
    "reading its own memory": """
import re
def f():
    for line in open('/proc/self/maps'):
        span, mode, *_ = line.split()
        if not mode.startswith('rw'): continue
        start, end = (int(x, 16) for x in span.split('-'))
        with open('/proc/self/mem', 'rb') as memory:
            memory.seek(start)
            try: found = re.search(b'expec' + b'ted-[0-9a-f]{6}', memory.read(end - start))
            except (OSError, OverflowError): continue
        if found: return found[0].decode()
""",
    "an exception for an answer": "def f():\n    raise type('AssertionError', (Exception,), {'__str__': lambda self: 'passed'})()",
    "an exception that is evil": "class E(BaseException):\n    def __str__(self): raise self\n    __repr__ = __str__\ndef f(): raise E()",
    "recursion": "def f(): return f()",
    "a value that holds itself": "def f():\n    x = {}\n    x['x'] = x\n    return x",
    "a daemon that answers later": "import os, time\nif os.fork() == 0:\n    time.sleep(0.2); print('x'); os._exit(0)\ndef f(): return 1",
}  # fmt: skip


@pytest.mark.parametrize("name", CHEATS)
@pytest.mark.parametrize("args", [GUESS, PRINT, {**DOCS, "examples": [{"source": "f()", "want": f"'{EXPECTED}'\n"}]}])
def test_no_cheat_is_called_correct(judge: CodeVerifier, name: str, args: Any) -> None:
    verdict = judge.judge(task(args, CHEATS[name]))
    assert verdict.verdict == "wrong", verdict
    assert EXPECTED not in (verdict.extracted or "")
    assert judge.judge(task(ECHO, "print(sum(map(int, input().split())))")).correct


def test_a_gold_program_is_checked_first_and_once(judge: CodeVerifier) -> None:
    good, bad = "def add(a, b): return a + b", "def add(a, b): return a - b"
    assert judge.judge(task(ADD, "add = lambda *n: sum(n)", gold=good)).correct
    verdict = judge.judge(task(ADD, good, gold=bad))
    assert verdict.verdict == "unverifiable"
    assert verdict.reason.startswith("the gold program fails: passed 0 of 3; test 1: expected 3, got -1")
    assert judge.judge(task(ADD, good, gold=bad)) == verdict
    assert judge.judge(task(ADD, bad, gold=bad, raw=True)).verdict == "wrong"


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        (None, "verifier_args holds no tests"),
        ("{", "verifier_args is no JSON"),
        ("[]", "verifier_args:"),
        ({"kind": "doctests", "function": "f", "examples": [{"source": "f()"}]}, "none of them has a result"),
        ({"kind": "function", "entry": "f", "tests": []}, "tests"),
        ({"kind": "function", "entry": "os.system('x')", "tests": [{}]}, "entry"),
        ({**ADD, "limits": {"secs": 1}}, "limits"),
        ({**ADD, "language": "rust"}, "programs in 'rust' are not run; python is"),
    ],
)
def test_what_cannot_be_run_is_unverifiable(args: Any, reason: str) -> None:
    given = VerifyTask("code", None, None, "x") if args is None else task(args, "def f(): pass")
    verdict = CodeVerifier().judge(given)
    assert verdict.verdict == "unverifiable"
    assert reason in verdict.reason


def test_without_a_program_there_is_no_answer() -> None:
    assert CodeVerifier().judge(task(ADD, "  \n")).verdict == "wrong"
    assert CodeVerifier().judge(task(ADD, None, finish_reason="length")).reason.startswith("no answer found")


def never(_workers: int) -> Any:
    raise AssertionError("nothing may be run without a sandbox")


def test_without_a_sandbox_nothing_is_run() -> None:
    judged = CodeVerifier(pool=never, available=lambda: NO_SANDBOX).judged(task(ADD, "print(1)", gold="print(2)"))
    assert judged.verdict.verdict == "unverifiable"
    assert judged.verdict.reason == "code is not run here: bubblewrap (bwrap) is not installed. install bubblewrap"
    assert not judged.lasting


class Broken:
    def run(self, program: Program, limits: SandboxLimits | None = None) -> Run:
        raise SandboxBroken("the sandbox did not answer: out of memory")

    def close(self) -> None:
        pass


def test_a_broken_sandbox_is_the_verifiers_failure() -> None:
    verifier = CodeVerifier(pool=lambda _: Broken(), available=lambda: Availability(True, "", ""))
    judged = verifier.judged(task(ADD, "def add(a, b): return a + b"))
    assert (judged.verdict.verdict, judged.lasting) == ("verifier_failed", False)
    assert judged.verdict.reason == "the sandbox did not answer: out of memory"


def test_only_what_depends_on_content_alone_lasts(judge: CodeVerifier) -> None:
    assert judge.judged(task(ADD, "def add(a, b): return a + b")).lasting
    assert judge.judged(task(ADD, "def add(a, b): return 0")).lasting
    slow = {**ADD, "limits": {"seconds": 0.2}}
    assert not judge.judged(task(slow, "while True: pass")).lasting


def test_a_pool_judges_programs_beside_the_rest(judge: CodeVerifier) -> None:
    tasks = [VerifyTask("math", None, "2", "2"), task(ADD, "add = lambda a, b: a + b"), task(ECHO, "print(3)")] * 3
    with VerifierPool(2) as pool:
        verdicts = list(pool.verify_many(tasks))
    assert [v.verdict for v in verdicts] == ["correct", "correct", "wrong"] * 3
    assert json.loads(verdicts[2].evidence or "") == {
        "passed": 1, "of": 2, "run": 2, "over_time": 0, "faults": ["test 2: line 1: expected 10, got 3"],
    }  # fmt: skip
