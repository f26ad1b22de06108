"""Judges: a scripted model asked through the real store, its votes and picks, its faults, and what is paid again."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ot_assets.distillation.aids import Judge
from ot_assets.distillation.prompts import fill
from resources.errors import UserError
from resources.generation.request import Request
from resources.generation.structured import RE_ASK_STEP
from resources.responses.store import ResponseStore
from tests.distillation.filter_aids import MemoryAids, Rule, filtered, lost, said, samples, through
from tests.distillation.test_answer_filter import OPEN, SILENT, trace


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ResponseStore]:
    with ResponseStore(f"sqlite:///{tmp_path / 'responses.sqlite'}") as opened:
        yield opened


def right(request: Request) -> str:
    """Calls an answer correct that says `good`."""
    text = request.messages[-1].content
    return json.dumps({"reasoning": "I looked.", "correct": "good" in text.partition("<answer>")[2]})


def best(request: Request) -> str:
    """Picks the longest answers, the longest first."""
    found = re.findall(r'<answer number="(\d+)">\n(.*?)\n</answer>', request.messages[-1].content, re.DOTALL)
    order = [int(number) for number, _ in sorted(found, key=lambda pair: -len(pair[1]))]
    return json.dumps({"reasoning": "The longest.", "best": order})


def aids(store: ResponseStore, rule: Rule, rows: list[dict[str, Any]]) -> MemoryAids:
    return MemoryAids(rows, rule=rule, store=store)


VERIFY = {"kind": "judge_verify", "judge": "gpt"}
PICK = {"kind": "judge_pick", "judge": "gpt"}
ROWS = [said(0, 0, "good"), said(0, 1, "bad"), said(1, 0, "fine", reasoning="good"), trace(1, 1, **SILENT)]


def test_what_the_judge_calls_correct_stays(store: ResponseStore) -> None:
    given = aids(store, right, ROWS)
    chosen = filtered(VERIFY, given)
    assert samples(chosen) == [("train:0", 0), ("train:1", 0)]
    assert lost(chosen) == {"judged_wrong": 1, "no_answer": 1}
    wrong = chosen.ledger.filter(rule="judged_wrong").row(0, named=True)
    assert (wrong["figure"], wrong["note"]) == (0.0, "0 of 1 votes call it correct: I looked.")
    assert given.totals == [3]
    assert given.calls == 3


def test_it_is_asked_as_a_person_would_think(store: ResponseStore) -> None:
    seen: list[Request] = []

    def rule(request: Request) -> str:
        seen.append(request)
        return right(request)

    filtered({**VERIFY, "votes": 2}, aids(store, rule, ROWS[:1]))
    assert [message.role for message in seen[0].messages] == ["system", "user"]
    assert "<problem>\nQuestion train:0\n</problem>" in seen[0].messages[1].content
    assert [request.sample_index for request in seen] == [0, 1]
    assert seen[0].response_format is not None
    assert seen[0].response_format["type"] == "json_schema"


def test_a_judgement_is_bought_once(store: ResponseStore) -> None:
    first, again = aids(store, right, ROWS), aids(store, right, ROWS)
    assert filtered(VERIFY, first).frame.equals(filtered(VERIFY, again).frame)
    assert (first.calls, again.calls) == (3, 0)
    more = aids(store, right, ROWS)
    filtered({**VERIFY, "votes": 3}, more)
    assert more.calls == 6


@pytest.mark.parametrize(("votes", "stays"), [(3, True), (4, False), (5, True)])
def test_more_than_half_must_agree(store: ResponseStore, votes: int, stays: bool) -> None:
    def rule(request: Request) -> str:
        return json.dumps({"reasoning": "x", "correct": request.sample_index % 2 == 0})

    chosen = filtered({**VERIFY, "votes": votes}, aids(store, rule, ROWS[:1]))
    assert len(samples(chosen)) == stays
    assert stays or chosen.ledger["figure"].to_list() == [0.5]


def test_a_reply_that_does_not_read_is_asked_again_and_kept(store: ResponseStore) -> None:
    def rule(request: Request) -> str:
        return right(request) if request.sample_index >= RE_ASK_STEP else "I think so."

    given = aids(store, rule, ROWS[:2])
    assert samples(filtered(VERIFY, given)) == [("train:0", 0)]
    assert given.calls == 4
    once = aids(store, rule, ROWS[:2])
    chosen = filtered({**VERIFY, "attempts": 1}, once)
    assert lost(chosen) == {"judge_failed": 2}
    assert chosen.ledger["figure"].to_list() == [None, None]
    assert "JSON" in chosen.ledger["note"][0]


def test_an_endpoint_that_fails_publishes_nothing(store: ResponseStore) -> None:
    @dataclass
    class Failing(MemoryAids):
        def judge(self, key: str, what: str, requests: int) -> Judge:
            return through(super().judge(key, what, requests), lambda request: "bad" in request.messages[-1].content)

    failing = Failing(ROWS, rule=right, store=store)
    with pytest.raises(UserError, match="judge gpt: 1 requests got no reply, the first because: HTTP 503"):
        filtered(VERIFY, failing)
    pair = [said(0, 0, "bad"), said(0, 1, "good")]
    with pytest.raises(UserError, match="1 requests got no reply"):
        filtered(PICK, Failing(pair, rule=best, store=store))


def test_only_the_end_is_shown_where_the_recipe_says_so(store: ResponseStore) -> None:
    row = said(0, 0, "the end", reasoning="good " * 50)
    assert len(samples(filtered(VERIFY, aids(store, right, [row])))) == 1
    assert len(samples(filtered({**VERIFY, "characters": 7}, aids(store, right, [row])))) == 0
    assert len(samples(filtered({**VERIFY, "text": "answer"}, aids(store, right, [row])))) == 0


def test_texts_with_braces_stay_as_they_are() -> None:
    assert (
        fill("{question} {answer} {x}", {"question": "{answer}", "answer": "{question}"}) == "{answer} {question} {x}"
    )


def test_the_picked_answer_stays(store: ResponseStore) -> None:
    rows = [said(0, i, "x" * (i + 1)) for i in range(4)] + [said(1, 0, "alone"), trace(1, 1, **OPEN)]
    given = aids(store, best, rows)
    chosen = filtered(PICK, given)
    assert samples(chosen) == [("train:0", 3), ("train:1", 0)]
    assert lost(chosen) == {"no_answer": 1, "not_picked": 3}
    gone = chosen.ledger.filter(rule="not_picked")
    assert set(gone["lost_to"]) == {rows[3]["trace_id"]}
    assert set(gone["note"]) == {"The longest."}
    assert (given.totals, given.calls) == ([1], 1)
    two = filtered({**PICK, "keep": 2}, aids(store, best, rows))
    assert samples(two) == [("train:0", 2), ("train:0", 3), ("train:1", 0)]


def test_nobody_is_asked_where_there_is_no_choice(store: ResponseStore) -> None:
    given = aids(store, best, [said(0, 0, "a"), said(1, 0, "b")])
    assert len(samples(filtered(PICK, given))) == 2
    assert (given.totals, given.calls) == ([], 0)


def test_the_order_shown_is_drawn_by_the_seed(store: ResponseStore) -> None:
    orders: list[str] = []

    def rule(request: Request) -> str:
        orders.append(re.sub(r"[^a-h]", "", request.messages[-1].content.partition('<answer number="1">')[2]))
        return best(request)

    rows = [said(0, i, "abcdefgh"[i] * (i + 1)) for i in range(8)]
    for seed in (1, 1, 2):
        chosen = filtered({**PICK, "seed": seed}, aids(store, rule, rows))
        assert samples(chosen) == [("train:0", 7)]
    assert len(orders) == 2
    assert orders[0] != orders[1]


@pytest.mark.parametrize("named", [[], [9], [0]])
def test_a_pick_of_nothing_is_a_failure(store: ResponseStore, named: list[int]) -> None:
    def rule(request: Request) -> str:
        return json.dumps({"reasoning": "x", "best": named})

    chosen = filtered(PICK, aids(store, rule, [said(0, 0, "a"), said(0, 1, "b")]))
    assert lost(chosen) == {"judge_failed": 2}
    assert chosen.ledger["note"][0] == f"it names {named}, of 1 to 2"


def test_texts_pass_by_in_batches(store: ResponseStore) -> None:
    given = aids(store, best, [said(n // 3, n % 3, "x" * (n + 1)) for n in range(30)])
    given.batch = 4
    assert len(samples(filtered(PICK, given))) == 10
    assert given.longest == 4
