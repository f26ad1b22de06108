from __future__ import annotations

import json
import random
import shutil

import polars as pl
import pytest
from lineage_house import EMPTY, OTHER_RECIPE, RECIPE, SOURCES, TWIN, House

from ot_assets.lineage.fate import Fate, Presence
from ot_assets.lineage.report import fate_text
from ot_assets.lineage.rows import example_path
from ot_assets.lineage.where import where
from resources.errors import UserError


def training(house: House, teacher: str, recipe: str = RECIPE) -> pl.DataFrame:
    return house.current("training_set", recipe=recipe, teacher=teacher).read()


def stage(fate: Fate, asset: str, **dims: str) -> Presence:
    return next(s for s in fate.stages if s.asset == asset and dims.items() <= s.partition.as_dict().items())


def test_it_is_the_inverse_of_the_row_path(built: House) -> None:
    led: dict[tuple[str, str], set[str]] = {}
    for teacher in ("pupil", "reference"):
        for row in training(built, teacher).iter_rows(named=True):
            led.setdefault((row["source"], row["source_row"]), set()).add(row["example_id"])
    rows = [(source, f"train:{i}") for source, size in SOURCES.items() for i in range(size)]
    drawn = random.Random(3).sample(sorted(led), 20) + random.Random(4).sample(rows, 20)
    for source, row in drawn:
        fate = where(built.store, source, row)
        assert set(fate.examples) == led.get((source, row), set())
        assert {e for s in fate.students for e in s.examples} == set(fate.examples)
        for presence in fate.stages:
            if presence.asset == "training_set" and presence.ids:
                at = presence.partition
                path = example_path(built.store, at["recipe"], at["teacher"], presence.ids[0])
                assert (path.source, path.source_row) == (source, row)
        ended = [s.asset for s in fate.stages if s.status == "dropped"]
        assert bool(fate.examples) or bool(ended), "a row that taught nobody was dropped somewhere, with a rule"


def test_a_row_may_be_named_by_place_number_question_or_their_beginning(built: House) -> None:
    fate = where(built.store, "sums", "train:17")
    question = fate.rows[0].question_id
    for word in ("17", question, question[:10]):
        assert where(built.store, "sums", word).stages == fate.stages
    assert where(built.store, "sums", "train:1").rows[0].source_row == "train:1", "exact before the beginning of others"
    json.dumps(fate.as_dict())


@pytest.mark.parametrize("word", ["train:17x", "q" + "0" * 31, "nothing", ""])
def test_an_unknown_row_names_the_nearest(built: House, word: str) -> None:
    with pytest.raises(UserError, match="has no row") as error:
        where(built.store, "sums", word)
    assert "nearest" in error.value.fix


def test_an_ambiguous_row_names_candidates(built: House) -> None:
    with pytest.raises(UserError, match="several rows") as error:
        where(built.store, "facts", "train")
    assert "train:0" in error.value.fix and error.value.fix.endswith("…")


def test_an_unknown_source_names_the_nearest(built: House) -> None:
    with pytest.raises(UserError, match="did you mean facts"):
        where(built.store, "fact", "train:1")


def test_a_contaminated_row_is_told_with_the_item_it_matched(built: House) -> None:
    lost = built.current("screened_questions", source="sums").ledger().collect().row(0, named=True)
    fate = where(built.store, "sums", lost["source_row"])
    found = stage(fate, "screened_questions")
    assert found.status == "dropped" and found.drops[0].as_dict() == lost
    assert {s.status for s in fate.stages if s.asset not in ("sourced_questions", "screened_questions")} == {"absent"}
    assert not fate.students
    text = fate_text(fate)
    assert lost["lost_to"] in text and "figure 80" in text and "never came to: mixed_pool mix" in text
    assert "no current student learned from it" in text


def test_rows_that_sourcing_dropped(built: House) -> None:
    twin = where(built.store, "sums", f"train:{TWIN}")
    assert not twin.rows and not twin.examples
    assert stage(twin, "sourced_questions").drops[0].rule == "duplicate"
    assert stage(twin, "sourced_questions").status == "dropped"
    kept = where(built.store, "sums", str(stage(twin, "sourced_questions").drops[0].lost_to))
    assert kept.rows[0].source_row == "train:0"
    assert stage(kept, "sourced_questions").status == "present" and not stage(kept, "sourced_questions").drops
    empty = where(built.store, "sums", str(EMPTY))
    assert stage(empty, "sourced_questions").drops[0].rule == "no_text"
    assert {s.status for s in empty.stages[1:]} == {"absent"}


def test_other_answers_to_a_question_that_taught_are_told_beside_it(built: House) -> None:
    rows = training(built, "pupil").group_by("source", "source_row").len().filter(pl.col("len") == 1)
    fate = where(built.store, *rows.select("source", "source_row").row(0))
    found = stage(fate, "training_set", teacher="pupil")
    assert (found.status, found.rows, found.dropped) == ("present", 1, 2)
    assert {d.rule for d in found.drops} == {"wrong"} and {d.row_id[0] for d in found.drops} == {"t"}


def test_copies_count_as_rows(built: House) -> None:
    row = training(built, "reference").filter(pl.col("source") == "facts")["source_row"][0]
    assert stage(where(built.store, "facts", row), "mixed_pool").rows == 2


def test_only_recipes_that_draw_from_the_source_are_looked_at(house: House) -> None:
    house.downstream(OTHER_RECIPE, ("reference",))
    recipes = {s.partition.as_dict().get("recipe") for s in where(house.store, "facts", "train:1").stages}
    assert OTHER_RECIPE not in recipes
    recipes = {s.partition.as_dict().get("recipe") for s in where(house.store, "sums", "train:1").stages}
    assert {RECIPE, OTHER_RECIPE} <= recipes


def test_examples_made_from_an_older_version_of_the_source_are_still_found(house: House) -> None:
    row = training(house, "pupil").filter(pl.col("source") == "sums").row(5, named=True)
    number = int(row["source_row"].split(":")[1])
    house.revision["sums"] = 1
    house.sourced("sums")
    by_question = where(house.store, "sums", row["question_id"])
    assert {(r.source_row, r.current) for r in by_question.rows} == {
        (f"train:{number - 1}", True),
        (f"train:{number}", False),
    }
    assert row["example_id"] in by_question.examples
    by_place = where(house.store, "sums", row["source_row"])
    assert len({r.question_id for r in by_place.rows}) == 2, "another question stands there now"
    assert row["example_id"] in by_place.examples
    assert "in the older version" in fate_text(by_place)


def test_a_student_counts_by_the_training_set_that_it_read(house: House) -> None:
    old = house.current("training_set", recipe=RECIPE, teacher="reference")
    row = old.read().filter(pl.col("source") == "sums").row(0, named=True)
    house.revision["sums"] = 500
    house.sources("sums")
    house.pool(RECIPE)
    house.filtered(RECIPE)
    house.requests("sums")
    house.traces("sums", "reference")
    house.verdicts("sums", "reference")
    house.training(RECIPE, "reference")
    fate = where(house.store, "sums", row["question_id"])
    assert not stage(fate, "training_set", teacher="reference").ids, "the new training set has none of it"
    taught = next(s for s in fate.students if s.teacher == "reference")
    assert (taught.training_set, taught.examples) == (old.artifact_id, (row["example_id"],))
    assert [r.current for r in fate.rows] == [False]


@pytest.mark.parametrize("harm", ["pointer", "manifest", "parquet"])
def test_a_damaged_stage_is_unreadable_and_the_rest_is_told(house: House, harm: str) -> None:
    row = training(house, "pupil").filter(pl.col("source") == "sums")["source_row"][0]
    found = house.current("filtered_set", recipe=RECIPE).manifest
    if harm == "pointer":
        (house.path(found).parent / "CURRENT").write_text("not an id")
    elif harm == "manifest":
        house.path(found, "manifest.json").write_text("[]")
    else:
        for file in found.tables[""].files:
            house.path(found, file.path).unlink()
    fate = where(house.store, "sums", row)
    broken = stage(fate, "filtered_set")
    assert broken.status == "unreadable" and broken.reason
    assert stage(fate, "training_set", teacher="pupil").status == "present" and fate.students
    assert "unreadable" in fate_text(fate)


def test_a_source_whose_rows_cannot_be_read_is_one_clear_error(house: House) -> None:
    found = house.current("sourced_questions", source="sums").manifest
    shutil.rmtree(house.path(found, "ledger"))
    assert where(house.store, "sums", "train:3").rows
    for file in found.tables[""].files:
        house.path(found, file.path).write_bytes(b"")
    with pytest.raises(UserError, match="cannot be read"):
        where(house.store, "sums", "train:3")
