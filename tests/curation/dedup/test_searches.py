"""The searches beside Indel: MinHash against counting every pair, cosines against every product, a model in a folder."""

from __future__ import annotations

import json
import random
import shutil
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ot_assets.curation.dedup import cosine, minhash
from ot_assets.curation.embedding import embed, embedding_folder
from ot_assets.registry import load_registry
from resources.errors import UserError
from resources.home import Home

WORDS = (
    "a", "farmer", "sells", "some", "eggs", "and", "milk", "at", "the", "old", "market", "every", "morning",
    "before", "noon", "while", "his", "dog", "sleeps",
)  # fmt: skip


def texts(count: int, seed: int = 3) -> list[str]:
    """Texts of which many share most of their words."""
    draw = random.Random(seed)
    made = [" ".join(draw.choices(WORDS, k=30)) for _ in range(count // 2)]
    for text in list(made):
        words = text.split()
        words[draw.randrange(30)] = draw.choice(WORDS)
        made.append(" ".join(words))
    return made


def test_minhash_finds_what_counting_finds() -> None:
    some = [*texts(200), "", "ab", "ab ", "x" * 9]
    found = minhash.similar_pairs(some, 80)
    said = dict(
        zip(zip(found.left.tolist(), found.right.tolist(), strict=True), found.similarity.tolist(), strict=True)
    )
    true = {
        (a, b): minhash.jaccard(some[a], some[b])
        for a, b in combinations(range(len(some)), 2)
        if minhash.jaccard(some[a], some[b]) >= 80
    }
    assert len(true) > 30
    assert said.items() <= true.items()  # nothing is wrong
    assert len(said) >= 0.97 * len(true)  # and nearly nothing is missed
    clear = {pair for pair, similarity in true.items() if similarity >= 88}
    assert clear <= said.keys()


def test_minhash_does_not_depend_on_the_order() -> None:
    some = texts(60)
    turned = some[::-1]

    def named(given: list[str]) -> set[frozenset[str]]:
        found = minhash.similar_pairs(given, 70)
        return {frozenset((given[a], given[b])) for a, b in zip(found.left.tolist(), found.right.tolist(), strict=True)}

    assert named(some) == named(turned)


def test_a_crowd_of_equal_texts_costs_no_square() -> None:
    found = minhash.similar_pairs(["the same text again"] * 3_000, 80)
    assert len(found.left) < 10_000
    assert set(found.right.tolist()) == set(range(1, 3_000))


def test_a_crowd_of_several_groups_loses_no_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minhash, "_CROWD", 3)
    groups = np.array([1, 2] * 10, np.uint64)
    found = minhash.similar_pairs(["the same text again"] * 20, 80, groups=groups)
    kept = found.kept(groups[found.left] == groups[found.right])
    assert set(kept.right.tolist()) == set(range(2, 20))


def test_cosines_are_those_of_every_product(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cosine, "_ROWS", 7)
    monkeypatch.setattr(cosine, "_COLUMNS", 11)
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(60, 4)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    found = cosine.similar_pairs(vectors, 90)
    products = vectors.astype(np.float64) @ vectors.T.astype(np.float64) * 100
    expected = {(a, b) for a, b in combinations(range(60), 2) if round(products[a, b], 4) >= 90}
    assert set(zip(found.left.tolist(), found.right.tolist(), strict=True)) == expected
    assert len(expected) > 20


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of random weights with a word tokenizer: the real files, nothing in them."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("model")
    words = {word: place for place, word in enumerate(["[PAD]", "[UNK]", *dict.fromkeys(WORDS)])}
    inner = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=inner, unk_token="[UNK]", pad_token="[PAD]").save_pretrained(folder)
    size = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    BertModel(BertConfig(vocab_size=len(words), **size)).save_pretrained(folder)
    return folder


def test_a_folder_embeds(model: Path) -> None:
    some = ["a farmer sells eggs", "the dog sleeps at noon before the market", "a farmer sells eggs", ""]
    vectors = embed(some, model, batch=2)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors[:3], axis=1), 1, atol=1e-5)
    assert np.array_equal(vectors[0], vectors[2])
    assert not np.allclose(vectors[0], vectors[1])
    assert np.array_equal(embed(some[::-1], model, batch=2)[::-1], vectors)
    assert embed([], model).shape == (0, 16)


def pooled(model: Path, folder: Path, **said: Any) -> Path:
    """The model with this pooling, padding on the left, as models that write do."""
    shutil.copytree(model, folder)
    tokenizer = folder / "tokenizer_config.json"
    tokenizer.write_text(json.dumps({**json.loads(tokenizer.read_text()), "padding_side": "left"}))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"word_embedding_dimension": 16, **said}))
    return folder


@pytest.mark.parametrize("said", [{"pooling_mode_cls_token": True}, {"pooling_mode": "cls"}])
def test_the_first_token_is_a_word_and_no_padding(model: Path, tmp_path: Path, said: dict[str, Any]) -> None:
    folder = pooled(model, tmp_path / "first", pooling_mode_mean_tokens=False, **said)
    alone = embed(["a farmer"], folder)
    assert np.allclose(embed(["a farmer", "the dog sleeps at noon"], folder)[0], alone[0], atol=1e-5)
    assert not np.allclose(embed(["a farmer"], model), alone)


def test_a_model_is_loaded_once(model: Path, tmp_path: Path) -> None:
    folder = pooled(model, tmp_path / "mean", pooling_mode_mean_tokens=True)
    first = embed(["a farmer"], folder)
    shutil.rmtree(folder)
    assert np.array_equal(embed(["a farmer"], folder), first)


@pytest.mark.parametrize(
    ("said", "mode"),
    [
        ({"pooling_mode_lasttoken": True, "pooling_mode_mean_tokens": False}, "lasttoken"),
        ({"pooling_mode_cls_token": True, "pooling_mode_max_tokens": True}, "cls_token and max_tokens"),
        ({"pooling_mode": "max"}, "max"),
    ],
)
def test_other_poolings_are_refused(model: Path, tmp_path: Path, said: dict[str, Any], mode: str) -> None:
    with pytest.raises(UserError, match=f"is pooled by {mode}: only mean and cls are known"):
        embed(["x"], pooled(model, tmp_path / "other", **said))


def test_models_that_cannot_be_had(tmp_path: Path) -> None:
    home, registry = Home(tmp_path / "home"), load_registry()
    assert embedding_folder(str(tmp_path), registry, home) == tmp_path
    with pytest.raises(UserError, match=r"no embedding model 'nowhere'[\s\S]*minilm-l6-v2"):
        embedding_folder("nowhere", registry, home)
    with pytest.raises(UserError, match=r"gpt-4\.1-mini has no weights on this machine \(engine: openai\)"):
        embedding_folder("gpt-4.1-mini", registry, home)
    with pytest.raises(UserError, match="cannot be read"):
        embed(["x"], tmp_path)
