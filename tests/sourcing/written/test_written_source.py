"""A written source through the real step: paid once, parents recorded, everything that came in the rows or the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl
import pytest

from ot_assets.sourcing.written.writing import Writing
from tests.endtoend.house import House
from tests.endtoend.server import Endpoint
from tests.sourcing.written.writers import SEEDS, TOPICS, as_json, invented, make, prompt_of, publish, rules, says


def test_from_topics(house: House, server: Endpoint) -> None:
    made = publish(house, **{"from": {"topics": TOPICS}}, per_call=3)
    rows, parents = made.read(), made.read("parents")
    assert len(rows) == 12 and len(server.bodies) == 4
    assert set(parents["parent"]) == {
        "Mechanics / Friction", "Mechanics / Pulleys", "Optics / Lenses", "Optics / Waves / Diffraction",
    }  # fmt: skip
    assert parents["question_id"].to_list() == rows["question_id"].to_list()
    assert set(rows["verifier"]) == {"none"} and set(rows["licence"]) == {"CC0-1.0"}
    assert set(made.manifest.licences) == {"CC0-1.0", "other:writer terms"}
    assert server.bodies[0]["response_format"]["type"] == "json_schema"


def test_the_same_spec_pays_once_and_more_rows_pay_the_difference(house: House, server: Endpoint) -> None:
    first = publish(house, **{"from": {"topics": TOPICS}}, per_call=2, rows=8)
    assert len(server.bodies) == 4
    again = publish(house, **{"from": {"topics": TOPICS}}, per_call=2, rows=8)
    assert len(server.bodies) == 4 and again.manifest.content_hash == first.manifest.content_hash
    more = publish(house, **{"from": {"topics": TOPICS}}, per_call=2, rows=14)
    assert len(server.bodies) == 7
    assert more.read()["question"].to_list()[:8] == first.read()["question"].to_list()
    other = publish(house, **{"from": {"topics": TOPICS}}, per_call=2, rows=8, prompt="Write {n} questions on {topic}.")
    assert len(server.bodies) == 11 and other.manifest.content_hash != first.manifest.content_hash


def test_from_seed_questions(house: House, server: Endpoint) -> None:
    made = publish(house, **{"from": {"questions": "mine", "seeds": 3}}, per_call=2, rows=10)
    parents, mine = made.read("parents"), house.current("sourced_questions", source="mine").read()
    assert len(made.read()) == 10 and len(parents) == 30
    named = parents.join(mine, left_on=["parent", "parent_row"], right_on=["question_id", "source_row"], how="left")
    assert named["question"].null_count() == 0 and set(parents["parent_source"]) == {"mine"}
    one = parents.filter(pl.col("response_key") == parents["response_key"][0])
    shown = [text for text in SEEDS if text in prompt_of(server.bodies[0]) or text in prompt_of(server.bodies[1])]
    assert one["parent"].n_unique() == 3 and len(shown) >= 3
    assert [i.asset for i in made.manifest.inputs] == ["screened_questions"]
    assert set(made.manifest.licences) == {"CC-BY-4.0", "CC0-1.0", "other:writer terms"}


@pytest.mark.parametrize(("method", "word"), [("harder", "harder"), ("easier", "easier"), ("rewritten", "other words")])
def test_each_seed_once(house: House, server: Endpoint, method: str, word: str) -> None:
    made = publish(house, **{"from": {"questions": "mine"}}, method=method)
    assert len(made.read()) == len(SEEDS) == len(server.bodies)
    assert all(word in prompt_of(body) for body in server.bodies)
    assert made.read("parents")["parent"].n_unique() == len(SEEDS)


def test_a_source_that_grows_pays_for_its_new_rows(house: House, server: Endpoint) -> None:
    publish(house, **{"from": {"questions": "mine"}}, method="harder")
    server.forget()
    house.rows("mine.jsonl", [{"problem": text} for text in (*SEEDS, "What is the next prime after 100?")])
    assert make(house, "sourced_questions", source="mine") is None
    assert make(house, "screened_questions", source="mine") is None
    publish(house, **{"from": {"questions": "mine"}}, method="harder")
    assert len(server.bodies) == 1 and "next prime" in prompt_of(server.bodies[0])


def test_copies_of_parents_and_of_each_other_go_to_the_ledger(house: House, server: Endpoint) -> None:
    def lazy(body: dict[str, Any]) -> str:
        seed = next(text for text in SEEDS if text in prompt_of(body))
        twin = "What colour has the sky above the sea on a clear day in the morning?"
        return as_json(f"  {seed.upper()} ", twin, seed.replace("6", "7"))

    server.behaviour = says(lazy)
    made = publish(house, **{"from": {"questions": "mine"}}, per_call=3)
    ledger = made.ledger().collect()
    copies = ledger.filter(pl.col("rule") == "near_parent")
    assert len(copies) >= len(SEEDS) and set(copies["figure"]) == {100.0}
    assert {name.partition("/")[0] for name in copies["lost_to"]} == {"mine"}
    twins = ledger.filter(pl.col("rule") == "near_copy")
    assert len(twins) == len(SEEDS) - 1 and twins["lost_to"].n_unique() == 1
    assert any("7" in text for text in made.read()["question"]), "another number makes another question"
    by_letters = publish(
        house, **{"from": {"questions": "mine"}}, per_call=3, near={"method": "fuzzy", "threshold": 85}
    )
    assert len(by_letters.read()) == 1
    kept = publish(house, **{"from": {"questions": "mine"}}, per_call=3, near=None)
    assert "near_parent" not in rules(kept)


def test_dropped_questions_are_made_up_for(house: House, server: Endpoint) -> None:
    def half(body: dict[str, Any]) -> str:
        return as_json("Always the same question about the tides of the sea?", invented(body, 1))

    server.behaviour = says(half)
    made = publish(house, **{"from": {"topics": TOPICS}}, per_call=2, rows=12)
    written_ = made.manifest.stats["written"]
    assert len(made.read()) == 12 and written_["short"] == 0 and 6 < written_["calls"] <= 12
    few = publish(house, **{"from": {"topics": TOPICS}}, per_call=2, rows=12, most_calls=7)
    assert few.manifest.stats["written"] == {**written_, "calls": 7, "kept": 8, "short": 4}


def test_most_calls_are_the_most_without_rows_too(house: House, server: Endpoint) -> None:
    made = publish(house, **{"from": {"topics": TOPICS}}, per_call=2, most_calls=3)
    assert len(server.bodies) == 3 and len(made.read()) == 6


def test_what_sourcing_drops_is_not_counted_as_kept(house: House, server: Endpoint) -> None:
    server.behaviour = says(lambda body: as_json("Always the same question about the tides of the sea?"))
    made = publish(house, **{"from": {"topics": TOPICS}}, rows=4, near=None)
    assert rules(made) == {"duplicate_row": 3}
    figures = made.manifest.stats["written"]
    assert (figures["calls"], figures["kept"], figures["short"]) == (4, 1, 3)


def test_what_is_written_down_is_remembered_no_longer(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    real, asked, left = Writing.parents_of, [], []

    def spied(self: Writing, rows: Sequence[str]) -> Any:
        found = real(self, rows)
        asked.extend(found)
        left.append(len(self._parents))
        return found

    monkeypatch.setattr(Writing, "parents_of", spied)
    publish(house, **{"from": {"questions": "mine", "seeds": 3}}, per_call=2, rows=10)
    assert len(asked) == 10 and left[-1] == 0
    assert {parent.text for one in asked for parent in one.parents} == {""}


BAD = {
    "no JSON": ("I am afraid I cannot do that.", "bad_reply"),
    "an empty list": ('{"questions": []}', "bad_reply"),
    "a list and no object": ('["Why?"]', "bad_reply"),
    "other fields": ('{"tasks": [{"text": "Why?"}]}', "bad_reply"),
    "nothing": ("", "bad_reply"),
    "an empty question": ('{"questions": [{"question": "  "}]}', "empty"),
    "a question of a megabyte": (as_json("Why " * 262_144), "too_long"),
    "another language": (as_json("Ein Zug fährt um neun Uhr ab und braucht zwei Stunden; wann kommt er an, wenn er wartet?"),
                         "other_language"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_replies(house: House, server: Endpoint, name: str) -> None:
    text, rule = BAD[name]
    server.behaviour = says(lambda body: text if "Friction" in prompt_of(body) else None)
    made = publish(house, **{"from": {"topics": TOPICS}})
    assert len(made.read()) == 3 and rules(made) == {rule: 1}
    line = made.ledger().collect().row(0, named=True)
    assert line["source_row"].startswith("call-") and len(line["note"]) <= 500
    asked_again = 2 if rule == "bad_reply" else 1
    assert sum("Friction" in prompt_of(body) for body in server.bodies) == asked_again


def test_two_hundred_questions_in_one_reply(house: House, server: Endpoint) -> None:
    server.behaviour = says(lambda body: as_json(*(invented(body, n) for n in range(200))))
    made = publish(house, **{"from": {"topics": ["Friction"]}}, per_call=3)
    assert len(made.read()) == 3 and rules(made) == {"beyond_asked": 197}


def test_half_a_reply_gives_its_whole_questions(house: House, server: Endpoint) -> None:
    whole = as_json("Why is the sky blue at noon?", "How deep is the sea?", "Who built the tower?")
    server.behaviour = says(lambda body: whole[:-30], finish="length")
    made = publish(house, **{"from": {"topics": ["Friction"]}}, per_call=3)
    assert made.read()["question"].to_list() == ["Why is the sky blue at noon?", "How deep is the sea?"]


def test_lines_for_models_that_write_no_json(house: House, server: Endpoint) -> None:
    text = 'Sure, here you are:\n\n1. Why is ice slippery?\n2) "How fast is light?"\n- What is a lens?\n'
    server.behaviour = says(lambda body: text)
    made = publish(house, **{"from": {"topics": ["Optics"]}}, per_call=3, reply="lines")
    assert made.read()["question"].to_list() == ["Why is ice slippery?", "How fast is light?", "What is a lens?"]
    assert "response_format" not in server.bodies[0]


@pytest.mark.parametrize("reply", ["lines", "json"])
def test_reasoning_that_was_cut_holds_no_questions(house: House, server: Endpoint, reply: str) -> None:
    house.edit("teachers/writer", {"reasoning": {"open": "<think>", "close": "</think>"}})
    draft = as_json("Why is the sky blue at noon?")
    cut = f"<think>\nI could write\n{draft}\nHow deep is the sea?\nWho bui"
    server.behaviour = says(lambda body: cut if "Friction" in prompt_of(body) else None, finish="length")
    made = publish(house, **{"from": {"topics": TOPICS}}, per_call=3, reply=reply, near=None)
    assert rules(made) == {"bad_reply": 1}
    assert "Mechanics / Friction" not in made.read("parents")["parent"].to_list()
    server.behaviour = says(lambda body: cut if "Name 2" in prompt_of(body) else None, finish="length")
    made = publish(house, **{"from": {"topics": ["Waves"], "expand": 2}}, reply=reply)
    assert made.read("parents")["parent"].to_list() == ["Waves"]


def test_personas_of_a_file(house: House, server: Endpoint) -> None:
    (house.registry / "sources" / "people.txt").write_text("a beekeeper\n\n a night nurse \n")
    made = publish(house, **{"from": {"personas": "people.txt", "about": "probability"}}, per_call=2)
    assert set(made.read("parents")["parent"]) == {"a beekeeper", "a night nurse"}
    assert all("about probability" in prompt_of(body) for body in server.bodies)
    assert "people.txt" in made.manifest.spec["files"]


def test_topics_that_the_model_expands(house: House, server: Endpoint) -> None:
    def behave(body: dict[str, Any]) -> str | None:
        if "Name 2 different topics" in prompt_of(body):
            return '{"topics": ["slow ones", "fast ones", "one too many"]}'
        return None

    server.behaviour = says(behave)
    made = publish(house, **{"from": {"topics": ["Waves", "Springs"], "expand": 2}})
    assert set(made.read("parents")["parent"]) == {
        f"{leaf} / {below}" for leaf in ("Waves", "Springs") for below in ("slow ones", "fast ones")
    }
