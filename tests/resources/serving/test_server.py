"""Servers as real processes: how they start, how they fail, and that nothing of them is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from resources.errors import UserError
from resources.serving.causes import explain
from resources.serving.command import ServePlan
from resources.serving.server import Server, serving_fault
from tests.resources.serving.conftest import Bench, running, until


def plan(bench: Bench, behaviour: dict[str, object] | None = None, **options: object) -> ServePlan:
    return ServePlan.of(bench.model(behaviour, **options))


def test_a_slow_start_is_waited_for(bench: Bench) -> None:
    server = Server.start(plan(bench, {"slow": 1.0}))
    try:
        assert server.alive()
        assert serving_fault(server.url, server.secret, server.plan) is None
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(f"{server.url}/models")
        command = "".join(Path(f"/proc/{pid}/cmdline").read_text() for pid in (server.pid, bench.starts()[0]))
        assert server.secret not in command + bench.logs()
    finally:
        server.stop()
    assert not server.alive()
    assert not running(bench.starts()[0])
    server.stop()


def test_each_start_has_a_key_and_a_port_of_its_own(bench: Bench) -> None:
    one, two = Server.start(plan(bench)), Server.start(plan(bench))
    try:
        assert one.secret != two.secret
        assert one.url != two.url
        assert serving_fault(two.url, one.secret, two.plan) is not None
    finally:
        one.stop()
        two.stop()


def test_dead_at_once_shows_cause_and_log(bench: Bench) -> None:
    with pytest.raises(UserError) as caught:
        Server.start(plan(bench, {"die": "loading\nValueError: No available memory for the cache blocks."}))
    assert "big: its server died as it started: it ran out of GPU memory" in caught.value.what
    assert "| ValueError: No available memory" in caught.value.what
    assert "gpu_memory_utilization" in caught.value.fix


def test_another_model_is_not_taken_for_ours(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resources.serving.server._STRANGER_SECONDS", 0.3)
    with pytest.raises(UserError, match="serves org/other, not org/big"):
        Server.start(plan(bench, {"serve_as": "org/other"}))
    assert not running(bench.starts()[0])


def test_a_start_has_a_limit(bench: Bench) -> None:
    with pytest.raises(UserError, match=r"not healthy after 1 s(.|\n)*started with(.|\n)*start_seconds"):
        Server.start(plan(bench, {"slow": 60}, start_seconds=1.0))
    assert not running(bench.starts()[0])


def test_a_port_that_somebody_took_is_changed(bench: Bench) -> None:
    server = Server.start(plan(bench, {"port_taken": True}))
    server.stop()
    assert len(bench.starts()) == 2


def test_no_program(bench: Bench) -> None:
    with pytest.raises(UserError, match="no such program"):
        Server.start(plan(bench, command=("no-such-server",)))


def test_a_stubborn_server_and_its_children_are_ended(bench: Bench) -> None:
    server = Server.start(plan(bench, {"stubborn": True, "children": True}))
    until(lambda: len(bench.children()) == 2)
    everyone = [server.pid, *bench.starts(), *bench.children()]
    assert all(map(running, everyone))
    assert len({os.getsid(pid) for pid in everyone}) == 3, "one of the children has a session of its own"
    server.stop()
    assert not [pid for pid in everyone if running(pid)]


def test_children_do_not_outlive_a_server_that_died(bench: Bench) -> None:
    server = Server.start(plan(bench, {"children": True}))
    until(lambda: len(bench.children()) == 2)
    os.kill(bench.starts()[0], signal.SIGKILL)
    until(lambda: not server.alive())
    assert not [pid for pid in bench.children() if running(pid)]
    assert "signal 9" in server.why_dead()[0]
    server.stop()


PARENT = """
    import multiprocessing, sys, time
    from resources.generation.model import Model
    from resources.serving.command import ServePlan
    from resources.serving.server import Server
    server = Server.start(ServePlan.of(Model.model_validate_json(sys.stdin.read())))
    # A forked worker keeps a copy of the pipe to the guardian: that must not keep the server alive.
    multiprocessing.get_context("fork").Process(target=time.sleep, args=(8,)).start()
    print("ready", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_outlives_a_killed_parent(bench: Bench, number: int) -> None:
    model = bench.model({"stubborn": True, "children": True})
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PARENT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdin is not None and parent.stdout is not None
    parent.stdin.write(model.model_dump_json())
    parent.stdin.close()
    assert parent.stdout.readline() == "ready\n"
    until(lambda: len(bench.children()) == 2)
    everyone = [*bench.starts(), *bench.children()]
    assert all(map(running, everyone))
    parent.send_signal(number)
    parent.wait()
    until(lambda: not any(map(running, everyone)), 15)


def test_a_killed_guardian_takes_the_server_along(bench: Bench) -> None:
    server = Server.start(plan(bench))
    os.kill(server.pid, signal.SIGKILL)
    until(lambda: not running(bench.starts()[0]))
    server.stop()


@pytest.mark.parametrize(
    ("said", "what", "fix"),
    [
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate", "GPU memory", "gpu_memory_utilization"),
        ("ValueError: To serve at least one request, 10.0 GiB KV cache is needed, which is larger than the available "
         "KV cache memory (1.0 GiB)", "key-value cache", "max_model_len"),
        ("ModuleNotFoundError: No module named 'vllm'", "no such server", "install"),
        ("vllm: error: unrecognized arguments: --blok-size", "an argument", "serve.args"),
        ("RuntimeError: operator torchvision::nms does not exist", "torchvision", "uninstall"),
        ("RuntimeError: CPU Generator does not use offset", "seeds", "seeds: false"),
        ("OSError: [Errno 28] No space left on device", "disk", "room"),
        ("huggingface_hub.errors.GatedRepoError: 403 Client Error", "hub", "HF_TOKEN"),
        ("Segmentation fault", "exit code 1", "log"),
    ],
)  # fmt: skip
def test_known_causes_have_a_remedy(said: str, what: str, fix: str) -> None:
    told = explain(f"some lines\n{said}\nmore", 1)
    assert what in told[0]
    assert fix in told[1]
