"""Verdicts on traces: every kind of verifier, in order, over real artifacts; judges through the real response store."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ot_assets.distillation.asked_judge import AskedJudge
from ot_assets.distillation.judging import judged
from ot_assets.registry.specs.judge import JudgeSpec
from ot_assets.verification import VerdictCache
from resources.artifacts import Artifact, ArtifactStore, Partition
from resources.errors import UserError
from resources.generation.ask import ask
from resources.generation.engine import Outcome
from resources.generation.model import Model
from resources.generation.request import Request
from resources.generation.scripted import ScriptedEngine
from resources.responses.store import ResponseStore
from schemas import Questions, Traces, violations
from schemas.distillation import Verdicts
from schemas.ids import question_id, trace_id
from tests.factories import a_teacher

AT = Partition({"source": "src", "teacher": "t"})
JUDGE = a_teacher("judge", "m", system_prompt="Be strict.", sampling={"max_tokens": 200})


class House:
    """Questions and traces as they are published, and a store of replies."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.store = ArtifactStore(path / "artifacts")
        self.responses = ResponseStore(f"sqlite:///{path / 'responses.sqlite'}")
        self.questions: list[dict[str, Any]] = []
        self.traces: list[dict[str, Any]] = []
        self.engines: list[ScriptedEngine] = []

    def add(
        self, question: str, answers: list[str | None], verifier: str, gold: str | None = None, **args: Any
    ) -> None:
        key = question_id(question)
        self.questions.append(
            {"question_id": key, "question": question, "gold": gold, "verifier": verifier, "domain": "math"}
            | {"verifier_args": json.dumps(args) if args else None, "language": "en", "licence": "MIT"}
            | {"source": "src", "source_row": f"train:{len(self.questions)}"}
        )
        for index, answer in enumerate(answers):
            self.traces.append(
                {"trace_id": trace_id(key, "h", index), "question_id": key, "source": "src", "source_row": "train:0"}
                | {"teacher": "t", "sample_index": index, "answer": answer, "reasoning": "hm", "finish_reason": "stop"}
                | {"reasoning_closed": True, "model": "m", "revision": "1", "licence": "MIT"}
            )

    def publish(self) -> tuple[Artifact, Artifact]:
        made = []
        for asset, schema, rows in (("traces", Traces, self.traces), ("screened_questions", Questions, self.questions)):
            with self.store.publication(asset, AT, code_version="1", schemas={"": schema}) as out:
                out.write(schema.frame(rows))
                out.publish()
            found = self.store.current(asset, AT)
            assert found is not None
            made.append(found)
        return made[0], made[1]

    def judge(self, table: list[dict[str, Any]], **spec: Any) -> AskedJudge:
        """A judge that answers by a table, through the response store."""
        options = {"table": table, **spec.pop("options", {})}
        model = Model(key="m", engine="scripted", model="m", options=options)

        def engine() -> ScriptedEngine:
            self.engines.append(ScriptedEngine(model))
            return self.engines[-1]

        def through(requests: Iterable[Request]) -> Iterator[Outcome]:
            return ask(self.responses, engine, requests, purpose="judge src|t by judge")

        return AskedJudge(JudgeSpec(teacher="judge", **spec), JUDGE, model, through)

    def calls(self) -> int:
        """Requests that came to an engine since this was last asked."""
        made = sum(engine.calls for engine in self.engines)
        self.engines.clear()
        return made

    def verdicts(self, **more: Any) -> pl.DataFrame:
        traces, questions = self.publish()
        frame = pl.concat(judged(traces, questions, **more))
        assert violations(Verdicts, frame) == []
        assert frame.get_column("trace_id").to_list() == [row["trace_id"] for row in self.traces]
        return frame


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.responses.close()


def said(verdict: str, thoughts: str = "so it is") -> str:
    return json.dumps({"thoughts": thoughts, "verdict": verdict})


def test_every_verifier_in_one_partition_and_in_order(house: House) -> None:
    house.add("sum", [r"\boxed{5}", None], "math", "5")
    house.add("town", ["Paris", "Rome"], "exact", "Paris")
    house.add("prove", ["QED", "no idea"], "judge")
    house.add("year", [r"\boxed{1984}"], "regex", pattern=r"\d{4}")
    house.add("most", [r"\boxed{7}", r"\boxed{8}", r"\boxed{7}"], "majority")
    house.add("open", ["x"], "none")
    table = [{"match": "QED", "replies": [said("correct")]}, {"match": "no idea", "replies": [said("wrong")]}]
    frame = house.verdicts(judge=house.judge(table))
    assert frame.get_column("verdict").to_list() == [
        "correct", "wrong", "correct", "wrong", "correct", "wrong", "correct", "correct", "wrong", "correct", "unverifiable",
    ]  # fmt: skip
    assert frame.get_column("verifier").to_list() == [
        *["math"] * 2, *["exact"] * 2, *["judge"] * 2, "regex", *["majority"] * 3, "none",
    ]  # fmt: skip
    evidence = dict(zip(frame.get_column("verifier"), frame.get_column("evidence"), strict=True))
    assert json.loads(evidence["judge"])["votes"] == {"correct": 0, "wrong": 1, "cannot_tell": 0}
    assert json.loads(evidence["majority"]) == {"answers": 3, "counts": [["7", 2], ["8", 1]], "without": 0}
    assert evidence["math"] is None


def test_votes_are_bought_once_and_more_votes_pay_for_the_difference(house: House) -> None:
    house.add("prove", ["QED", "QED", None], "judge", "1")
    table = [{"match": "QED", "replies": [said("correct"), said("wrong"), said("wrong")]}]
    frame = house.verdicts(judge=house.judge(table))
    assert frame.get_column("verdict").to_list() == ["correct", "correct", "wrong"]
    assert frame.get_column("reason").to_list()[2] == "no answer found"
    assert house.calls() == 1  # the same answer twice, and one that is none
    frame = house.verdicts(judge=house.judge(table, votes=3))
    assert house.calls() == 2
    assert frame.get_column("verdict").to_list() == ["wrong", "wrong", "wrong"]
    house.verdicts(judge=house.judge(table, votes=3))
    assert house.calls() == 0


def test_the_judge_sees_question_gold_answer_and_its_own_system_prompt(house: House) -> None:
    house.add("Why {answer}?", ["Because {gold}."], "judge", "the gold")
    judge = house.judge([{"match": ".", "replies": [said("correct")]}], prompt="Q={question} G={gold} A={answer}")
    asked: list[Request] = []

    def noting(requests: Iterable[Request]) -> Iterator[Outcome]:
        def through() -> Iterator[Request]:
            for request in requests:
                asked.append(request)
                yield request

        return judge.ask(through())

    house.verdicts(judge=AskedJudge(judge.spec, judge.teacher, judge.model, noting))
    (request,) = asked
    assert [message.content for message in request.messages] == [
        "Be strict.",
        "Q=Why {answer}? G=the gold A=Because {gold}.",
    ]
    assert request.response_format is not None
    assert request.sampling.max_tokens == 200


def test_a_vote_that_does_not_read_is_asked_again_as_often_as_the_spec_says(house: House) -> None:
    house.add("prove", ["QED"], "judge")
    frame = house.verdicts(judge=house.judge([{"match": "QED", "replies": ["I say yes"]}], attempts=3))
    assert house.calls() == 3
    assert frame.get_column("verdict").to_list() == ["verifier_failed"]
    assert "could be read" in frame.get_column("reason").item()


def test_votes_that_another_try_may_bring_are_not_given_up(house: House) -> None:
    house.add("prove", ["QED", "so it is", "of course"], "judge")
    table = [{"match": ".", "replies": [said("correct")]}]
    with pytest.raises(UserError, match=r"judge judge: 1 of 3 votes got no reply[\s\S]*only the others are asked"):
        house.verdicts(judge=house.judge(table, options={"timeout_every": 3}))
    house.calls()
    frame = house.verdicts(judge=house.judge(table))
    assert house.calls() == 1
    assert frame.get_column("verdict").to_list() == ["correct"] * 3


def test_without_a_judge_its_questions_cannot_be_verified(house: House) -> None:
    house.add("prove", ["QED"], "judge")
    frame = house.verdicts()
    assert frame.row(0, named=True)["reason"] == "the source names no judge"


def test_majorities_count_equal_answers_and_are_a_pseudo_gold(house: House) -> None:
    house.add("third", [r"\boxed{1/3}", r"\boxed{0.333333}", r"\boxed{2}", "no idea"], "majority")
    house.add("root", [r"\boxed{2\sqrt{3}}", r"\boxed{\sqrt{12}}", r"\boxed{\sqrt{13}}"], "majority")
    house.add("known", [r"\boxed{3}", r"\boxed{4}", r"\boxed{4}"], "majority", "3", when="no_gold")
    house.add("ignored", [r"\boxed{3}", r"\boxed{4}", r"\boxed{4}"], "majority", "3")
    house.add("alone", [r"\boxed{3}"], "majority")
    house.add("pick", ["The answer is B", "(B)", "I choose A"], "majority", options={"A": "x", "B": "y"})
    frame = house.verdicts()
    by_question = {
        row["question"]: frame.filter(pl.col("question_id") == row["question_id"]).get_column("verdict").to_list()
        for row in house.questions
    }
    assert by_question == {
        "third": ["correct", "correct", "wrong", "wrong"],
        "root": ["correct", "correct", "wrong"],
        "known": ["correct", "wrong", "wrong"],
        "ignored": ["wrong", "correct", "correct"],
        "alone": ["unverifiable"],
        "pick": ["correct", "correct", "wrong"],
    }


def test_the_verdict_cache_gives_the_same_rows(house: House, tmp_path: Path) -> None:
    house.add("sum", [r"\boxed{x+5}", r"\boxed{5+x}", r"\boxed{x}"], "math", "x+5")
    with VerdictCache(tmp_path / "verdicts.sqlite") as cache:
        first = house.verdicts(cache=cache)
        cache.flush()
        assert house.verdicts(cache=cache).equals(first)
    assert first.get_column("verdict").to_list() == ["correct", "correct", "wrong"]


def test_reasoning_is_never_read(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.add("sum", [r"\boxed{5}"] * 3, "math", "5")
    seen: list[Any] = []
    real = Artifact.batches

    def batches(self: Artifact, *args: Any, **more: Any) -> Any:
        seen.append(more.get("columns"))
        return real(self, *args, **more)

    monkeypatch.setattr(Artifact, "batches", batches)
    house.verdicts()
    assert seen
    assert all("reasoning" not in columns for columns in seen)


@pytest.mark.parametrize("order", ["as asked", "backwards", "mixed"])
def test_each_trace_is_judged_by_its_own_gold_whatever_the_order(
    house: House, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batches of three read only the stretch of questions that they need; one trace has no question."""
    monkeypatch.setattr("ot_assets.distillation.judging._BATCH", 3)
    for n in range(20):
        house.add(f"What is {n}?", [str(n), "no"], "exact", str(n))
    lost = house.questions.pop(7)["question_id"]
    if order != "as asked":
        house.traces = (
            house.traces[::-1] if order == "backwards" else house.traces[::3] + house.traces[1::3] + house.traces[2::3]
        )
    told = dict(zip(*house.verdicts().select("trace_id", "verdict").to_dict(as_series=False).values(), strict=True))
    for row in house.traces:
        wanted = "correct" if row["answer"] != "no" else "wrong"
        assert told[row["trace_id"]] == ("unverifiable" if row["question_id"] == lost else wanted)
