"""Which tokenizer a benchmark is screened with, and the rules of its spec."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import polars as pl
import pytest
from pydantic import ValidationError

from ot_assets.curation.screen_items import items_of
from ot_assets.registry.specs.benchmark import CONTAINMENT, Screen
from resources.artifacts import Artifact
from resources.errors import UserError
from resources.home import Home
from tests.factories import a_benchmark, a_registry

LETTERS = {
    "version": "1.0",
    "pre_tokenizer": {"type": "Split", "pattern": {"Regex": "."}, "behavior": "Isolated", "invert": False},
    "model": {"type": "WordLevel", "vocab": {"a": 0, "b": 1, "?": 2}, "unk_token": "?"},
    "added_tokens": [],
}


def questions(*texts: str) -> Artifact:
    frame = pl.DataFrame({"question_id": list(texts), "question": list(texts)}).lazy()
    return cast("Artifact", SimpleNamespace(scan=lambda: frame))


def made(tmp_path: Path, **screens: dict[str, Any]) -> list[Any]:
    registry = a_registry(*(a_benchmark(key, screen=screen) for key, screen in screens.items()))
    registry = replace(registry, files={("benchmarks", key): tmp_path / f"{key}.yaml" for key in screens})
    return items_of(registry, Home(tmp_path), {key: questions("ab ba") for key in screens})


def test_a_folder_beside_the_yaml_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "tokenizer.json").write_text(json.dumps(LETTERS))
    one, two, words = made(tmp_path, one={"tokenizer": "./letters"}, two={"tokenizer": "./letters"}, words={})
    assert one.tokenizer.name == "letters"
    assert one.tokenizer.split(["ab"]) == [[0, 1]]
    assert two.tokenizer is one.tokenizer
    assert words.tokenizer is None


@pytest.mark.parametrize(("name", "says"), [("./gone", "is no folder"), ("qwen9", "no model of the registry")])
def test_a_tokenizer_that_is_not_there_is_a_user_error(tmp_path: Path, name: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        made(tmp_path, b={"tokenizer": name})


def test_what_a_spec_says_without_saying_it() -> None:
    assert Screen().containment == CONTAINMENT
    assert Screen(ngram=None).containment == CONTAINMENT
    assert Screen(ngram=None, similarity=None).containment is None
    assert Screen(ngram=None, similarity=None, containment=90).containment == 90


def test_older_specs_keep_their_hash() -> None:
    assert Screen().to_dict() == {"ngram": 13, "similarity": 75}
    assert Screen(ngram=None, similarity=None).to_dict() == {"ngram": None, "similarity": None}
    for screen in (Screen(containment=None), Screen(containment=90), Screen(tokenizer="./x"), Screen(ngram=None)):
        assert Screen.model_validate(screen.to_dict()) == screen
        assert screen.hash != Screen().hash
    only = Screen(ngram=None, similarity=None, containment=CONTAINMENT)
    assert Screen.model_validate(only.to_dict()) == only


@pytest.mark.parametrize("value", [0, 101, -3])
def test_thresholds_out_of_range(value: float) -> None:
    with pytest.raises(ValidationError):
        Screen(containment=value)
