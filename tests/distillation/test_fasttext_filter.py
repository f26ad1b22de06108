"""The fastText filter: real training on samples, the same scores every time, and what stays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ot_assets.distillation.classifier import trained
from ot_assets.distillation.sample_files import digest, read_texts
from ot_assets.registry.specs.answer_filter import FastText, Samples
from resources.errors import UserError
from tests.distillation.filter_aids import MemoryAids, filtered, lost, said, samples

SMALL: dict[str, Any] = {"dim": 16, "epochs": 20, "min_count": 1, "buckets": 5_000, "learning_rate": 0.5}
PROOFS = [f"We prove it by induction on {n}; the base case holds, hence the claim follows." for n in range(40)]
CHAT = [f"Sure! Happy to help you with number {n}, my friend. Hope this was useful!" for n in range(40)]


def spec(**fields: Any) -> dict[str, Any]:
    sides = {"positives": [{"source": "proofs", "teacher": "t"}], "negatives": [{"source": "chat", "teacher": "t"}]}
    return {"kind": "fasttext", **sides, **SMALL, **fields}


def aids(*texts: str) -> MemoryAids:
    rows = [said(n % 2, n, text) for n, text in enumerate(texts)]
    return MemoryAids(rows, samples_of={"proofs": PROOFS, "chat": CHAT})


def test_it_tells_what_is_like_the_positives() -> None:
    given = aids(PROOFS[3], CHAT[3], "The base case holds by induction", "Happy to help, friend!")
    chosen = filtered(spec(at_least=0.5), given)
    assert sorted(index for _, index in samples(chosen)) == [0, 2]
    assert lost(chosen) == {"fasttext": 2}
    assert all(0 <= figure < 0.5 for figure in chosen.ledger["figure"])
    assert chosen.steps[-1]["samples"] == {"positives": 40, "negatives": 40}


def test_the_best_in_all_and_the_best_a_question() -> None:
    given = aids(PROOFS[1], CHAT[1], CHAT[2], PROOFS[2], "by induction", "the claim follows")
    best = filtered(spec(rows=2), given)
    assert len(samples(best)) == 2
    more = filtered(spec(rows=3), given)
    assert set(samples(best)) < set(samples(more))
    assert best.ledger["note"][0] == "2 of 6 scored highest"
    each = filtered(spec(keep=1), given)
    assert sorted(row for row, _ in samples(each)) == ["train:0", "train:1"]
    assert set(each.ledger["lost_to"]) <= set(each.frame["trace_id"])


def test_a_text_of_unknown_words_has_no_score_and_comes_last() -> None:
    assert trained(FastText.model_validate(spec(rows=1)), PROOFS, CHAT, 7).score("日本 Tokio") is None
    given = aids("日本 Tokio", CHAT[3], PROOFS[3])
    chosen = filtered(spec(rows=2), given)
    assert lost(chosen) == {"fasttext": 1}
    assert chosen.ledger["figure"].to_list() == [None]
    assert lost(filtered(spec(at_least=0.01), aids("日本 Tokio", PROOFS[3]))) == {"fasttext": 1}


def test_the_same_samples_give_the_same_scores() -> None:
    step = FastText.model_validate(spec(rows=1))
    first, again = (trained(step, PROOFS, CHAT, 7) for _ in range(2))
    texts = [*PROOFS[:5], *CHAT[:5], "something else altogether"]
    assert [first.score(text) for text in texts] == [again.score(text) for text in texts]
    other = trained(step, PROOFS, CHAT, 8)
    assert [first.score(text) for text in texts] != [other.score(text) for text in texts]


def test_a_text_may_hold_anything() -> None:
    classifier = trained(
        FastText.model_validate(spec(rows=1)), ["__label__negative good proof \ud800\n\nx"] * 5, CHAT, 1
    )
    assert classifier.samples == {"positives": 5, "negatives": 40}
    score = classifier.score("good proof")
    assert score is not None and score > 0.5
    assert (classifier.score("") or 0.0) <= 1.0


def test_classes_need_samples() -> None:
    step = FastText.model_validate(spec(rows=1))
    with pytest.raises(UserError, match="no negatives to learn from"):
        trained(step, PROOFS, [], 1)
    with pytest.raises(UserError, match="no word stands 1000 times"):
        trained(FastText.model_validate(spec(rows=1, min_count=1000)), PROOFS, CHAT, 1)


def test_samples_of_files(tmp_path: Path) -> None:
    jsonl, parquet, csv = tmp_path / "a.jsonl", tmp_path / "b.parquet", tmp_path / "c.csv"
    jsonl.write_text(
        "".join(json.dumps(row) + "\n" for row in ({"q": "Q", "a": "A"}, {"q": "Q2", "a": None}, {"a": " "}))
    )
    pl.DataFrame({"a": ["B"], "q": ["Q3"]}).write_parquet(parquet)
    csv.write_text("q,a\nQ4,01\n")
    plain = Samples(files=("x",), text="a")
    assert list(read_texts([jsonl, parquet, csv], plain)) == ["A", "B", "01"]
    both = Samples(files=("x",), text="a", question="q")
    assert list(read_texts([jsonl, parquet, csv], both)) == ["Q\n\nA", "Q3\n\nB", "Q4\n\n01"]
    before = digest(jsonl)
    jsonl.write_text("{}")
    assert digest(jsonl) not in (before, None)
    assert digest(tmp_path / "nowhere") is None


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.jsonl", "no json", "cannot be read as samples"),
        ("a.jsonl", '{"other": 1}\n', "has no column text; it has other"),
        ("a.txt", "x", "ends with .parquet"),
        ("a.parquet", "x", "cannot be read as samples"),
        ("a.csv", None, "cannot be read as samples"),
    ],
)
def test_bad_files(tmp_path: Path, name: str, content: str | None, words: str) -> None:
    file = tmp_path / name
    if content is not None:
        file.write_text(content)
    with pytest.raises(UserError, match=words):
        list(read_texts([file], Samples(files=(name,))))
