"""Readers of wheels beside JSON lines and doctests: HumanEval, dialogues, questions with several right answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ot_assets.sourcing.answers import pattern
from ot_assets.verification import VerifierPool, VerifyTask
from ot_assets.verification.verify import verify
from resources.errors import UserError
from resources.sandbox import Sandbox
from tests.sourcing.helpers import context, put_wheel, read_all, rules, spec

PLAIN = {
    "task_id": "T/0", "entry_point": "add", "prompt": 'def add(a, b=0):\n    """Adds."""\n',
    "canonical_solution": "    return a + b\n",
    "test": "METADATA = {}\n\ndef check(candidate):\n    assert candidate(1, 2) == 3\n"
    "    assert candidate(-1, b=1) == 0, 'no'\n    assert candidate((1,), (2,)) == (1, 2)\n    assert True\n    print('ok')\n",
}  # fmt: skip
WITH_MORE = {
    **PLAIN, "task_id": "T/1", "canonical_solution": "    return a + b  # two\n",
    "test": "import math\n\ndef helper(x):\n    return x * 2\n\ndef check(f):\n    assert abs(f(0.1, 0.2) - 0.3) < 1e-6\n"
    "    for i in range(3):\n        assert f(i, i) == helper(i)\n    assert not f(0, 0)\n    assert math.isclose(f(1), 1)\n",
}  # fmt: skip
BROKEN = [{**PLAIN, "test": "def check(:"}, {**PLAIN, "test": "x = 1"}, {**PLAIN, "prompt": None}]


def wheel(sha256: str, reader: str, member: str, **more: Any) -> dict[str, Any]:
    origin = {"kind": "wheel", "package": "tiny", "version": "1.0", "sha256": sha256, "members": [member]}
    return {**origin, "reader": reader, **more}


def humaneval(tmp_path: Path, rows: list[dict[str, Any]]) -> Any:
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    sha = put_wheel(tmp_path / "cache", {"tiny/a.jsonl": lines})
    origin = wheel(sha, "humaneval", "tiny/a.jsonl")
    return read_all(spec(origin, columns={}, verifier="code", domain="code"), context(tmp_path))


def test_plain_comparisons_become_function_tests(tmp_path: Path) -> None:
    (row,) = humaneval(tmp_path, [PLAIN]).frame.to_dicts()
    assert json.loads(row["verifier_args"]) == {
        "language": "python", "kind": "function", "entry": "add",
        "tests": [
            {"args": [1, 2], "kwargs": {}, "expected": 3},
            {"args": [-1], "kwargs": {"b": 1}, "expected": 0},
            {"args": [{"$": "tuple", "v": [1]}, {"$": "tuple", "v": [2]}], "kwargs": {},
             "expected": {"$": "tuple", "v": [1, 2]}},
        ],
    }  # fmt: skip
    assert row["gold"] == 'def add(a, b=0):\n    """Adds."""\n    return a + b'
    assert "Complete the Python function `add`" in row["question"]
    assert "return a + b" not in row["question"]


def test_a_check_that_does_more_becomes_a_session_in_which_every_assertion_is_true(tmp_path: Path) -> None:
    (row,) = humaneval(tmp_path, [WITH_MORE]).frame.to_dicts()
    args = json.loads(row["verifier_args"])
    assert args["kind"] == "doctests"
    assert [example["source"].split("\n")[0] for example in args["examples"]] == [
        "import math", "def helper(x):", "f = add", "bool(abs(f(0.1, 0.2) - 0.3) < 1e-06)", "for i in range(3):",
        "bool(not f(0, 0))", "bool(math.isclose(f(1), 1))",
    ]  # fmt: skip


def test_assertions_that_stand_in_loops_only_end_in_a_result(tmp_path: Path) -> None:
    looped = {**PLAIN, "test": "def check(f):\n    print\n    for i in range(3):\n        assert f(i) == i\n"}
    (row,) = humaneval(tmp_path, [looped]).frame.to_dicts()
    examples = json.loads(row["verifier_args"])["examples"]
    assert [example.get("want") for example in examples] == [None, None, "'every assertion held'\n"]


def test_tasks_that_cannot_be_read_are_in_the_ledger(tmp_path: Path) -> None:
    batch = humaneval(tmp_path, [PLAIN, *BROKEN])
    assert len(batch.frame) == 1
    assert rules(batch) == {f"tiny/a.jsonl:{i}": "unreadable" for i in (1, 2, 3)}


def test_gold_programs_pass_and_wrong_ones_do_not(tmp_path: Path) -> None:
    able = Sandbox.available()
    if not able.ok:
        pytest.skip(f"no sandbox here: {able.why}")
    rows = humaneval(
        tmp_path, [PLAIN, {**WITH_MORE, "prompt": PLAIN["prompt"].replace("Adds", "Sums")}]
    ).frame.to_dicts()
    wrong = "```python\ndef add(a, b=0):\n    return a - b if b != 0 else a\n```"
    with VerifierPool(1) as pool:
        tasks = [
            VerifyTask("code", r["verifier_args"], r["gold"], said) for r in rows for said in (r["solution"], wrong)
        ]
        verdicts = [verdict.correct for verdict in pool.verify_many(tasks)]
    assert verdicts == [True, False, True, False]


def dialogues(tmp_path: Path, data: Any, **fields: Any) -> Any:
    sha = put_wheel(tmp_path / "cache", {"tiny/d.json": data if isinstance(data, str) else json.dumps(data)})
    template = {"columns": {"solution": "reply", "row_id": "id"}, "question_template": "{prompt}\n\n{opening}"}
    origin = wheel(sha, "dialogues", "tiny/d.json")
    return read_all(spec(origin, **{**template, "domain": "conversation", **fields}), context(tmp_path))


def say(*texts: str) -> list[dict[str, str]]:
    return [{"text": text, "sender": "s"} for text in texts]


def test_dialogues_are_openings_and_replies(tmp_path: Path) -> None:
    data = {
        "one": {
            "prompt": "What if pigs could fly?",
            "messages": [say("hi", "write to a.b@c.org"), say("no"), say("ok")],
        },
        "two": {"prompt": None, "messages": [say("alone")]},
        "three": {"prompt": "x", "messages": []},
        "four": {"messages": "no list"},
    }
    batch = dialogues(tmp_path, data)
    first, second = batch.frame.to_dicts()
    assert first["question"] == "What if pigs could fly?\n\nhi\nwrite to [e-mail]"
    assert (first["solution"], first["source_row"]) == ("no", "tiny/d.json:one")
    assert (second["question"], second["solution"]) == ("alone", None)
    assert rules(batch) == {"tiny/d.json:2": "unreadable", "tiny/d.json:3": "unreadable"}


@pytest.mark.parametrize(("text", "why"), [("[1]", "holds no dialogues by id"), ("{", "is no JSON")])
def test_a_file_without_dialogues_is_named(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(UserError, match=why):
        dialogues(tmp_path, text)


def test_questions_with_several_right_answers(tmp_path: Path) -> None:
    rows = [
        {"question": "who?", "answer": ["the Guy Henry's", "Guy Henry"]},
        {"question": "how many?", "answer": "Nine"},
        {"question": "nobody knows", "answer": []},
        {"question": "only signs", "answer": ["?!"]},
    ]
    sha = put_wheel(tmp_path / "cache", {"tiny/a.jsonl": "".join(json.dumps(row) + "\n" for row in rows)})
    columns = {"question": "question", "gold": "gold", "verifier_args": "verifier_args"}
    batch = read_all(spec(wheel(sha, "answers", "tiny/a.jsonl"), columns=columns, verifier="regex"), context(tmp_path))
    assert batch.frame["gold"].to_list() == ["the Guy Henry's", "Nine", None, None]
    first = batch.frame["verifier_args"][0]
    for said, right in (("guy henry", True), ("**The Guy Henry's.**", True), ("Guy  Henry", True), ("Henry", False)):
        assert verify("regex", first, "Guy Henry", f"The answer is {said}").correct is right
    with pytest.raises(UserError, match="no 'colum' for reader: answers; did you mean 'column'"):
        origin = wheel(sha, "answers", "tiny/a.jsonl", options={"colum": "x"})
        read_all(spec(origin, columns=columns, verifier="regex"), context(tmp_path))


@pytest.mark.parametrize(("answers", "wanted"), [([], None), (["..."], None), (["a+b", "a+b"], r"(?:b)")])
def test_patterns(answers: list[str], wanted: str | None) -> None:
    found = pattern(answers)
    assert found is None if wanted is None else found is not None and found.count("(?:") == 3
