"""The whole way, with real processes, TRL and a tiny model."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from resources.errors import UserError
from resources.training import Checkpoints, Trainer, TrainingFailed, TrainingResult, discard_checkpoints, trainer
from resources.training.result import RESULT

from .conftest import build_base, read_log


def weights(folder):
    return (folder / "model.safetensors").read_bytes()


@pytest.fixture(scope="module")
def one_run(tmp_path_factory, tiny_base):
    """One undisturbed run of the config that the tests below compare with."""
    from .conftest import SftConfig, chat, write_part

    folder = tmp_path_factory.mktemp("run")
    part = write_part(folder / "part-00000.parquet", [chat(f"{n} + 1 =", f"{n + 1}") for n in range(24)])
    config = SftConfig(
        base=tiny_base, dataset=(part,), output=folder / "student", work=folder / "work", learning_rate=1e-2,
        epochs=4, global_batch=8, cutoff=128, log_seconds=0,
    )  # fmt: skip
    said: list[str] = []
    return config, Trainer().train(config, log=said.append), said


def test_a_run_learns_and_says_where_it_is(one_run):
    config, result, said = one_run
    assert result.steps == 12 and result.examples == 24 and result.resumed_from is None
    assert result.final_loss < result.first_loss - 0.3
    assert "24 examples" in said[0]
    assert any("step 12 of 12" in line and "tokens/s" in line and "left" in line for line in said)
    assert TrainingResult.read(config.work) == result


def test_the_log_has_a_line_a_step(one_run):
    _, result, _ = one_run
    log = read_log(result.log)
    assert [entry["step"] for entry in log] == list(range(1, 13))
    assert {"loss", "learning_rate", "tokens", "tokens_per_second", "seconds", "epoch"} <= log[0].keys()
    assert log[-1]["tokens"] == result.tokens
    assert [entry["seconds"] for entry in log] == sorted(entry["seconds"] for entry in log)


def test_the_student_loads_like_its_base_and_names_no_path_of_this_machine(one_run, tiny_base):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    config, result, _ = one_run
    assert {path.name for path in result.folder.iterdir()} == {path.name for path in tiny_base.iterdir()}
    model = AutoModelForCausalLM.from_pretrained(result.folder)
    assert model.dtype == torch.bfloat16
    base, student = (AutoTokenizer.from_pretrained(folder) for folder in (tiny_base, result.folder))
    assert student.chat_template == base.chat_template
    for path in result.folder.glob("*.json"):
        assert str(config.work.parent) not in path.read_text()
    same = ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja")
    for name in same:
        assert (result.folder / name).read_text() == (tiny_base / name).read_text()


def test_a_killed_run_goes_on_and_ends_with_the_same_student(one_run, tmp_path):
    config, whole, _ = one_run
    again = config.model_copy(update={"output": tmp_path / "s", "work": tmp_path / "w", "checkpoint_seconds": 0})
    _kill_after(again, step=5)
    assert not (again.work / RESULT).exists()
    start = Checkpoints(again.work).latest()
    assert start is not None
    said: list[str] = []
    result = Trainer().train(again, log=said.append)
    assert result.resumed_from == start[0] >= 3
    assert result.first_loss == whole.first_loss and result.final_loss == whole.final_loss
    assert f"going on from the checkpoint of step {start[0]}" in "\n".join(said)
    assert [entry["step"] for entry in read_log(result.log)] == list(range(1, 13))
    assert weights(result.folder) == weights(whole.folder)
    discard_checkpoints(again.work)
    assert Checkpoints(again.work).latest() is None


def _kill_after(config, step):
    """Starts the training by hand, as documented, and kills it with -9 as soon as the log has that step."""
    config.work.mkdir(parents=True)
    (config.work / "config.json").write_text(config.model_dump_json())
    process = subprocess.Popen(Trainer().command(config)[4:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    log = config.work / "training_log.jsonl"
    while process.poll() is None and not (log.is_file() and len(log.read_text().splitlines()) >= step):
        time.sleep(0.005)
    process.kill()
    assert process.wait() == -signal.SIGKILL


@pytest.mark.slow
def test_a_wish_to_stop_leaves_a_checkpoint(make_config):
    config = make_config(epochs=200)

    def stop_at_step_3(line):
        if "step 3 of" in line:
            os.kill(child_of(os.getpid(), "resources.training.sft"), signal.SIGTERM)

    with pytest.raises(TrainingFailed, match="asked to stop"):
        Trainer().train(config, log=stop_at_step_3)
    step, _ = Checkpoints(config.work).latest()
    assert step >= 3


def child_of(pid, module):
    found = subprocess.run(["ps", "--ppid", str(pid), "-o", "pid=,args="], capture_output=True, text=True).stdout
    return next(int(line.split()[0]) for line in found.splitlines() if module in line)


@pytest.fixture
def stand_in(monkeypatch):
    """The process of a training without its work: starts at once."""
    monkeypatch.setattr(trainer, "MODULE", "tests.resources.training.stand_in")


def test_an_interrupted_parent_stops_its_training(make_config, stand_in):
    seen: list[int] = []

    def interrupt(line):
        if "step 2 of" in line:
            seen.append(child_of(os.getpid(), "stand_in"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Trainer().train(make_config(), log=interrupt)
    assert not alive(seen[0])


def test_a_killed_parent_takes_its_training_along(make_config, tmp_path):
    (tmp_path / "c.json").write_text(make_config().model_dump_json())
    script = (
        "import sys; from pathlib import Path; from resources.training import SftConfig, Trainer, trainer\n"
        "trainer.MODULE = 'tests.resources.training.stand_in'\n"
        "Trainer().train(SftConfig.model_validate_json(Path(sys.argv[1]).read_text()),"
        " log=lambda line: print(line, flush=True))"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "c.json")]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    next(line for line in parent.stdout if "step 2 of" in line)
    training = child_of(parent.pid, "stand_in")
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 20
    while alive(training) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(training)


def test_a_training_that_ends_badly_shows_what_it_said_last(make_config, stand_in):
    with pytest.raises(TrainingFailed, match=r"exit status 7:\nfirst\nterrible"):
        Trainer().train(make_config(max_steps=1))


def test_a_killed_training_is_told_from_a_broken_one(make_config, stand_in):
    killed: list[int] = []

    def kill(line):
        if not killed:  # what it had said before may still come
            killed.append(child_of(os.getpid(), "stand_in"))
            os.kill(killed[0], signal.SIGKILL)

    with pytest.raises(TrainingFailed, match="most likely because memory ran out"):
        Trainer().train(make_config(), log=kill)


def test_a_guarded_command_does_not_start_without_its_parent():
    ran = subprocess.run(
        [sys.executable, "-m", "resources.training.guard", "1", "echo", "started"], capture_output=True
    )
    assert ran.returncode == 1 and ran.stdout == b""


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


@pytest.mark.slow
def test_a_loss_that_is_no_number_stops_the_run_with_advice(make_config, tmp_path):
    import torch
    from transformers import AutoModelForCausalLM

    base = build_base(tmp_path / "broken")
    model = AutoModelForCausalLM.from_pretrained(base)
    with torch.no_grad():
        model.model.norm.weight[0] = float("nan")
    model.save_pretrained(base)
    with pytest.raises(TrainingFailed, match="the loss is nan at step 1") as caught:
        Trainer().train(make_config(base=base))
    assert "learning_rate" in caught.value.fix


@pytest.mark.slow
def test_a_base_without_a_chat_template_is_refused(make_config, tmp_path):
    base = build_base(tmp_path / "plain", template=None)
    with pytest.raises(UserError, match="has no chat template"):
        Trainer().train(make_config(base=base))


@pytest.mark.slow
def test_a_crash_shows_the_last_lines(make_config, tmp_path):
    base = build_base(tmp_path / "cut")
    (base / "model.safetensors").write_bytes(b"\x00" * 16)
    with pytest.raises(TrainingFailed, match=r"training broke:\n(.|\n)*Error"):
        Trainer().train(make_config(base=base))


def test_starting_a_training_loads_no_torch():
    code = (
        "import sys, resources.training, resources.chat, resources.models; print(json.dumps([m for m in "
        "('torch', 'transformers', 'trl', 'dagster') if m in sys.modules]))"
    )
    ran = subprocess.run([sys.executable, "-c", "import json;" + code], capture_output=True, text=True, check=True)
    assert json.loads(ran.stdout) == []


@pytest.mark.slow
def test_two_processes_train_together_under_accelerate(make_config):
    config = make_config(processes=2, device="cpu", device_batch=2, epochs=4)
    result = Trainer().train(config)
    assert result.steps == 12 and result.final_loss < result.first_loss
    assert len(read_log(result.log)) == 12


@pytest.mark.slow
def test_a_model_split_over_two_processes_is_saved_whole(make_config):
    config = make_config(processes=2, device="cpu", device_batch=2, epochs=4, sharding="full", checkpoint_seconds=0)
    result = Trainer().train(config)
    from transformers import AutoModelForCausalLM

    assert result.final_loss < result.first_loss
    assert AutoModelForCausalLM.from_pretrained(result.folder).num_parameters() > 1000
