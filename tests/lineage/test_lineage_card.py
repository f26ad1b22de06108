from __future__ import annotations

import re
import shutil
from typing import Any

import polars as pl
import pytest
import yaml
from huggingface_hub import ModelCard
from hypothesis import given
from hypothesis import strategies as st
from lineage_house import BENCHMARK, LICENCES, OTHER_RECIPE, RECIPE, SOURCES, House
from markdown_it import MarkdownIt
from markdown_it.token import Token

from ot_assets.lineage import markdown as md
from ot_assets.lineage.card import CardExtras, Score, student_card, without_front_matter
from ot_assets.lineage.funnel import dev_scores
from ot_assets.lineage.graph import Ref
from ot_assets.lineage.licences import separate, stated
from ot_assets.lineage.tree import Node, lineage
from ot_assets.lineage.words import clean
from resources.artifacts import Partition
from schemas import SCHEMAS


def student(house: House, teacher: str = "pupil", recipe: str = RECIPE) -> Node:
    return lineage(house.store, "student_model", {"recipe": recipe, "teacher": teacher})


def parsed(card: str) -> tuple[dict[str, Any], str]:
    head, front, body = card.split("---\n", 2)
    assert head == ""
    return yaml.safe_load(front), body


def tables(body: str) -> list[list[list[str]]]:
    """Every table of a Markdown text, as a reader sees its cells."""
    found: list[list[list[str]]] = []
    for token in MarkdownIt("commonmark").enable("table").parse(body):
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append([])
        elif token.type == "inline" and found and found[-1] and token.level >= 3:
            found[-1][-1].append(seen(token))
    return found


def seen(token: Token) -> str:
    return "".join(child.content for child in token.children or [])


def test_the_front_matter_is_what_the_hub_reads(built: House) -> None:
    card = student_card(built.store, student(built), CardExtras(scores=[Score(BENCHMARK, 0.25, 0.05, 20, 3)]))
    read = ModelCard(card)
    assert read.data.license == "other"
    assert read.data.base_model == "acme/Pupil-1"
    assert read.data.datasets == ["acme/facts", "acme/sums"]
    assert read.data.pipeline_tag == "text-generation"
    (result,) = read.data.eval_results
    assert (result.dataset_name, result.metric_type, result.metric_value) == (BENCHMARK, "accuracy", 0.25)
    front, _ = parsed(card)
    assert front["license_name"] == "apache-2.0-and-cc-by-sa-3.0-and-mit"
    assert front["licences"] == ["Apache-2.0", "CC-BY-SA-3.0", "MIT"]


def test_the_front_matter_is_left_out_where_a_person_reads() -> None:
    assert without_front_matter("---\na: b\n---\n\n# Title\n\n---\nmore\n") == "# Title\n\n---\nmore"
    assert without_front_matter("# Title\n") == "# Title\n"


def test_the_counts_are_those_of_the_data(built: House) -> None:
    _, body = parsed(student_card(built.store, student(built)))
    found = tables(body)
    rows = built.current("training_set", recipe=RECIPE, teacher="pupil").read()
    for source in SOURCES:
        mine = rows.filter(pl.col("source") == source)
        entry = next(r for r in found[0] if r[0] == source)
        assert entry[2:4] == [str(len(mine)), str(mine["question_id"].n_unique())]
    funnel = {(r[0], r[1]): r for r in found[1]}
    for asset, at in (("filtered_set", {"recipe": RECIPE}), ("training_set", {"recipe": RECIPE, "teacher": "pupil"})):
        m = built.current(asset, **at).manifest
        row = funnel[asset, str(m.key)]
        assert row[2:4] == [str(m.rows_in), str(m.rows_out)] and row[5] == m.artifact_id
        assert row[4] == ", ".join(f"{rule} {n}" for rule, n in m.dropped.items())
    screened = next(t for t in found if t[0][0] == "benchmark")
    lost = {s: built.current("screened_questions", source=s).manifest.dropped["similar"] for s in SOURCES}
    assert screened[1][:3] == [
        BENCHMARK,
        str(sum(lost.values())),
        ", ".join(f"{s} {n}" for s, n in sorted(lost.items())),
    ]


def test_it_tells_the_teacher_the_training_and_where_to_look(built: House) -> None:
    card = student_card(built.store, student(built))
    for told in (
        *("`acme/Pupil-1`", "`abc123`", "sampling temperature", "`0.7`", "Terms on what it wrote: `MIT`"),
        *("Solve | this: {question}", "loss last", "`0.75`", "training tier", "`micro`"),
        *(f"ot run {RECIPE} --teacher pupil", "git checkout", f"ot lineage student_model --recipe {RECIPE}"),
        *(student(built).artifact, student(built).spec_hash or "?"),
    ):
        assert told in card, told
    example = re.search(r"--row (e[0-9a-f]{31})", card)
    assert example and example[1] in set(
        built.current("training_set", recipe=RECIPE, teacher="pupil").read()["example_id"]
    )


def test_a_reference_teacher_is_named_as_such(built: House) -> None:
    card = student_card(built.store, student(built, "reference"))
    assert "the sources' own worked solutions" in card
    assert parsed(card)[0]["licences"] == ["Apache-2.0", "CC-BY-SA-3.0"]


def test_licences_travel_and_one_permissive_licence_is_stated(house: House) -> None:
    house.downstream(OTHER_RECIPE, ("reference",))
    front, body = parsed(student_card(house.store, student(house, "reference", OTHER_RECIPE)))
    assert front["license"] == "apache-2.0" and "licences" not in front and "license_name" not in front
    assert LICENCES["facts"] not in body, "a source that gave no row binds nobody"


def test_the_card_of_a_student_that_is_about_to_be_published(house: House) -> None:
    at = Partition({"recipe": RECIPE, "teacher": "pupil"})
    with house.publication("student_model", {"key": RECIPE}, **at.as_dict()) as out:
        training = out.open("training_set", at)
        (out.folder() / "model.bin").write_bytes(b"weights")
        node = lineage(house.store, "training_set", at, training.artifact_id)
        extras = CardExtras(
            spec={"base": {"model": "acme/Base"}, "training": {"epochs": 3}},
            stats={"loss": [1.0] * 9, "final_loss": 0.5},
            licences=["Apache-2.0", "other:Acme Terms"],
            tags=["demo"],
        )
        card = student_card(house.store, node, extras)
        out.annotate("README.md", card)
        made = out.publish()
    assert house.store.get("student_model", at, made.artifact_id).file("README.md").read_text() == card
    front, body = parsed(card)
    assert front["base_model"] == "acme/Base" and "demo" in front["tags"]
    assert "other:Acme Terms" in front["licences"] and front["license_name"].endswith("other-acme-terms")
    assert "base model | `other:Acme Terms`" in body and "9 values" in body and "`0.5`" in body


def test_an_old_students_card_stays_the_same_when_everything_changes(house: House) -> None:
    old = student(house)
    before = student_card(house.store, old)
    house.revision["sums"] = 9
    house.sources("sums")
    house.downstream()
    assert student_card(house.store, lineage(house.store, "student_model", old.partition, old.artifact)) == before
    assert student_card(house.store, student(house)) != before


@pytest.mark.parametrize("asset", ["training_set", "filtered_set", "mixed_pool", "traces", "screened_questions"])
@pytest.mark.parametrize("harm", ["manifest", "data"])
def test_a_card_can_be_written_when_things_behind_it_are_lost(house: House, asset: str, harm: str) -> None:
    for partition in house.store.partitions(asset):
        found = house.store.current(asset, partition)
        assert found is not None
        if harm == "manifest":
            house.path(found.manifest, "manifest.json").write_text("{")
        else:
            shutil.rmtree(house.path(found.manifest) / "ledger", ignore_errors=True)
            for file in found.manifest.tables[""].files:
                house.path(found.manifest, file.path).write_bytes(b"PAR1")
    front, body = parsed(student_card(house.store, student(house)))
    assert front["license"] == "other" and "# mix × pupil" in body
    if harm == "manifest":
        assert "lost or damaged" in body
    if asset == "training_set":
        assert "could not be read" in body


def scores_of(house: House, trained: Node, role: str = "dev") -> None:
    at = trained.partition
    for asset in ("eval_responses", "eval_scores"):
        with house.publication(asset, **at.as_dict()) as out:
            if asset == "eval_responses":
                out.open("student_model", at)
            else:
                out.open("eval_responses", at)
                rows = [
                    {
                        "benchmark": f"{r}-bench",
                        "role": r,
                        "score": 0.5,
                        "se": 0.1,
                        "questions": 8,
                        "repeats": 2,
                        "missing": 0,
                    }
                    for r in ("dev", "held_out")
                ]
                out.write(SCHEMAS[asset][""].frame(rows))
            out.publish(allow_empty=True)


def test_dev_scores_of_this_very_student_are_found_and_held_out_ones_are_not_shown(house: House) -> None:
    node = student(house)
    scores_of(house, node)
    card = student_card(house.store, node)
    assert [r.dataset_name for r in ModelCard(card).data.eval_results] == ["dev-bench"]
    assert "50.0 %" in card and "held_out-bench" not in card
    other = Ref("student_model", node.partition, "0" * 20)
    assert dev_scores(house.store, other) == []


NASTY = "](http://evil.example) | <script>alert(1)</script> `x` **b** _i_ \x1b[31m\n# head\n---\n$x$ ~~s~~ &lt; ![i](u) \u202e"


def test_text_from_data_and_specs_cannot_break_out(house: House) -> None:
    at = {"recipe": RECIPE, "teacher": "pupil"}
    with house.publication("student_model", {"base": NASTY, "training": {NASTY: NASTY}}, **at) as out:
        out.open("training_set", Partition(at))
        (out.folder() / "model.bin").write_bytes(b"w")
        out.licences(f"other:{NASTY}")
        out.stat(**{"note |": NASTY})
        out.publish()
    card = student_card(house.store, student(house), CardExtras(scores=[Score(NASTY, 0.5)], tags=[NASTY]))
    front, body = parsed(card)
    assert NASTY in front["tags"] and front["model-index"][0]["results"][0]["dataset"]["name"] == NASTY
    assert "\x1b" not in body and "\u202e" not in body
    tokens = MarkdownIt("commonmark").enable("table").parse(body)
    inner = [child for token in tokens for child in token.children or []]
    assert not {"html_inline", "link_open", "image", "strong_open", "em_open"} & {t.type for t in inner}
    assert "html_block" not in {t.type for t in tokens} and "hr" not in {t.type for t in tokens}
    heads = [seen(tokens[i + 1]) for i, t in enumerate(tokens) if t.type == "heading_open"]
    assert "head" not in heads and heads[0] == "mix × pupil"
    shown = {cell for table in tables(body) for row in table for cell in row}
    assert clean(NASTY).strip()[:40] in " ".join(shown)


@given(st.text(max_size=60))
def test_a_cell_reads_as_the_text_that_went_in(value: str) -> None:
    for escape, nothing in ((md.text, ""), (md.code, "-")):
        shown = tables(f"text\n\n{md.table(('a', 'b'), [(escape(value), 'end')])}\n")[0][1]
        expected = clean(value).strip() or nothing
        assert shown == [expected, "end"] or shown == [re.sub(" +", " ", expected), "end"]


@given(st.text(max_size=80))
def test_a_block_holds_any_text(value: str) -> None:
    tokens = MarkdownIt("commonmark").parse(f"before\n\n{md.block(value)}\n\nafter")
    (fence,) = [t for t in tokens if t.type == "fence"]
    assert fence.content.rstrip("\n") == "\n".join(map(clean, value.splitlines())).rstrip("\n")


@given(
    st.lists(
        st.sampled_from(
            [
                "MIT",
                "Apache-2.0",
                "CC-BY-SA-3.0",
                "GPL-3.0-only",
                "unknown",
                "other:Acme",
                "MIT AND Apache-2.0",
                "MIT OR GPL-2.0-only",
            ]
        ),
        max_size=5,
    )
)
def test_a_licence_is_stated_only_when_it_is_the_only_one_and_permissive(names: list[str]) -> None:
    found = stated(names)
    assert set(found.all) == set(separate(names))
    if found.licence == "other":
        assert found.name and re.fullmatch(r"[a-z0-9.-]+", found.name)
        assert found.all not in (("MIT",), ("Apache-2.0",))
    else:
        assert found.all in (("MIT",), ("Apache-2.0",)) and found.licence == found.all[0].lower()
