"""Conversations through the real steps: from logs to what is taught, trained on, and traced to single events."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from ot_assets.graph import World
from ot_assets.registry import registry
from ot_assets.report.funnel import Funnel, funnel
from ot_assets.report.stages import find_stages
from resources.artifacts import Artifact, Partition
from tests.conversations.synthetic import Crowd
from tests.endtoend.house import House

pytestmark = pytest.mark.slow  # students are trained
DE = Partition({"language": "de"})
_AT = ("--recipe", "people", "--teacher", "reference")
SPEC = {
    "description": "Synthetic.", "language": "de", "licence": "CC0-1.0", "logs": ["de.jsonl"], "house_log": False,
    "settings": {"moderators": ["moderator"]},
}  # fmt: skip


@pytest.fixture(scope="module")
def log() -> list[str]:
    return [
        line if isinstance(line, str) else json.dumps(line) for line in Crowd(30, bad=0.02, language="de").lines(6_000)
    ]


def written(house: House, lines: list[str], **more: object) -> None:
    folder = house.registry / "conversations"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "de.jsonl").write_text("".join(line + "\n" for line in lines))
    house.write("conversations/de", {**SPEC, **more})


def current(house: House, asset: str) -> Artifact:
    made = house.store.current(asset, DE)
    assert made is not None
    return made


def find_funnel(house: House) -> Funnel:
    with house.entered():
        return funnel(find_stages(World(registry(), house.store), "people", "reference"))


def folded(house: House) -> None:
    said = house.ot("conversations", "fold", "de")
    assert said.code == 0, said.text


def test_from_a_log_to_what_is_taught(new_house: House, log: list[str]) -> None:
    written(new_house, log[:5_000])
    folded(new_house)
    events, trees = current(new_house, "contributions"), current(new_house, "conversation_trees")
    assert events.manifest.rows_out + len(events.ledger().collect()) == 5_000
    states = trees.read("trees").get_column("state").unique().to_list()
    assert {"ready_for_export", "growing"} <= set(states)
    assert trees.read("history").group_by("tree_id").len().height == trees.read("trees").height
    replies = current(new_house, "sft_threads").read()
    assert replies.height == replies.get_column("message_ids").list.last().n_unique() > 50
    assert current(new_house, "preference_pairs").read().get_column("margin").min() >= 1  # type: ignore[operator]
    assert current(new_house, "prompts").read().height > 20

    written(new_house, log)  # a thousand more
    folded(new_house)
    again = current(new_house, "conversation_trees")
    assert again.manifest.stats["folded_now"] == again.manifest.stats["events"] - trees.manifest.stats["events"]
    (new_house.home / "conversations" / "de.sqlite").write_bytes(b"torn")
    written(new_house, log, description="Folded from the beginning.")
    (new_house.home / "artifacts" / "conversation_trees" / "language=de" / "CURRENT").unlink()
    folded(new_house)
    assert current(new_house, "conversation_trees").manifest.content_hash == again.manifest.content_hash


def test_a_purged_person_is_in_no_later_asset_and_their_models_are_named(new_house: House, log: list[str]) -> None:
    written(new_house, log, settings={})
    mix = {
        "description": "People.", "conversations": {"languages": ["de"], "rows": 20}, "teachers": ["reference"],
        "screen_against": ["exam"], "student": {"base": new_house.read("recipes/sums")["student"]["base"], "max_tokens": 2048},
    }  # fmt: skip
    new_house.write("recipes/people", mix)
    said = new_house.ot("run", "people", "--quiet")
    assert said.code == 0, said.text
    assert new_house.ot("report", "people").code == 0
    training = Partition({"recipe": "people", "teacher": "reference"})
    made = new_house.store.current("training_set", training)
    assert made is not None
    drop = made.ledger().filter(pl.col("rule") == "not_drawn").collect().row(0, named=True)
    path = new_house.ot("lineage", "student_model", *_AT, "--row", drop["row_id"], "--json").json
    assert path["outcome"] == "dropped" and path["steps"][-1]["asset"] == "contributions"
    taught = current(new_house, "sft_threads").read().select(message_id=pl.col("message_ids").list.last())
    trees = current(new_house, "conversation_trees").read()
    author = trees.join(taught, on="message_id", how="semi").get_column("user_id").mode().sort()[0]  # most of all

    purge = {
        "event_id": "purge",
        "kind": "user_purged",
        "at": json.loads(log[-1])["at"],
        "language": "de",
        "about_user": author,
    }
    written(new_house, [*log, json.dumps(purge)], settings={})
    folded(new_house)
    for asset in ("contributions", "conversation_trees", "sft_threads", "preference_pairs", "prompts"):
        made = current(new_house, asset)
        for file in Path(made.path).rglob("*.parquet"):
            assert author not in json.dumps(pl.read_parquet(file).to_dicts(), default=str).replace(f"{author}0", "")
    named = new_house.ot("contribute", "purge", author, "--json").json["trained_on"]
    assert [one["partition"] for one in named] == [{"recipe": "people", "teacher": "reference"}]
    assert named[0]["examples"] > 0 and len(named[0]["students"]) == 1


def test_a_trained_row_leads_to_single_events(new_house: House, log: list[str]) -> None:
    written(new_house, log)
    new_house.write("sources/asked", {
        "description": "Prompts.", "domain": "conversation", "licence": "CC0-1.0", "language": "de",
        "origin": {"kind": "conversation", "languages": ["de"]},
    })  # fmt: skip
    both = {
        "description": "People.", "conversations": {"languages": ["de"], "rows": 12}, "teachers": ["reference"],
        "parts": {"asked": {"domain": "conversation", "sources": [{"source": "asked"}], "rows": 6}},
        "screen_against": ["exam"], "student": {"base": new_house.read("recipes/sums")["student"]["base"], "max_tokens": 2048},
    }  # fmt: skip
    new_house.write("recipes/people", both)
    said = new_house.ot("run", "people", "--quiet")
    assert said.code == 0, said.text
    made = new_house.store.current("training_set", Partition({"recipe": "people", "teacher": "reference"}))
    assert made is not None
    rows, events = made.read(), current(new_house, "contributions").read()
    assert rows.get_column("source").value_counts().sort("source").rows() == [("asked", 6), ("conversations-de", 12)]
    assert made.manifest.stats["threads"] == {
        "read": 12 + made.manifest.dropped["not_drawn"], "taught": 12, "screened_against": ["exam"], "contaminated": 0,
    }  # fmt: skip
    levels = [(level.title, level.rows) for level in find_funnel(new_house).answers]
    read = current(new_house, "sft_threads").read().filter(pl.col("split") == "train").height
    assert levels == [("wanted", 6), ("answered", 6), ("with people's threads", 6 + read), ("examples", 18)]
    assert new_house.ot("report", "people").code == 0
    states = new_house.ot("status", "--json").json
    assert {one["state"] for one in states} == {"fresh"} and "contributions" in {one["asset"] for one in states}
    made_of = new_house.ot("lineage", "sft_threads", "--language", "de")
    assert made_of.code == 0 and "contributions" in made_of.out
    planned = new_house.ot("plan", "people", "--json").json
    assert planned["rows"] == {"conversation": 6, "threads": 12}

    for source, at_least in (("asked", 1), ("conversations-de", 2)):
        one = rows.filter(pl.col("source") == source).row(0, named=True)
        path = new_house.ot("lineage", "student_model", *_AT, "--row", one["example_id"], "--json").json
        last = [step for step in path["steps"] if step["asset"] == "contributions"]
        assert len(last) >= at_least and not any(step.get("reason") for step in path["steps"])
        for step in last:
            found = events.row(step["row"], named=True)
            assert (
                found["event_id"] == step["values"]["event_id"]
                and found["text"] in json.dumps(one["prompt"] + one["completion"], ensure_ascii=False)
            ) or source == "asked"
