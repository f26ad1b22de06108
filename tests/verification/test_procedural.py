from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ot_assets.verification import Verdict, check_gold, verify
from ot_assets.verification.guard import EVALUATING, fitness
from ot_assets.verification.procedural import WITHOUT_GOLD, procedural_args, read_entry

CONFIGS: dict[str, dict[str, Any]] = {"codeio": {"input_prediction_probability": 0.0}}
SLOW = {"sokoban", "knight_swap", "composite"}  # seconds to generate, or not to be made without parts


def item(dataset: str, seed: int = 7, **config: Any) -> tuple[str, str | None, str]:
    """Question, gold and verifier_args of a generated item, its metadata as JSON gives it back."""
    import reasoning_gym

    settings = {**CONFIGS.get(dataset, {}), **config}
    entry = reasoning_gym.create_dataset(dataset, size=1, seed=seed, **settings)[0]
    return entry["question"], entry["answer"], procedural_args(dataset, settings, entry["metadata"])


def judged(dataset: str, answer: str, **more: Any) -> Verdict:
    _, gold, args = item(dataset)
    return verify("procedural", args, gold, answer.replace("GOLD", gold or ""), **more)


@pytest.mark.parametrize(
    "dataset",
    ["chain_sum", "products", "basic_arithmetic", "gcd", "number_sequence", "letter_counting",
    "simple_equations", "count_primes",
     "leg_counting"],
)  # fmt: skip
@pytest.mark.parametrize(
    "answer",
    ["GOLD", r"\boxed{GOLD}", r"so it is $\boxed{\text{GOLD}}$.", "The answer is GOLD.", "**Answer:** GOLD",
    "1 + 2 = GOLD",
     "<answer>GOLD</answer>", "The answer is GOLD because 3 is 3", "Answer:\nGOLD", "I count 99 of them, then GOLD"],
)  # fmt: skip
def test_numbers_are_found_wherever_they_are_stated(dataset: str, answer: str) -> None:
    verdict = judged(dataset, answer)
    assert verdict.correct, verdict


@pytest.mark.parametrize(
    ("dataset", "answer"),
    [
        ("coin_flip", r"\boxed{GOLD}"),
        ("syllogism", "GOLD, that follows."),
        ("syllogism", "The answer is GOLD, since all are."),
        ("syllogism", r"\boxed{GOLD}"),
        ("knights_knaves", "GOLD"),
        ("knights_knaves", r"Therefore, the answer is: GOLD"),
        ("mini_sudoku", "Here it is:\n\nGOLD"),
        ("mini_sudoku", "The answer is:\nGOLD"),
        ("mini_sudoku", "```\nGOLD\n```\nEvery row is fine."),
        ("zebra_puzzles", "The answer is GOLD."),
        ("zebra_puzzles", "**GOLD**"),
        ("calendar_arithmetic", "GOLD"),
        ("spell_backward", "Spelled backward: GOLD"),
        ("time_intervals", "The answer is GOLD"),
        ("prime_factorization", r"\boxed{GOLD}"),
        ("fraction_simplification", r"\boxed{GOLD}"),
        ("dice", "The probability is GOLD."),
        ("codeio", "GOLD"),
        ("word_sorting", "The sorted list is: GOLD"),
        ("polynomial_multiplication", r"\boxed{GOLD}"),
        ("simple_integration", "The answer is GOLD"),
        ("countdown", r"\boxed{GOLD}"),
        ("string_insertion", "GOLD"),
    ],
)
def test_other_answers_are_found_where_they_fit(dataset: str, answer: str) -> None:
    verdict = judged(dataset, answer)
    assert verdict.correct, verdict


def test_a_question_that_is_said_again_announces_nothing() -> None:
    again = "The final answer to the following arithmetic problem: 57 + 87 =\n57 + 80 + 7 = 137 + 7\nso GOLD"
    assert judged("chain_sum", again).correct
    assert judged("chain_sum", "The final answer to the following arithmetic problem: 4 + 5 = GOLD").correct
    assert judged("chain_sum", "The answer to the problem 57 + 87 is GOLD.").correct


def test_wrong_answers_show_what_was_scored() -> None:
    verdict = judged("chain_sum", r"\boxed{GOLD1}")
    assert verdict.verdict == "wrong"
    assert "chain_sum scores it" in verdict.reason
    assert "gold answer is" in verdict.reason


def test_near_misses_are_wrong_although_scorers_give_points() -> None:
    _, gold, args = item("knights_knaves")
    names = (gold or "").rstrip(".").split(", and ")
    flipped = f"{names[0]}, and {names[1].rsplit(' ', 1)[0]} nobody."
    verdict = verify("procedural", args, gold, flipped)
    assert verdict.verdict == "wrong", verdict


def test_a_simplified_fraction_is_not_simplified_by_us() -> None:
    import reasoning_gym

    entry = reasoning_gym.create_dataset("fraction_simplification", size=1, seed=7)[0]
    above, below = entry["metadata"]["numerator"], entry["metadata"]["denominator"]
    args = procedural_args("fraction_simplification", {}, entry["metadata"])
    assert not verify("procedural", args, entry["answer"], f"\\boxed{{{above}/{below}}}").correct


def test_no_answer_and_cut_replies() -> None:
    assert judged("chain_sum", "").reason == "no answer found"
    assert judged("chain_sum", "I cannot tell.").reason == "no answer found"
    cut = judged("chain_sum", "so far I have GOLD", finish_reason="length")
    assert (cut.verdict, cut.extracted) == ("wrong", None)
    assert judged("chain_sum", "The answer is GOLD", finish_reason="length").correct


@pytest.mark.parametrize(
    "args", [None, "", "{}", "[]", '{"dataset": "chain_sum"}', '{"dataset": 1, "config": 2, "metadata": 3}']
)
def test_args_without_the_item_cannot_be_judged(args: str | None) -> None:
    assert verify("procedural", args, "1", "1").verdict == "unverifiable"
    assert read_entry(args) is None


def test_an_unknown_generator_is_the_verifiers_failure() -> None:
    args = json.dumps({"dataset": "never_heard_of", "config": {}, "metadata": {}})
    verdict = verify("procedural", args, "1", "1")
    assert verdict.verdict == "verifier_failed"
    assert "never_heard_of" in verdict.reason


def test_without_a_gold_answer_only_generators_that_need_none_can_be_judged() -> None:
    _, _, args = item("chain_sum")
    assert verify("procedural", args, None, "5").verdict == "unverifiable"
    _, gold, args = item("graph_color")
    assert gold is None
    assert verify("procedural", args, None, '{"0": 1}').verdict == "wrong"


ATTACKS = [
    "__import__('pathlib').Path({path!r}).write_text('x')",
    "[__import__('pathlib').Path({path!r}).write_text('x')]",
    "[c for c in ().__class__.__base__.__subclasses__()] + [open({path!r}, 'w')]",
    "(lambda: open({path!r}, 'w'))()",
    "Symbol('x', cls=open({path!r}, 'w'))",
    "N(open({path!r}, 'w'))",
]


@pytest.mark.parametrize("dataset", sorted(EVALUATING))
@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("wrapper", ["{}", "\\boxed{{{}}}", "The answer is {}"])
def test_no_answer_runs_code(dataset: str, attack: str, wrapper: str, tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    reply = wrapper.format(attack.format(path=str(proof)))
    verdict = judged(dataset, reply)
    assert not proof.exists()
    assert not verdict.correct
    assert fitness(dataset, attack.format(path=str(proof))) == "refused"


def test_every_scorer_that_evaluates_an_answer_is_guarded() -> None:
    """Reads the installed scorers: a new `eval` or `parse_expr` of an answer must show up here before it runs."""
    import re

    import reasoning_gym

    root = Path(reasoning_gym.__file__).parent
    found = set()
    for file in root.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        if re.search(r"(?:\beval|parse_expr|sympify)\(\s*(?:user_)?answer\b", text):
            found.add(re.search(r'DATASET_NAME = "(\w+)"', text)[1])  # type: ignore[index]
    assert found == set(EVALUATING)


@pytest.mark.slow
def test_every_generator_accepts_its_own_answer_after_a_round_trip_through_json() -> None:
    from reasoning_gym.factory import DATASETS

    rejected = []
    for dataset in sorted(set(DATASETS) - SLOW - WITHOUT_GOLD - {"propositional_logic"}):
        for seed in (7, 8):
            _, gold, args = item(dataset, seed)
            if not check_gold("procedural", args, gold).correct:
                rejected.append((dataset, seed, check_gold("procedural", args, gold)))
    assert rejected == []
