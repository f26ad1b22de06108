"""A model of a few thousand parameters with a real tokenizer and chat template, made here: real TRL, real files, seconds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from resources.training import SftConfig

TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def build_base(folder: Path, *, template: str | None = TEMPLATE) -> Path:
    """A random llama with a byte-level tokenizer."""
    import torch
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    raw = Tokenizer(models.BPE(vocab={symbol: i for i, symbol in enumerate(alphabet)}, merges=[]))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    raw.add_special_tokens([AddedToken(text, special=True) for text in ("<|im_start|>", "<|im_end|>")])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw, bos_token="<|im_start|>", eos_token="<|im_end|>", pad_token="<|im_end|>"
    )
    tokenizer.chat_template = template
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = LlamaForCausalLM(config).to(torch.bfloat16)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def chat(prompt: str, completion: str) -> dict[str, list[dict[str, str]]]:
    return {
        "prompt": [{"role": "user", "content": prompt}],
        "completion": [{"role": "assistant", "content": completion}],
    }


def write_part(path: Path, rows: list[dict[str, list[dict[str, str]]]]) -> Path:
    pl.DataFrame(rows).write_parquet(path)
    return path


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_base(tmp_path_factory.mktemp("tiny") / "base")


@pytest.fixture
def make_config(tiny_base: Path, tmp_path: Path) -> Callable[..., SftConfig]:
    """A config over 24 short examples; keyword arguments replace fields."""
    rows = [chat(f"{n} + 1 =", f"{n + 1}") for n in range(24)]
    part = write_part(tmp_path / "part-00000.parquet", rows)

    def make(**fields: object) -> SftConfig:
        said = {
            "base": tiny_base,
            "dataset": [part],
            "output": tmp_path / "student",
            "work": tmp_path / "work",
            "learning_rate": 1e-2,
            "epochs": 2,
            "global_batch": 8,
            "cutoff": 128,
            "log_seconds": 0,
        }
        return SftConfig.model_validate({**said, **fields})

    return make


def read_log(path: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in path.read_text().splitlines()]
