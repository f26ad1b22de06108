from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ot_assets.registry.specs.source import SourceSpec
from ot_assets.registry.traps import REFUSED
from ot_assets.verification import check_gold, verify
from resources.errors import UserError
from tests.sourcing.helpers import context, read_all, rules, spec


def generated(dataset: str, size: int = 20, *, verifier: str = "procedural", **origin: Any) -> SourceSpec:
    settings = {"kind": "procedural", "dataset": dataset, "size": size, "seed": 7, **origin}
    return spec(settings, columns={}, verifier=verifier)


def test_items_can_be_judged_from_their_row_alone(tmp_path: Path) -> None:
    for dataset in ("chain_sum", "syllogism", "mini_sudoku", "arc_agi", "rearc"):
        batch = read_all(generated(dataset, 3), context(tmp_path))
        assert batch.frame["verifier"].unique().to_list() == ["procedural"]
        for row in batch.frame.to_dicts():
            assert verify("procedural", row["verifier_args"], row["gold"], f"\\boxed{{{row['gold']}}}").correct
            assert not verify("procedural", row["verifier_args"], row["gold"], r"\boxed{rubbish}").correct


def test_the_same_seed_gives_the_same_questions_and_another_gives_others(tmp_path: Path) -> None:
    one, again = (read_all(generated("chain_sum"), context(tmp_path)) for _ in range(2))
    other = read_all(generated("chain_sum", seed=8), context(tmp_path))
    assert one.frame.equals(again.frame)
    assert one.frame["source_row"].to_list()[:2] == ["chain_sum:0", "chain_sum:1"]
    assert not one.frame["question"].equals(other.frame["question"])


def test_settings_reach_the_generator_and_the_scorer(tmp_path: Path) -> None:
    config = {"min_terms": 2, "max_terms": 2, "min_digits": 1, "max_digits": 1}
    batch = read_all(generated("chain_sum", config=config), context(tmp_path))
    assert max(len(question) for question in batch.frame["question"]) < 70
    assert json.loads(batch.frame["verifier_args"][0])["config"] == config
    as_math = read_all(generated("chain_sum", verifier="math"), context(tmp_path))
    assert as_math.frame["verifier_args"].null_count() == len(as_math.frame)
    assert as_math.frame["verifier"].unique().to_list() == ["math"]


def test_equations_without_their_variable_are_dropped(tmp_path: Path) -> None:
    batch = read_all(generated("simple_equations", 20, seed=1), context(tmp_path))
    assert rules(batch) == {"simple_equations:12": "degenerate"}
    assert "'0 = 0' lacks its variable 'i'" in batch.rejected["note"][0]


def test_repeated_items_keep_their_first(tmp_path: Path) -> None:
    batch = read_all(generated("prime_factorization", 200), context(tmp_path))
    assert 0 < len(batch.rejected) < 60
    assert set(rules(batch).values()) == {"duplicate_row"}


def test_generators_that_state_no_answer_but_can_judge_one_are_kept(tmp_path: Path) -> None:
    batch = read_all(generated("graph_color", 3), context(tmp_path))
    assert batch.frame["gold"].null_count() == 3
    assert batch.frame["verifier"].unique().to_list() == ["procedural"]
    assert batch.notes == {"gold_missing": 3}


def test_codeio_asks_for_outputs_only(tmp_path: Path) -> None:
    """The setting's name says the opposite of what it does: 1.0 is what gives output prediction."""
    batch = read_all(generated("codeio", 12, config={"input_prediction_probability": 1.0}), context(tmp_path))
    assert all("predict the output" in question for question in batch.frame["question"])
    for row in batch.frame.to_dicts():
        metadata = json.loads(row["verifier_args"])["metadata"]
        assert json.loads(row["gold"]) == metadata["output_data"]
        assert check_gold("procedural", row["verifier_args"], row["gold"]).correct


@pytest.mark.parametrize(
    ("dataset", "config", "message"),
    [
        *((name, {}, rf"{name} is not used: ") for name in sorted(REFUSED)),
        ("codeio", {}, r"write `input_prediction_probability: 1\.0`"),
        ("codeio", {"input_prediction_probability": 0.0}, "accepts only one of many right ones"),
        ("chainsum", {}, r"no generator 'chainsum'; did you mean 'chain_sum'"),
        ("chain_sum", {"min_termz": 1}, r"min_termz[\s\S]*its settings are: allow_negation, max_digits"),
        ("chain_sum", {"min_terms": 9}, r"does not take \{'min_terms': 9\}: max_terms must be >= min_terms"),
        ("chain_sum", {"seed": 1}, r"config holds 'seed'[\s\S]*write origin\.seed instead"),
    ],
)
def test_what_is_not_to_be_used_says_why(tmp_path: Path, dataset: str, config: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_all(generated(dataset, config=config), context(tmp_path))


def test_a_generator_that_fails_on_one_item_loses_only_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from reasoning_gym.arithmetic.chain_sum import ChainSumDataset

    real = ChainSumDataset.__getitem__

    def faulty(self: Any, index: int) -> Any:
        if index == 1:
            raise ZeroDivisionError("no")
        entry = real(self, index)
        return {**entry, "answer": None} if index == 2 else entry

    monkeypatch.setattr(ChainSumDataset, "__getitem__", faulty)
    batch = read_all(generated("chain_sum", 5), context(tmp_path))
    assert rules(batch) == {"chain_sum:1": "degenerate", "chain_sum:2": "degenerate"}
    assert batch.rejected["note"].to_list() == ["ZeroDivisionError: no", "the generator states no answer"]


def test_worked_solutions_are_rendered_where_they_are_wanted_and_known(tmp_path: Path) -> None:
    config = {"min_terms": 2, "max_terms": 2}
    worked = read_all(generated("chain_sum", config=config, worked=True), context(tmp_path))
    for row in worked.frame.to_dicts():
        assert row["solution"].endswith(row["gold"])
    plain = read_all(generated("chain_sum", config=config), context(tmp_path))
    assert plain.frame["solution"].null_count() == len(plain.frame)
    unknown = read_all(generated("syllogism", worked=True), context(tmp_path))
    assert unknown.frame["solution"].null_count() == len(unknown.frame)
