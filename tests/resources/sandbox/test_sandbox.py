"""The sandbox as its users see it: what comes back, what it costs to fail, and what is said where it cannot be had."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.sandbox import Doctests, Function, Sandbox, SandboxBroken, SandboxLimits, SandboxPool, Script
from resources.sandbox import available as available_module
from resources.sandbox.box import Box
from resources.sandbox.inside import seccomp, values
from tests.resources.sandbox.conftest import needs_sandbox


@pytest.fixture(scope="module")
def pool() -> Iterator[SandboxPool]:
    needs_sandbox()
    with SandboxPool(1) as pool:
        yield pool


def test_a_script_gives_its_outputs_and_status(pool: SandboxPool) -> None:
    source = "import sys\nprint(input(), sys.argv[1:])\nsys.stderr.write('oh')\nsys.exit(3)"
    run = pool.run(Script(source, b"\xff\xfe \xc3\xa4\n", ("a", "b c")))
    assert run.stdout == b"\xff\xfe \xc3\xa4 ['a', 'b c']\n"
    assert (run.ended, run.code, run.stderr) == ("exit", 3, b"oh")


def test_a_script_is_ended_as_the_interpreter_ends(pool: SandboxPool) -> None:
    source = (
        "import atexit, threading, time\natexit.register(print, 'last')\n"
        "threading.Thread(target=lambda: (time.sleep(0.1), print('thread'))).start()\n"
        "print('main')\nif __name__ == '__main__': raise KeyError('x')"
    )
    run = pool.run(Script(source))
    assert run.stdout == b"main\nthread\nlast\n"
    assert run.code == 1
    assert run.stderr.endswith(b"KeyError: 'x'\n")


def test_much_input_and_output_pass(pool: SandboxPool) -> None:
    data = os.urandom(400_000)
    source = "import sys\nsys.stdout.buffer.write(sys.stdin.buffer.read()[::-1])"
    assert pool.run(Script(source, data)).stdout == data[::-1]
    assert pool.run(Script("print('unread')", data)).stdout == b"unread\n"


@pytest.mark.parametrize(
    ("source", "entry", "value"),
    [
        ("def f(a, b=2): return a + b", "f", 3),
        ("class S:\n    def g(self, a): return (a, {1, 2}, 2**70, float('nan'), b'x')", "S.g",
         {"$": "tuple", "v": [1, {"$": "set", "v": [1, 2]}, {"$": "int", "v": hex(2**70)}, {"$": "float", "v": "nan"},
                              {"$": "bytes", "v": "eA=="}]}),
        ("async def f(a): return {'k': a, 'n': None}", "f", {"k": 1, "n": None}),
        ("f = lambda a: {(1, 2): [a]}", "f", {"$": "dict", "v": [[{"$": "tuple", "v": [1, 2]}, [1]]]}),
    ],
)  # fmt: skip
def test_a_function_gives_its_value(pool: SandboxPool, source: str, entry: str, value: object) -> None:
    assert pool.run(Function(source, entry, (1,))).lines() == [{"loaded": True}, {"value": value}]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def g(): pass", "NameError: the program defines no function 'f'\n"),
        ("def f(:", "SyntaxError: invalid syntax\n"),
        ("import numpy", "ModuleNotFoundError: No module named 'numpy'\n"),
        ("def f(): return f()", "RecursionError: maximum recursion depth exceeded\n"),
        ("def f():\n    x = []\n    x.append(x)\n    return x", "RecursionError"),
        ("def f(): raise SystemExit(0)", "SystemExit: 0\n"),
        ("x = 1\0", "source code string cannot contain null bytes"),
    ],
)
def test_what_a_program_raises_is_told(pool: SandboxPool, source: str, message: str) -> None:
    run = pool.run(Function(source, "f"))
    assert message in run.lines()[-1]["message"]


def test_examples_are_one_session(pool: SandboxPool) -> None:
    program = Doctests(
        "def f(x): return x + 1",
        "f",
        ("from pack import helper, f as g\n", "y = helper(1)\n", "y\n", "print('a'); g(1)\n", "f('')\n", "m\n"),
        "pack.mod",
        {"pack.mod": "m = 5\ndef helper(n): return f(n) * 10\n", "pack": "from pack.mod import helper\n"},
    )
    *said, last = pool.run(program).lines()[1:]
    assert [one["printed"] for one in said] == ["", "", "20\n", "a\n2\n", ""]
    assert said[-1]["error"] == "TypeError"
    assert last == {"printed": "5\n"}


def test_a_sandbox_killed_from_outside_is_replaced(pool: SandboxPool) -> None:
    pool.run(Script(""))
    process = pool._all[0]._process
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    assert pool.run(Script("print(1)")).stdout == b"1\n"
    process = pool._all[0]._process
    assert process is not None
    timer = threading.Timer(0.3, process.kill)
    timer.start()
    assert pool.run(Script("import time; time.sleep(0.6); print(2)")).stdout == b"2\n"


def test_closing_ends_what_runs() -> None:
    needs_sandbox()
    pool = SandboxPool(1)
    pool.warm()
    process = pool._all[0]._process
    assert process is not None
    family = psutil.Process(process.pid).children(recursive=True)
    caught: list[BaseException] = []

    def run() -> None:
        try:
            pool.run(Script("while True: pass"), SandboxLimits(seconds=60))
        except SandboxBroken as broken:
            caught.append(broken)

    thread = threading.Thread(target=run)
    thread.start()
    while not psutil.Process(family[-1].pid).children():
        pass
    pool.close()
    thread.join(20)
    assert len(caught) == 1
    assert psutil.wait_procs(family, timeout=20)[1] == []
    with pytest.raises(SandboxBroken, match="closed"):
        pool.run(Script(""))


def test_without_bubblewrap_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Sandbox, "_known", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    able = Sandbox.available()
    assert (able.ok, able.why) == (False, "bubblewrap (bwrap) is not installed")
    assert "apt-get install bubblewrap" in able.fix
    assert Sandbox.available() is able


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("echo 'bwrap: No permissions to create new namespace' >&2; exit 1", "No permissions to create new namespace"),
        ("exit 0", "had a user namespace"),
        ("kill -9 $$", "had a user namespace"),
    ],
)
def test_where_namespaces_are_forbidden_it_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, why: str
) -> None:
    program = tmp_path / "bwrap"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(available_module, "bwrap", lambda: str(program))
    able = available_module._tried()
    assert not able.ok
    assert why in able.why or os.geteuid() != 0
    assert "user namespaces" in able.fix


def test_a_server_that_answers_nonsense_is_the_sandboxs_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    head = struct.pack(">I", 15)
    script = f"import os, time; os.write(1, {head!r} + b'{{\"ready\": true}}'); os.read(0, 9); os.write(1, b'nonsense')"
    box = Box("unused")
    monkeypatch.setattr(
        box,
        "_made",
        lambda: subprocess.Popen([sys.executable, "-c", script], stdin=-1, stdout=-1, stderr=-3, bufsize=0),
    )
    with pytest.raises(SandboxBroken, match="did not answer"):
        box.run(Script("print(1)"), SandboxLimits())


PLAIN = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.complex_numbers(allow_nan=False)
)
HASHED = st.recursive(PLAIN, lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3), max_leaves=5)
VALUES = st.recursive(
    HASHED, lambda inner: st.lists(inner) | st.dictionaries(HASHED, inner) | st.tuples(inner), max_leaves=10
)


@settings(max_examples=30)
@given(VALUES)
def test_values_cross_the_wall_as_they_are(value: object) -> None:
    assert values.decode(values.encode(value)) == value


@settings(max_examples=30)
@given(
    st.recursive(
        st.none() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.just("$"), inner)
    )
)
def test_reading_a_hostile_value_raises_nothing_but_value_errors(value: object) -> None:
    with suppress(ValueError):
        values.decode(value)


def _outcome(program: bytes, arch: int, number: int, argument: int) -> int:
    """What a filter says of a call: a small interpreter of the instructions that it uses."""
    data = struct.pack("=IIQ6Q", number, arch, 0, argument, 0, 0, 0, 0, 0)
    code = [struct.unpack_from("=HBBI", program, at) for at in range(0, len(program), 8)]
    at, held = 0, 0
    while True:
        operation, then, otherwise, value = code[at]
        at += 1
        if operation == 0x20:
            (held,) = struct.unpack_from("=I", data, value)
        elif operation == 0x06:
            return int(value)
        else:
            met = {0x15: held == value, 0x35: held >= value, 0x45: bool(held & value)}[operation]
            at += then if met else otherwise


@pytest.mark.parametrize(("machine", "arch"), [("x86_64", 0xC000003E), ("aarch64", 0xC00000B7)])
def test_the_filter_of_system_calls(machine: str, arch: int) -> None:
    program = seccomp.program(machine)
    assert program is not None
    assert len(program) % 8 == 0
    allow, refuse, kill, absent = 0x7FFF0000, 0x00050001, 0x80000000, 0x00050026
    x86 = machine == "x86_64"
    expected = {
        (0 if x86 else 63, 0): allow,  # read
        (101 if x86 else 117, 0): refuse,  # ptrace
        (272 if x86 else 97, 0): refuse,  # unshare
        (435, 0): absent,  # clone3
        (56 if x86 else 220, 17): allow,  # fork
        (56 if x86 else 220, 0x3D0F00): allow,  # a thread
        (56 if x86 else 220, 0x10000011): refuse,  # a user namespace
        (41 if x86 else 198, 1): allow,  # a unix socket
        (41 if x86 else 198, 2): refuse,
        (302 if x86 else 261, 0): allow,  # its own limits
        (302 if x86 else 261, 7): refuse,
        (0x40000001, 0): kill,
    }
    assert {call: _outcome(program, arch, *call) for call in expected} == expected
    assert _outcome(program, 0x40000003, 0, 0) == kill
    assert seccomp.program("riscv64") is None
