from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable

import hypothesis.strategies as st
import pytest
from hypothesis import given

from ot_assets.verification import VerifierPool, VerifyTask
from ot_assets.verification.majority import Answers, Ballot, Election, elect
from ot_assets.verification.reading import canonical_of, how_read, reading_task

TASK = VerifyTask("majority", None, None, "x")


def never(pairs: Iterable[tuple[str, str]]) -> list[bool]:
    return [False for _ in pairs]


def counted(said: list[str | None]) -> tuple[Answers, list[int]]:
    answers = Answers()
    return answers, [answers.add(one, one) for one in said]


def elected(said: list[str | None], least: int = 2) -> tuple[Election, list[str]]:
    answers, numbers = counted(said)
    election = elect(answers, least, never)
    return election, [election.verdict(number, TASK).verdict for number in numbers]


def test_what_most_answers_say_is_correct() -> None:
    election, verdicts = elected(["5", "7", "5", None, "5"])
    assert verdicts == ["correct", "wrong", "correct", "wrong", "correct"]
    assert election.text == "5"
    assert json.loads(election.evidence) == {"answers": 5, "counts": [["5", 3], ["7", 1]], "without": 1}
    assert election.verdict(1, TASK).reason == "most answers say '5'"
    assert election.verdict(-1, TASK).reason == "no answer found"
    assert election.verdict(-1, TASK).verifier == "majority"


@pytest.mark.parametrize(
    ("said", "least", "why"),
    [
        (["5", "7"], 2, "no two answers agree"),
        (["5", "5", "7", "7", "1"], 2, "2 answers have 2 votes each"),
        (["5", "5", "7"], 3, "only 2 answers agree; 3 must"),
        ([None, None], 2, "no reply states an answer"),
        (["5"], 2, "no two answers agree"),
    ],
)
def test_without_a_winner_nothing_is_judged(said: list[str | None], least: int, why: str) -> None:
    election, verdicts = elected(said, least)
    assert why in election.why_none
    assert set(verdicts) <= {"unverifiable", "wrong"}
    assert [v for v, s in zip(verdicts, said, strict=True) if s] == ["unverifiable" for s in said if s]


@given(st.lists(st.sampled_from(["a", "b", "c", None]), max_size=12), st.integers(1, 3))
def test_it_is_the_count(said: list[str | None], least: int) -> None:
    election, verdicts = elected(said, least)
    counts = Counter(one for one in said if one).most_common()
    clear = bool(counts) and counts[0][1] >= least and (len(counts) == 1 or counts[0][1] > counts[1][1])
    assert (election.text is not None) == clear
    for one, verdict in zip(said, verdicts, strict=True):
        expected = "wrong" if one is None else "unverifiable" if not clear else None
        assert verdict == (expected or ("correct" if one == counts[0][0] else "wrong"))


def test_equal_answers_in_other_forms_are_one() -> None:
    answers, numbers = counted(["1/3", "0.333333", "2", "2", "1/3", "0.333333"])

    def same(pairs: Iterable[tuple[str, str]]) -> list[bool]:
        return [set(pair) == {"1/3", "0.333333"} for pair in pairs]

    election = elect(answers, 2, same)
    assert [election.verdict(number, TASK).verdict for number in numbers] == [
        "correct", "correct", "wrong", "wrong", "correct", "correct",
    ]  # fmt: skip
    assert json.loads(election.evidence)["counts"] == [["1/3", 4], ["2", 2]]


def test_evidence_stays_short() -> None:
    answers, _ = counted([f"{n}" + "x" * 5_000 for n in range(40)])
    election = elect(answers, 2, never)
    assert json.loads(election.evidence)["others"] == 35


def test_a_ballot_keeps_the_order_of_the_traces() -> None:
    ballot = Ballot()
    for question, said in (("q1", "5"), ("q2", "a"), ("q1", "5"), ("q2", None), ("q1", "6")):
        ballot.add(question, said, said)
    ballot.close(lambda _: 2, lambda _: never)
    numbers = list(ballot.order())
    assert numbers == [0, 0, 0, -1, 1]
    assert ballot.elections["q1"].winner == 0
    assert ballot.elections["q2"].winner is None


def test_answers_are_read_as_the_question_wants() -> None:
    options = json.dumps({"options": {"A": "one", "B": "two"}})
    replies = [
        (None, r"so \boxed{\frac{1}{2}}", "1/2"),
        (None, "The answer is 0.50", "1/2"),
        (None, r"\boxed{x+1}", "x + 1"),
        (None, r"\boxed{1+x}", "x + 1"),
        (None, r"\boxed{\text{East}}", "east"),
        (None, "I do not know.", None),
        (options, "The answer is (B).", "B"),
        (json.dumps({"of": "exact"}), "The answer is **Paris**", "paris"),
        (json.dumps({"of": "exact"}), r"\boxed{" + "y" * 999 + "}", None),
    ]
    tasks = [reading_task(VerifyTask("majority", args, "gold", reply)) for args, reply, _ in replies]
    with VerifierPool(1) as pool:
        read = [canonical_of(verdict) for verdict in pool.verify_many(tasks)]
    assert read[:-1] == [canonical for *_, canonical in replies[:-1]]
    assert str(read[-1]).startswith("#")
    assert (how_read(None), how_read(options), how_read('{"of": "exact"}')) == ("math", "choice", "exact")
