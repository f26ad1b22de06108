from __future__ import annotations

import json
import random
import shutil

import polars as pl
import pyarrow.parquet as pq
import pytest
from lineage_house import RECIPE, TWIN, House

from ot_assets.lineage.path import RowPath, Step
from ot_assets.lineage.report import path_text
from ot_assets.lineage.rows import example_path
from resources.artifacts import Artifact
from resources.errors import UserError
from schemas.ids import example_id

STAGES = ["training_set", "traces", "verdicts", "filtered_set", "mixed_pool", "screened_questions", "sourced_questions"]


def cells(house: House, step: Step) -> dict[str, object]:
    """The row that a step names, read by pyarrow from the file that it names."""
    assert step.file is not None and step.place is not None
    return pq.read_table(house.root / step.file).slice(step.place.row, 1).to_pylist()[0]


def examples(house: House, teacher: str) -> pl.DataFrame:
    return house.current("training_set", recipe=RECIPE, teacher=teacher).read()


def check_against_parquet(house: House, path: RowPath) -> None:
    assert [step.asset for step in path.steps] == STAGES and path.complete
    rows = {step.asset: cells(house, step) for step in path.steps}
    example = rows["training_set"]
    for asset in ("traces", "verdicts"):
        assert rows[asset]["trace_id"] == example["trace_id"]
    for asset in STAGES[3:]:
        for name in ("question_id", "source", "source_row"):
            assert rows[asset][name] == example[name]
    assert example["example_id"] == path.row_id == example_id(str(example["trace_id"]), RECIPE)
    assert (path.source, path.source_row) == (example["source"], example["source_row"])
    assert rows["sourced_questions"]["question"] == path.step("sourced_questions").values["question"]
    for step in path.steps:
        assert all(rows[step.asset][k] == v for k, v in step.values.items() if k in ("verdict", "gold", "response_key"))


def test_the_paths_of_100_random_examples_check_out_against_the_files(built: House) -> None:
    known = [(t, e) for t in ("pupil", "reference") for e in examples(built, t)["example_id"]]
    drawn = random.Random(7).sample(known, 100)
    places = set()
    for teacher, example in drawn:
        path = example_path(built.store, RECIPE, teacher, example)
        check_against_parquet(built, path)
        places |= {step.place.file for step in path.steps if step.place}
    assert len(places) > 3, "the tables have several parts, and rows were found in later ones"
    assert {e["source"] for t in ("pupil", "reference") for e in examples(built, t).iter_rows(named=True)} == {
        "sums",
        "facts",
    }


def test_an_old_training_sets_rows_lead_to_the_versions_it_was_made_from(house: House) -> None:
    old = house.current("training_set", recipe=RECIPE, teacher="pupil")
    before = {e: example_path(house.store, RECIPE, "pupil", e).as_dict() for e in old.read()["example_id"][:10]}
    house.revision["sums"] = 2
    house.sources("sums")
    house.downstream()
    for example, path in before.items():
        again = example_path(house.store, RECIPE, "pupil", example, artifact_id=old.artifact_id)
        assert again.as_dict() == path
        check_against_parquet(house, again)
    new = example_path(house.store, RECIPE, "pupil", examples(house, "pupil")["example_id"][0])
    assert new.step("sourced_questions").artifact != before[next(iter(before))]["steps"][-1]["artifact"]


def test_the_trace_names_its_stored_reply_and_long_cells_are_cut(built: House) -> None:
    example = examples(built, "pupil")["example_id"][0]
    trace = example_path(built.store, RECIPE, "pupil", example).step("traces")
    assert len(trace.values["response_key"]) == 64
    assert trace.values["reasoning"].endswith("characters)") and len(trace.values["reasoning"]) < 200
    json.dumps(trace.as_dict())


def test_an_id_may_be_cut_short_and_a_trace_or_question_does_as_well(built: House) -> None:
    row = examples(built, "reference").row(3, named=True)
    whole = example_path(built.store, RECIPE, "reference", row["example_id"])
    for name in (row["example_id"][:12], row["trace_id"], row["trace_id"][:12], row["question_id"]):
        assert example_path(built.store, RECIPE, "reference", name) == whole


def test_an_ambiguous_id_names_the_candidates(built: House) -> None:
    rows = examples(built, "pupil")
    with pytest.raises(UserError, match=r"(?s)e fits several examples.*name one of them: e.*…"):
        example_path(built.store, RECIPE, "pupil", "e")
    often = rows.group_by("question_id").len().filter(pl.col("len") > 1)["question_id"][0]
    with pytest.raises(UserError, match="several examples") as error:
        example_path(built.store, RECIPE, "pupil", often)
    assert all(e in error.value.fix for e in rows.filter(pl.col("question_id") == often)["example_id"])


def test_an_unknown_id_names_the_nearest(built: House) -> None:
    known = sorted(examples(built, "pupil")["example_id"])[5]
    slip = known[:-1] + ("0" if known[-1] != "0" else "1")
    with pytest.raises(UserError, match=f"no row {slip}.*\n.*nearest there.*{known}"):
        example_path(built.store, RECIPE, "pupil", slip)
    for nonsense in ("", "12", "EXAMPLE", "e" * 40, "e12x"):
        with pytest.raises(UserError, match="is not the id of a row"):
            example_path(built.store, RECIPE, "pupil", nonsense)


def test_a_partition_that_was_never_made_says_so(built: House) -> None:
    with pytest.raises(UserError, match="has not been made"):
        example_path(built.store, RECIPE, "nobody", "e12")


def test_a_dropped_answer_is_found_by_its_trace_and_by_the_example_it_would_have_been(built: House) -> None:
    lost = built.current("training_set", recipe=RECIPE, teacher="pupil").ledger().collect()
    trace = lost["row_id"][7]
    path = example_path(built.store, RECIPE, "pupil", trace)
    assert path.outcome == "dropped" and path.row_id == trace and path.drop.rule == "wrong" and path.complete
    assert cells(built, path.steps[0])["row_id"] == trace
    assert path.steps[0].table == "ledger" and path.steps[0].place.file.startswith("ledger/")
    assert path.step("verdicts").values["verdict"] == "wrong"
    assert path.source_row == lost["source_row"][7] == cells(built, path.steps[-1])["source_row"]
    assert example_path(built.store, RECIPE, "pupil", example_id(trace, RECIPE)[:14]) == path


@pytest.mark.parametrize(
    ("asset", "dims", "steps"),
    [
        ("filtered_set", {"recipe": RECIPE}, STAGES[3:]),
        ("mixed_pool", {"recipe": RECIPE}, STAGES[4:]),
        ("screened_questions", {"source": "facts"}, STAGES[5:]),
    ],
)
def test_a_question_dropped_on_the_way_is_followed_from_there(
    built: House, asset: str, dims: dict[str, str], steps: list[str]
) -> None:
    lost = built.current(asset, **dims).ledger().collect().row(1, named=True)
    path = example_path(built.store, RECIPE, "pupil", lost["row_id"])
    assert path.outcome == "dropped" and [s.asset for s in path.steps] == steps
    assert path.drop.as_dict() == lost
    assert (path.source, path.source_row) == (lost["source"], lost["source_row"])
    assert cells(built, path.steps[-1])["question_id"] == lost["row_id"]


def test_a_question_whose_every_answer_was_dropped_is_told_with_their_number(built: House) -> None:
    asked = built.current("filtered_set", recipe=RECIPE).read()["question_id"].unique()
    learned = examples(built, "pupil")["question_id"].unique()
    question = asked.filter(~asked.is_in(learned.to_list()))[0]
    path = example_path(built.store, RECIPE, "pupil", question)
    assert path.drop.rule == "wrong" and path.steps[0].rows == 3
    assert "first of 3 rows" in path_text(path)


def test_copies_in_a_filled_pool_are_counted(built: House) -> None:
    example = examples(built, "reference").filter(pl.col("source") == "facts")["example_id"][0]
    path = example_path(built.store, RECIPE, "reference", example)
    assert [path.step(a).rows for a in ("mixed_pool", "filtered_set", "sourced_questions")] == [2, 2, 1]


def test_text_tells_each_fact_once_and_every_artifact(built: House) -> None:
    path = example_path(built.store, RECIPE, "pupil", examples(built, "pupil")["example_id"][0])
    text = path_text(path)
    assert text.count(path.row_id) == 2, "in the title and in the training row"
    assert all(step.artifact[:8] in text for step in path.steps)


@pytest.mark.parametrize("harm", ["manifest", "folder", "parquet", "cut"])
@pytest.mark.parametrize("asset", STAGES[1:])
def test_a_lost_or_damaged_stage_is_a_step_with_a_reason(house: House, asset: str, harm: str) -> None:
    example = examples(house, "pupil").filter(pl.col("source") == "sums").row(0, named=True)
    dims = {"recipe": RECIPE} if asset in ("filtered_set", "mixed_pool") else {"source": "sums"}
    if asset in ("traces", "verdicts"):
        dims["teacher"] = "pupil"
    found = house.current(asset, **dims).manifest
    if harm == "folder":
        shutil.rmtree(house.path(found))
    elif harm == "manifest":
        house.path(found, "manifest.json").write_text("{}")
    else:
        for file in found.tables[""].files:
            path = house.path(found, file.path)
            path.unlink() if harm == "parquet" else path.write_bytes(path.read_bytes()[:200])
    path = example_path(house.store, RECIPE, "pupil", example["example_id"])
    step = path.step(asset)
    assert step.reason and step.place is None and not path.complete
    assert (path.source, path.source_row) == (example["source"], example["source_row"])
    assert "✗" in path_text(path)
    only_witness = asset == "screened_questions" and harm in ("manifest", "folder")
    if asset != "sourced_questions" and not only_witness:
        assert cells(house, path.steps[-1])["source_row"] == example["source_row"], "the end of the way is still found"


def test_a_damaged_training_set_is_one_clear_error(house: House) -> None:
    found = house.current("training_set", recipe=RECIPE, teacher="pupil").manifest
    house.path(found, found.tables[""].files[0].path).write_bytes(b"PAR1")
    with pytest.raises(UserError, match=r"(?s)cannot be read.*ot run mix"):
        example_path(house.store, RECIPE, "pupil", "e1234")


def test_no_table_is_read_whole(built: House, monkeypatch: pytest.MonkeyPatch) -> None:
    example = examples(built, "pupil")["example_id"][0]
    read: list[tuple[int, int]] = []

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a whole table")

    plain = pl.LazyFrame.collect

    def collect(self: pl.LazyFrame, **how: object) -> pl.DataFrame:
        frame = plain(self, **how)  # type: ignore[call-overload]
        read.append(frame.shape)
        return frame

    monkeypatch.setattr(Artifact, "read", refuse)
    monkeypatch.setattr(Artifact, "batches", refuse)
    monkeypatch.setattr(pl.LazyFrame, "collect", collect)
    example_path(built.store, RECIPE, "pupil", example)
    assert read and all(rows <= 2 for rows, _ in read)


def test_a_twin_dropped_at_sourcing_does_not_hide_the_row_that_stayed(built: House) -> None:
    lost = built.current("sourced_questions", source="sums").ledger().collect()
    twin = lost.filter(pl.col("source_row") == f"train:{TWIN}")["row_id"][0]
    path = example_path(built.store, RECIPE, "pupil", twin)
    assert path.steps[0].asset != "sourced_questions" and path.source_row == "train:0"
