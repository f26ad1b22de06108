from collections import Counter

import polars as pl
from hypothesis import given, settings

from ot_assets.conversations.kept import kept_trees
from ot_assets.conversations.prompts import prompts
from ot_assets.conversations.threads import threads
from schemas.conversations import Prompts
from schemas.ledger import Ledger

from .forests import a_spec, a_tree, forests, holds, messages_of, said


def made_of(trees):
    spec = a_spec()
    batches = [prompts(some, spec) for some in kept_trees(messages_of(*trees), spec.kept)]
    frame = pl.concat([Prompts.empty(), *(batch.frame for batch in batches)])
    ledger = pl.concat([Ledger.empty(), *(batch.ledger for batch in batches)])
    assert sum(batch.rows_in for batch in batches) == len(frame) + len(ledger)
    return frame, ledger


@given(forests())
@settings(max_examples=15, deadline=None)
def test_every_message_of_the_prompter_is_a_prompt_or_in_the_ledger_once(trees):
    frame, ledger = made_of(trees)
    holds(Prompts, frame)
    asked = [name for tree in trees for name, one in tree.messages.items() if one.role == "prompter"]
    assert Counter(frame["message_id"].to_list() + ledger["row_id"].to_list()) == Counter(asked)
    by_id = {name: one for tree in trees for name, one in tree.messages.items()}
    for row in frame.iter_rows(named=True):
        assert len(row["prompt"]) == row["depth"] + 1
        assert row["prompt"][-1] == {"role": "user", "content": row["text"]}
        if row["best_id"] is not None:
            assert by_id[row["best_id"]].parent_id == row["message_id"] and by_id[row["best_id"]].accepted
            assert row["best"] == by_id[row["best_id"]].text


@given(forests())
@settings(max_examples=15, deadline=None)
def test_the_prompts_of_threads_are_prompts(trees):
    spec = a_spec()
    taught = [threads(some, spec).frame for some in kept_trees(messages_of(*trees), spec.kept)]
    known = {row["message_id"]: row["prompt"] for row in made_of(trees)[0].iter_rows(named=True)}
    for frame in taught:
        for ids, prompt in frame.select("message_ids", "prompt").iter_rows():
            assert known[ids[-2]] == prompt


def best(*replies):
    return made_of([a_tree(said("r", *replies))])[0].row(0, named=True)["best_id"]


def test_the_best_reply_is_of_rank_0_or_the_only_one():
    assert best() is None
    assert best(said("a")) == "a"
    assert best(said("a"), said("b")) is None
    assert best(said("a", rank=1), said("b", rank=0), said("c")) == "b"
    assert best(said("a"), said("b", review_result=False)) == "a"
    assert best(said("a", rank=0, deleted=True), said("b", rank=1), said("c", rank=2)) is None
