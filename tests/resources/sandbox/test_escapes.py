"""Attacks on the sandbox: none gets through, and none keeps the next program from running."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from resources.sandbox import Function, Script
from tests.resources.sandbox.attacks import CONTAINED, REFUSED
from tests.resources.sandbox.conftest import LIMITS, Target, needs_sandbox

HERE = Path(__file__).parents[3]


ONE_USER_AS_ROOT = "the kernel exempts root from this limit: the form with two users is for that"


def filled(source: str, target: Target) -> str:
    known = {
        "file": target.file,
        "port": target.port,
        "abstract": target.abstract,
        "host": HERE,
        "hostname": socket.gethostname(),
    }
    for name, value in known.items():
        source = source.replace("{" + name + "}", str(value))
    return source


def test_there_are_enough_of_them() -> None:
    assert len(REFUSED) + len(CONTAINED) >= 45


@pytest.mark.parametrize("name", REFUSED)
def test_every_door_is_shut(target: Target, name: str) -> None:
    server = target.server()
    run = target.run(filled(REFUSED[name], target))
    assert b"tried" in run.stdout, run
    assert b"ESCAPED" not in run.stdout, run.stdout.decode()
    assert target.secret.encode() not in run.stdout + run.stderr
    assert b"SyntaxError" not in run.stderr
    assert b"NameError" not in run.stderr
    assert target.run("print(6 * 7)").stdout == b"42\n"
    assert target.server() == server


@pytest.mark.parametrize("name", CONTAINED)
def test_who_wants_too_much_is_ended(target: Target, name: str) -> None:
    source, how = CONTAINED[name]
    server = target.server()
    seconds = 0.5 if "time" in how else 8.0
    run = target.run(source, replace(LIMITS, seconds=seconds))
    ends = {f"exit {run.code}" if run.ended == "exit" else run.ended}
    assert ends & set(how.split(" or ")), run
    assert b"tried" in run.stdout
    assert len(run.stdout) <= LIMITS.output_kb * 1024
    assert target.run("print(6 * 7)").stdout == b"42\n"
    assert target.server() == server


@pytest.mark.parametrize("start", ["os.fork() == 0", "threading.Thread(target=time.sleep, args=(5,)).start()"])
def test_processes_and_threads_are_limited(target: Target, start: str) -> None:
    if target.unlimited:
        pytest.skip(ONE_USER_AS_ROOT)
    run = target.run(
        "import os, threading, time\nfor n in range(1000):\n    try:\n"
        f"        if {start}: time.sleep(5); os._exit(0)\n"
        "    except (OSError, RuntimeError):\n        print(n, flush=True)\n        os._exit(0)\nprint(1000)"
    )
    assert int(run.stdout) <= LIMITS.processes
    assert target.run("print(6 * 7)").stdout == b"42\n"


def test_a_fork_bomb_is_over_with_its_test(target: Target) -> None:
    if target.unlimited:
        pytest.skip(ONE_USER_AS_ROOT)
    base = len(psutil.Process(target.server()).children(recursive=True))
    bomb = "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass"
    run = target.run(bomb, replace(LIMITS, seconds=1))
    assert run.ended == "time"
    assert len(psutil.Process(target.server()).children(recursive=True)) == base
    assert target.run("print(6 * 7)").stdout == b"42\n"


def test_nothing_outlives_its_test(target: Target) -> None:
    target.run("print(1)")
    base = len(psutil.Process(target.server()).children(recursive=True))
    run = target.run(
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        time.sleep(0.3)\n"
        "        while True: os.write(1, b'late'); time.sleep(0.01)\n    os._exit(0)\nos.wait()\nprint('left')"
    )
    assert run.stdout == b"left\n"
    assert run.seconds < 2
    assert len(psutil.Process(target.server()).children(recursive=True)) == base
    assert target.run("import time\ntime.sleep(0.5)\nprint('clean')").stdout == b"clean\n"


def test_no_state_reaches_the_next_test(target: Target) -> None:
    target.run(
        "import builtins, json, os, socket, sys\nopen('/tmp/left', 'w').write('x')\nopen('/dev/shm/left', 'w').write('x')\n"
        "os.environ['LEFT'] = 'x'\nbuiltins.left = 'x'\njson.dumps = None\nsys.modules['left'] = sys\nos.chdir('/')\n"
        "s = socket.socket(socket.AF_UNIX); s.bind('\\0left'); s.listen()\nos.umask(0)\nsys.setrecursionlimit(50)\n"
    )
    run = target.run(
        "import builtins, json, os, socket, sys\n"
        "print(os.listdir('/tmp'), os.listdir('/dev/shm'), 'LEFT' in os.environ, hasattr(builtins, 'left'), json.dumps(1),"
        " 'left' in sys.modules, os.getcwd(), sys.getrecursionlimit())\n"
        "try:\n    socket.socket(socket.AF_UNIX).connect('\\0left')\nexcept OSError as error:\n    print('refused')"
    )
    assert run.stdout == b"[] [] False False 1 False /tmp 1000\nrefused\n"


def test_the_channel_of_the_server_is_out_of_reach(target: Target) -> None:
    forged = '{"nonce": "x", "ended": "exit", "code": 0, "stdout": "", "stderr": "", "result": "", "seconds": 0}'
    run = target.run(
        "import os, struct\n"
        f"data = {forged!r}.encode()\n"
        "for fd in range(3, 1024):\n    try:\n        os.write(fd, struct.pack('>I', len(data)) + data)\n"
        "        os.write(1, b'ESCAPED %d' % fd)\n    except OSError:\n        pass\n"
        "os.write(1, b'own words')",
        stdin=b"mine",
    )
    assert run.stdout == b"own words"
    assert (run.ended, run.code) == ("exit", 0)


def test_a_program_reads_its_own_input_and_no_more(target: Target) -> None:
    run = target.run("import os, sys\nprint(sys.stdin.read())\nprint(os.read(0, 100))\nos.close(0)", stdin=b"one\ntwo")
    assert run.stdout == b"one\ntwo\nb''\n"


def test_what_a_function_returns_is_never_unpickled(target: Target, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    source = f"""
import os, pickle, sys
class Evil:
    def __reduce__(self):
        return os.system, ("touch {flag}",)
def f():
    sys.stdout.buffer.write(pickle.dumps(Evil()))
    return Evil()
"""
    run = target.pool.run(Function(source, "f"))
    (loaded, value) = run.lines()
    assert loaded == {"loaded": True}
    assert value["value"]["$"] == "other"
    assert not flag.exists()


@pytest.mark.parametrize(
    "body",
    ["'x' * 10_000_000", "list(range(100_000))", "[[]] * 100_000", "10 ** 500_000", "{i: i for i in range(30_000)}"],
)
def test_huge_results_are_over_the_limit(target: Target, body: str) -> None:
    run = target.pool.run(Function(f"def f():\n    return {body}", "f"))
    assert run.ended == "output", run
    assert target.run("print(6 * 7)").stdout == b"42\n"


def test_evil_objects_harm_only_their_own_run(target: Target) -> None:
    evil = """
class Evil(Exception):
    def __str__(self): raise self
    __repr__ = __eq__ = __hash__ = __bool__ = __len__ = __iter__ = __getattr__ = __str__
"""
    for body, key in (("raise Evil()", "error"), ("return Evil()", "error"), ("return [Evil]", "value")):
        run = target.pool.run(Function(f"{evil}\ndef f():\n    {body}", "f"))
        assert key in run.lines()[1], run
    looped = "class L(Exception):\n    def __str__(self):\n        while True: pass\ndef f():\n    raise L()"
    assert target.pool.run(Function(looped, "f"), replace(LIMITS, seconds=0.5)).ended == "time"


def test_everything_dies_with_the_process_that_started_it() -> None:
    script = (
        "from resources.sandbox import SandboxPool, Script\n"
        "pool = SandboxPool(1)\npool.warm()\nprint(pool._all[0]._process.pid, flush=True)\n"
        "pool.run(Script('while True: pass'))\n"
    )
    needs_sandbox()
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=HERE)
    assert parent.stdout is not None
    bwrap = psutil.Process(int(parent.stdout.readline()))
    deadline = time.monotonic() + 20
    while len(family := bwrap.children(recursive=True)) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(family) >= 2
    parent.kill()
    parent.wait()
    parent.stdout.close()
    _, alive = psutil.wait_procs([bwrap, *family], timeout=20)
    assert alive == []


def test_it_also_holds_for_a_user_who_is_not_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("all the other tests are run by such a user already")
    python = "/usr/bin/python3"
    modern = subprocess.run([python, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"], check=False)
    if modern.returncode != 0:
        pytest.skip("no Python 3.11 that another user could run")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        shutil.copytree(
            HERE / "resources/sandbox", f"{folder}/resources/sandbox", ignore=shutil.ignore_patterns("__pycache__")
        )
        shutil.copy(Path(__file__).with_name("as_other_user.py"), folder)
        ran = subprocess.run(
            [python, f"{folder}/as_other_user.py"],
            capture_output=True,
            text=True,
            user=4242,
            group=4242,
            extra_groups=[],
            check=False,
        )
    first, *runs = ran.stdout.splitlines()
    if first.startswith("4242 False"):
        pytest.skip(f"not for that user: {first}")
    assert runs == ["15 False"] * 2, ran


def test_runs_of_one_sandbox_do_not_mix(target: Target) -> None:
    with ThreadPoolExecutor(4) as threads:
        runs = list(threads.map(lambda n: target.pool.run(Script(f"print({n})")), range(40)))
    assert [int(run.stdout) for run in runs] == list(range(40))
