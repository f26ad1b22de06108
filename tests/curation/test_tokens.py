"""Tokenizers: words, and local Hugging Face folders, read without running anything of theirs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ot_assets.curation.screening import BenchmarkItems, Screener
from ot_assets.curation.tokens import FastTokenizer, WordTokenizer, load_tokenizer
from resources.errors import UserError
from tests.curation.rows import questions

CORPUS = ["the quick brown fox jumps over the lazy dog", "what is the sum of two and three", "a b c d e f g h i j"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A byte-level BPE tokenizer as a Hugging Face folder, with Qwen's kind of special tokens and a template that adds them."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    inner.train_from_iterator(CORPUS, trainer)
    inner.post_processor = processors.TemplateProcessing(
        single="<|im_start|> $A <|im_end|>", special_tokens=[("<|im_start|>", 0), ("<|im_end|>", 1)]
    )
    inner.enable_truncation(4)
    made = tmp_path / "qwen-like"
    made.mkdir()
    inner.save(str(made / "tokenizer.json"))
    return made


def test_words_and_marks_without_case() -> None:
    words = WordTokenizer()
    assert words.split(["What's f(x_1)?", "", "Ünï 中文"]) == [
        ["what", "'", "s", "f", "(", "x_1", ")", "?"],
        [],
        ["ünï", "中文"],
    ]
    assert words.shown(["a", "?"]) == "a ?"
    assert load_tokenizer(None) == words


def test_fault_d_special_tokens_are_no_tokens(folder: Path) -> None:
    """Neither the ones that a template adds nor the ones that a text spells out; and nothing is truncated."""
    tokenizer = load_tokenizer(folder)
    assert isinstance(tokenizer, FastTokenizer)
    assert tokenizer.name == "qwen-like"
    plain, spelled = tokenizer.split([CORPUS[0], f"<|im_start|>{CORPUS[0]}<|im_end|>"])
    assert plain == spelled
    assert len(plain) > 4
    assert not {0, 1} & set(plain)
    assert tokenizer.shown(plain) == CORPUS[0]


def test_special_tokens_alone_are_no_contamination(folder: Path) -> None:
    padding = "<|im_start|><|im_end|>" * 8
    items = BenchmarkItems("b", questions([padding + CORPUS[0]]), 13, None)
    screener = Screener([items], load_tokenizer(folder), workers=1)
    assert screener.screen(questions([padding + CORPUS[1]])).ledger.is_empty()
    (rule,) = screener.screen(questions([f"{CORPUS[0]} now"])).ledger["rule"]
    assert rule == "ngram"


def test_fault_f_code_of_the_folder_is_never_run(tmp_path: Path) -> None:
    """A folder that brings its own tokenizer class is refused, whatever its config asks for."""
    folder = tmp_path / "custom"
    folder.mkdir()
    trace = tmp_path / "ran"
    (folder / "evil.py").write_text(f"open({str(trace)!r}, 'w')\nclass Evil: pass\n")
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "Evil", "auto_map": {"AutoTokenizer": ["evil.Evil", None]}})
    )
    with pytest.raises(UserError, match="cannot be read"):
        load_tokenizer(folder)
    assert not trace.exists()


def test_a_folder_that_only_transformers_can_read(tmp_path: Path) -> None:
    folder = tmp_path / "bert-like"
    folder.mkdir()
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "what", "is", "the", "sum", "##s", "?"]
    (folder / "vocab.txt").write_text("\n".join(vocabulary))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer"}))
    tokenizer = load_tokenizer(folder)
    assert tokenizer.name == "bert-like"
    plain, spelled, none = tokenizer.split(["What is the sums?", "[CLS]what is the sums?[SEP]", ""])
    assert plain == spelled
    assert len(plain) == 6
    assert none == []
    assert tokenizer.split([]) == []
    assert "sum" in tokenizer.shown(plain)


def test_a_broken_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(UserError, match=str(tmp_path)):
        load_tokenizer(tmp_path)
