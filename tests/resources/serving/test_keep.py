"""`ot serve`: a server for many runs, found by equal plans only, ended with whoever keeps it up."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from resources.errors import UserError
from resources.generation.engine import open_engine
from resources.serving.command import ServePlan
from resources.serving.found import Kept, acquire
from resources.serving.record import ServeRecord, all_records, find, write
from resources.serving.server import Server
from tests.endtoend.house import House
from tests.resources.serving.conftest import Bench, running, until
from tests.resources.serving.test_engine import answers, requests, texts

WEIGHTS = {"config.json": "{}", "model.safetensors": "", "tokenizer.json": "{}"}
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def house(bench: Bench, tmp_path: Path) -> House:
    """A registry with a teacher behind the stand-in."""
    for name, text in WEIGHTS.items():
        (tmp_path / "weights").mkdir(exist_ok=True)
        (tmp_path / "weights" / name).write_text(text)
    write_model(bench, House(tmp_path), {})
    teacher = {"description": "It says what you said.", "model": "big", "sampling": {"max_tokens": 16}}
    House(tmp_path).write("teachers/echo", teacher)
    return House(tmp_path)


def write_model(bench: Bench, house: House, behaviour: dict[str, object], **options: object) -> None:
    serve = bench.options(behaviour, **options).model_dump(mode="json", exclude_defaults=True)
    spec = {"engine": "vllm", "model": str(bench.path / "weights"), "licence": "MIT", "serve": serve}
    house.write("models/big", spec)


@pytest.fixture
def start(house: House) -> Iterator[Start]:
    """Starts `ot serve ...`; whatever is left of it at the end of the test is ended."""
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: str) -> subprocess.Popen[str]:
        started.append(house.start("serve", *arguments))
        return started[-1]

    yield run
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def kept(bench: Bench, process: subprocess.Popen[str]) -> ServeRecord:
    def there() -> bool:
        assert process.poll() is None, process.communicate()
        return bool(all_records(bench.home))

    until(there)
    return all_records(bench.home)[0]


def plan_of(house: House) -> ServePlan:
    from ot_assets.asking import with_weights
    from ot_assets.registry import registry
    from resources.home import Home

    with house.entered():
        return ServePlan.of(with_weights(registry().all_models["big"], Home.from_env())())


def test_it_is_kept_up_for_runs_with_the_same_plan(bench: Bench, house: House, start: Start) -> None:
    process = start("echo")
    record = kept(bench, process)
    plan = plan_of(house)
    assert (record.key, record.name, record.hash) == ("big", plan.name, plan.hash)
    key_file = bench.home.serving / f"{plan.hash}.key"
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert key_file.read_text() not in (bench.home.serving / f"{plan.hash}.json").read_text() + bench.logs()
    model = bench.model({}).model_copy(update={"model": plan.name, "weights": Path(plan.weights), "revision": "main"})
    with closing(open_engine(model)) as engine:
        assert texts(list(engine.generate(requests(model, 8)))) == answers(8)
    assert len(bench.starts()) == 1, "nobody else started one"
    assert find(bench.home, replace(plan, name="other")) is None
    listed = json.loads(house.ot("serve", "--list", "--json").out)
    assert [(one["key"], one["url"]) for one in listed] == [("big", record.url)]
    second = house.ot("serve", "big")
    assert second.code == 1
    assert f"served already by pid {process.pid}" in second.err
    said = house.ot("serve", "--stop")
    assert said.out == "big: stopped\n"
    assert process.wait(30) == 0
    assert not running(bench.starts()[0])
    assert sorted(file.suffix for file in bench.home.serving.iterdir() if file.is_file()) == [".lock"]
    assert house.ot("serve", "--list").out.startswith("nothing is served")
    assert house.ot("serve", "--stop", "echo").out == "nothing to stop: echo is not served\n"


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGKILL])
def test_it_ends_with_who_keeps_it_up(bench: Bench, house: House, start: Start, number: int) -> None:
    write_model(bench, house, {"stubborn": True, "children": True})
    process = start("big")
    record = kept(bench, process)
    until(lambda: len(bench.children()) == 2)
    process.send_signal(number)
    assert process.wait(30) == (-number if number == signal.SIGKILL else 0)
    until(lambda: not any(map(running, [*bench.starts(), *bench.children()])), 15)
    assert not record.alive()
    assert all_records(bench.home) == []
    assert not list(bench.home.serving.glob("*.key")), "what a dead process left is removed by who meets it"


def test_a_server_that_dies_is_started_again_and_runs_wait_for_it(bench: Bench, house: House, start: Start) -> None:
    write_model(bench, house, {"slow": 0.5}, on_death="restart")
    process = start("big")
    before = kept(bench, process)
    os.kill(bench.starts()[0], signal.SIGKILL)
    serving = acquire(plan_of(house))
    assert isinstance(serving, Kept)
    assert serving.url != before.url
    assert serving.alive()
    assert len(bench.starts()) == 2


def test_a_server_that_dies_is_an_error_otherwise(bench: Bench, start: Start) -> None:
    process = start("big")
    record = kept(bench, process)
    os.kill(bench.starts()[0], signal.SIGKILL)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "its server died: it was killed (signal 9)" in err
    assert "Traceback" not in out + err
    assert not record.alive()
    assert all_records(bench.home) == []


def test_a_start_that_fails_is_one_message(bench: Bench, house: House) -> None:
    write_model(bench, house, {"die": "vllm: error: unrecognized arguments: --blok"})
    said = house.ot("serve", "big")
    assert said.code == 1
    assert "it does not know an argument" in said.err
    assert "serve.args" in said.err
    assert "Traceback" not in said.text


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["nobody"], 1, "no teacher 'nobody'"),
        (["reference"], 1, "is no model"),
        (["smollm2-135m"], 1, "has engine: transformers, which needs no server"),
        ([], 2, "name a teacher or a model"),
    ],
)
def test_what_cannot_be_served(house: House, arguments: list[str], code: int, told: str) -> None:
    said = house.ot("serve", *arguments)
    assert said.code == code
    assert told in " ".join(said.err.split())


def test_a_record_of_an_id_that_is_used_again_is_not_believed(bench: Bench) -> None:
    server = Server.start(ServePlan.of(bench.model()))
    try:
        record = write(bench.home, server)
        assert all_records(bench.home) == [record]
        file = bench.home.serving / f"{record.hash}.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | {"born": "1"}))
        assert all_records(bench.home) == []
        assert not file.exists()
    finally:
        server.stop()


def test_check_names_a_wrong_serve_field_by_line(bench: Bench, house: House) -> None:
    spec = yaml.safe_load((house.registry / "models/big.yaml").read_text())
    house.write("models/big", spec | {"serve": {"tensor_paralel": 2}})
    said = house.ot("check")
    assert said.code == 1
    assert "models/big.yaml:" in said.text.replace("\n", "")
    assert "tensor_parallel" in said.text


def test_check_knows_that_answers_must_fit_the_server(bench: Bench, house: House) -> None:
    write_model(bench, house, {}, max_model_len=8)
    said = house.ot("check")
    assert said.code == 1
    assert "16 is more than its server takes (serve.max_model_len: 8)" in " ".join(said.text.split())


def test_no_server_no_kept_one_is_a_clear_error(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    model = bench.model({}, command=("no-such-server",))
    with pytest.raises(UserError, match="no-such-server cannot be run"):
        open_engine(model)
