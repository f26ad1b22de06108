"""The contract of a publication, on every kind of store."""

import json
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from resources.artifacts import (
    Artifact,
    ArtifactStore,
    MissingArtifact,
    Partition,
    ValidationFailed,
    chunks,
    parts,
)
from resources.errors import UserError
from schemas import SCHEMAS
from tests.resources.artifacts.making import AIME, R1, publish, requests, verdicts


def leftovers(store: ArtifactStore) -> list[Path]:
    return [path for shelf in store.place.shelves() for path in shelf.stagings]


def current(store: ArtifactStore, partition: Partition = AIME, asset: str = "trace_requests") -> Artifact:
    found = store.current(asset, partition)
    assert found is not None
    return found


def test_everything_that_is_published_comes_back(reopen: Callable[[], ArtifactStore]) -> None:
    made_from = publish(reopen(), 5)
    with reopen().publication(
        "verdicts",
        R1,
        code_version="3",
        spec={"verifier": "math", "nested": {"a": (1, 2)}},
        seeds={"draw": 7},
        run_id="run-1",
        schemas=SCHEMAS["verdicts"],
    ) as out:
        source = out.open("trace_requests", AIME)
        assert out.open("trace_requests", AIME) is source
        assert out.open_if_there("traces", R1) is None
        for start in range(0, 10, 3):
            out.write(verdicts(min(3, 10 - start), start=start))
        out.drop(pl.DataFrame({"row_id": ["x", "y"], "rule": ["short", "short"], "figure": [0.5, 0.25]}))
        out.drop(pl.DataFrame({"row_id": ["z"], "rule": ["copy"], "lost_to": ["a"]}))
        out.rows_in(13)
        (out.folder() / "model").mkdir()
        (out.folder() / "model" / "weights.bin").write_bytes(b"\0" * 1000)
        out.annotate("README.md", "# Card\n")
        out.check("gold", True, detail="all there")
        out.check("drift", False, "warn", "twice as long")
        out.stat(mean=np.float64(1.5), counts={"a": np.int64(2)}, nothing=float("nan"))
        out.licences("MIT", "CC-BY-4.0", "MIT", "")
        manifest = out.publish()
    found = current(reopen(), R1, "verdicts")
    assert found.manifest == manifest
    assert found.read().equals(verdicts(10).cast({"extracted": pl.String, "evidence": pl.String}))
    assert found.ledger().collect()["row_id"].to_list() == ["x", "y", "z"]
    assert [i.artifact_id for i in manifest.inputs] == [made_from.artifact_id]
    assert manifest.inputs[0].content_hash == made_from.content_hash
    assert (manifest.rows_in, manifest.rows_out, manifest.dropped) == (13, 10, {"copy": 1, "short": 2})
    assert (manifest.spec, manifest.seeds) == ({"verifier": "math", "nested": {"a": [1, 2]}}, {"draw": 7})
    assert (manifest.run_id, manifest.code_version) == ("run-1", "3")
    assert manifest.licences == ["CC-BY-4.0", "MIT"]
    assert manifest.stats == {"mean": 1.5, "counts": {"a": 2}, "nothing": None}
    assert {c.name: c.passed for c in manifest.checks} == {
        "schema": True,
        "schema:ledger": True,
        "gold": True,
        "drift": False,
    }
    assert {f.path: f.annotation for f in manifest.files} == {"README.md": True, "model/weights.bin": False}
    assert found.file("README.md").read_text() == "# Card\n"
    assert (found.folder() / "model" / "weights.bin").stat().st_size == 1000
    assert (found.folder() / "README.md").exists()
    assert found.verify() == []
    assert leftovers(reopen()) == []


def test_lies_as_documented(local: ArtifactStore) -> None:
    manifest = publish(local, partition=R1)
    folder = Path(local.root) / "trace_requests" / "source=aime" / "teacher=r1"
    assert (folder / "CURRENT").read_text().strip() == manifest.artifact_id
    assert {p.name for p in folder.iterdir()} == {"CURRENT", manifest.artifact_id}
    assert {p.name for p in (folder / manifest.artifact_id).iterdir()} == {"manifest.json", "part-00000.parquet"}
    written = json.loads((folder / manifest.artifact_id / "manifest.json").read_text())
    assert written["artifact_id"] == manifest.artifact_id and len(manifest.artifact_id) == 20
    assert publish(local, asset="leaderboard", partition=Partition()).asset == "leaderboard"
    assert (Path(local.root) / "leaderboard" / "CURRENT").exists()


def test_nothing_is_visible_before_publish_nor_left_without_it(reopen: Callable[[], ArtifactStore]) -> None:
    with reopen().publication("trace_requests", AIME, code_version="1", schemas=SCHEMAS["trace_requests"]) as out:
        out.write(requests(3))
        assert reopen().current("trace_requests", AIME) is None
        assert reopen().assets() == [] and reopen().history("trace_requests", AIME) == []
    assert reopen().current("trace_requests", AIME) is None
    assert leftovers(reopen()) == []


def test_an_error_in_the_block_leaves_the_version_before(reopen: Callable[[], ArtifactStore]) -> None:
    before = publish(reopen(), 3)
    with pytest.raises(KeyboardInterrupt), reopen().publication("trace_requests", AIME, code_version="1") as out:
        out.write(requests(5))
        raise KeyboardInterrupt
    assert current(reopen()).manifest == before and leftovers(reopen()) == []


def test_same_content_and_inputs_is_the_same_artifact(reopen: Callable[[], ArtifactStore]) -> None:
    first = publish(reopen(), 3, run_id="one")
    second = publish(reopen(), 4)
    assert current(reopen()).manifest == second
    again = publish(reopen(), 3, run_id="two")
    assert again == first  # run and time are those of the first making
    assert current(reopen()).manifest == first
    assert [m.rows_out for m in reopen().history("trace_requests", AIME)] == [4, 3]


def test_what_the_id_depends_on(local: ArtifactStore) -> None:
    base = publish(local, 3)
    assert publish(local, 3, partition=R1).artifact_id != base.artifact_id
    assert publish(local, 3, asset="other").artifact_id != base.artifact_id
    assert publish(local, 3, spec={"a": 1}).artifact_id != base.artifact_id
    assert publish(local, 3, seeds={"a": 1}).artifact_id != base.artifact_id
    first = publish(local, 3, asset="other", inputs=[("trace_requests", AIME)])
    publish(local, 4)
    second = publish(local, 3, asset="other", inputs=[("trace_requests", AIME)])
    assert first.content_hash == second.content_hash == base.content_hash
    assert first.artifact_id != second.artifact_id


def test_a_card_is_no_content_and_a_weight_is(local: ArtifactStore, tmp_path: Path) -> None:
    def student(card: str, weight: bytes) -> tuple[str, str]:
        with local.publication("student_model", R1, code_version="1") as out:
            (out.folder() / "model.bin").write_bytes(weight)
            (out.folder() / "train.log").write_text(card)
            out.annotate("train.log", out.folder() / "train.log")
            (tmp_path / "card").write_text(card)
            out.annotate("README.md", tmp_path / "card")
            manifest = out.publish()
        return manifest.content_hash, current(local, R1, "student_model").file("README.md").read_text()

    one, two, three = student("a", b"1"), student("b", b"1"), student("a", b"2")
    assert one[0] == two[0] != three[0]
    assert (one[1], two[1]) == ("a", "a")  # what is there already is kept whole


def test_an_input_stays_the_same_within_a_publication(local: ArtifactStore) -> None:
    first = publish(local, 3)
    with local.publication("other", AIME, code_version="1") as out:
        opened = out.open("trace_requests", AIME)
        publish(local, 4)
        assert out.open("trace_requests", AIME).artifact_id == opened.artifact_id == first.artifact_id
        out.write(opened.read())
        assert [i.artifact_id for i in out.publish().inputs] == [first.artifact_id]


def test_a_missing_input_says_what_to_make(local: ArtifactStore) -> None:
    publish(local, partition=Partition({"source": "gsm8k"}))
    with pytest.raises(MissingArtifact) as told:
        publish(local, asset="traces", partition=R1, inputs=[("trace_requests", AIME)])
    text = str(told.value)
    assert all(w in text for w in ("traces for aime|r1", "trace_requests for aime", "made for: gsm8k", "materialize"))
    assert local.current("traces", R1) is None


def test_rows_that_vanish_are_told(local: ArtifactStore) -> None:
    def run(rows_in: int) -> None:
        with local.publication("trace_requests", AIME, code_version="1") as out:
            out.write(requests(3))
            out.drop(pl.DataFrame({"row_id": ["x"], "rule": ["copy"]}))
            out.rows_in(rows_in)
            out.publish()

    run(4)
    for rows_in, words in ((6, "2 row(s) vanished"), (3, "1 row(s) too many")):
        with pytest.raises(ValidationFailed, match=r"rows in \d are not") as told:
            run(rows_in)
        assert words in str(told.value)
    assert current(local).manifest.rows_in == 4


def test_a_failed_error_check_blocks_and_a_warning_does_not(local: ArtifactStore) -> None:
    before = publish(local, 2)
    refused = pytest.raises(ValidationFailed, match="licence: three rows state none")
    with refused, local.publication("trace_requests", AIME, code_version="1") as out:
        out.write(requests(3))
        out.check("length", False, "warn", "long")
        out.check("licence", False, detail="three rows state none")
        out.publish()
    assert current(local).manifest == before


def test_empty_is_refused_unless_it_is_allowed(local: ArtifactStore) -> None:
    def run(**how: bool) -> None:
        with local.publication("screened", AIME, code_version="1", schemas=SCHEMAS["trace_requests"]) as out:
            out.drop(pl.DataFrame({"row_id": ["x", "y"], "rule": ["13-gram"] * 2}))
            out.rows_in(2)
            out.publish(**how)

    with pytest.raises(ValidationFailed, match="no rows are left; dropped by rule: 13-gram 2"):
        run()
    run(allow_empty=True)
    found = current(local, AIME, "screened")
    assert found.read().schema == pl.Schema(SCHEMAS["trace_requests"][""].dtypes()) and found.manifest.rows_out == 0
    assert list(found.batches()) == [] and found.verify() == []


def test_files_alone_are_something_and_a_declared_main_table_must_have_rows(local: ArtifactStore) -> None:
    with local.publication("student_model", R1, code_version="1") as out:
        (out.folder() / "model.bin").write_bytes(b"w")
        assert out.publish().rows_out == 0
    schemas = SCHEMAS["trace_requests"]
    with (
        pytest.raises(ValidationFailed, match="no rows are left"),
        local.publication("trace_requests", AIME, code_version="1", schemas=schemas) as out,
    ):
        (out.folder() / "model.bin").write_bytes(b"w")
        out.publish()


def test_what_failed_once_cannot_be_published_by_looking_away(
    local: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "ROW_GROUP_ROWS", 2)
    with local.publication("trace_requests", AIME, code_version="1", schemas=SCHEMAS["trace_requests"]) as out:
        out.write(requests(2))
        with pytest.raises(ValidationFailed):
            out.write(requests(2, answers=0))
        with pytest.raises(ValidationFailed):
            out.publish()
    assert local.current("trace_requests", AIME) is None


def test_ledger_rows_as_steps_have_them(local: ArtifactStore) -> None:
    with local.publication("trace_requests", AIME, code_version="1") as out:
        out.write(requests(1))
        out.drop(pl.DataFrame({"row_id": ["x"], "rule": ["copy"], "figure": [3]}))
        out.drop(pl.DataFrame({"row_id": ["y"], "rule": ["copy"], "note": [None]}))
        assert out.publish().dropped == {"copy": 2}
    assert current(local).ledger().collect()["figure"].to_list() == [3.0, None]
    for bad in ({"row_id": ["x"]}, {"rule": ["copy"]}, {"row_id": ["x"], "rule": ["copy"], "more": [1]}):
        with pytest.raises(ValidationFailed), local.publication("trace_requests", AIME, code_version="1") as out:
            out.write(requests(1))
            out.drop(pl.DataFrame(bad))
            out.publish()


def test_declared_tables_are_always_there(local: ArtifactStore) -> None:
    with local.publication("leaderboard", Partition(), code_version="1", schemas=SCHEMAS["leaderboard"]) as out:
        out.publish(allow_empty=True)
    found = current(local, Partition(), "leaderboard")
    assert set(found.manifest.tables) == {"", "comparisons"} and found.read("comparisons").height == 0
    assert found.ledger().collect().height == 0
    with pytest.raises(UserError, match=r"no table 'nothing'"):
        found.read("nothing")
    with pytest.raises(UserError, match=r"no file 'nothing'"):
        found.file("nothing")


def test_parts_and_row_groups(local: ArtifactStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "ROW_GROUP_ROWS", 10)
    monkeypatch.setattr(parts, "PART_ROWS", 30)
    publish(local, 105)
    found = current(local)
    assert [f.rows for f in found.manifest.tables[""].files] == [30, 30, 30, 15]
    assert found.read().equals(requests(105)) and found.scan().collect().equals(requests(105))
    assert [len(b) for b in found.batches(rows=7)] == [7, 3] * 10 + [5]
    assert pl.concat(found.batches(columns=["answers"])).columns == ["answers"]


def test_the_broken_row_is_named_wherever_it_is(local: ArtifactStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "ROW_GROUP_ROWS", 10)
    bad = verdicts(95).with_columns(
        verdict=pl.when(pl.col("trace_id") == f"t{93:031x}").then(pl.lit("perhaps" * 500)).otherwise("verdict")
    )
    schemas = SCHEMAS["verdicts"]
    with (
        pytest.raises(ValidationFailed) as told,
        local.publication("verdicts", R1, code_version="1", schemas=schemas) as out,
    ):
        out.write(bad)
        out.publish()
    text = str(told.value)
    assert all(w in text for w in ("rows 90 to 94", "row 93", f"{93:031x}", "verdict: ", "'perhapsperhaps"))
    assert len(text) < 1000 and len(told.value.problems) == 1
    assert local.current("verdicts", R1) is None


def test_a_key_may_not_come_twice_even_far_apart(local: ArtifactStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "ROW_GROUP_ROWS", 10)
    monkeypatch.setattr(parts, "PART_ROWS", 20)
    for rows in ([verdicts(95), verdicts(2, start=7)], [verdicts(5), verdicts(5)]):
        with (
            pytest.raises(ValidationFailed, match="trace_id: must be unique") as told,
            local.publication("verdicts", R1, code_version="1", schemas=SCHEMAS["verdicts"]) as out,
        ):
            for frame in rows:
                out.write(frame)
            out.publish()
        assert "2 times" in str(told.value)


@pytest.mark.parametrize("name", ["manifest.json", "part-00000.parquet", "../x", "/etc/x", "a/../b", ".tmp-x", "", "."])
def test_names_that_files_cannot_have(local: ArtifactStore, name: str) -> None:
    with local.publication("student_model", R1, code_version="1") as out, pytest.raises(UserError, match="cannot be"):
        out.annotate(name, "x")


def test_a_link_becomes_the_file_it_leads_to(local: ArtifactStore, tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(b"w" * 10)
    with local.publication("student_model", R1, code_version="1") as out:
        (out.folder() / "model.bin").symlink_to(tmp_path / "weights")
        out.publish()
    (tmp_path / "weights").unlink()
    found = current(local, R1, "student_model")
    assert not found.file("model.bin").is_symlink() and found.file("model.bin").read_bytes() == b"w" * 10
    with pytest.raises(UserError, match="link to"), local.publication("student_model", R1, code_version="1") as out:
        (out.folder() / "gone").symlink_to(tmp_path / "nowhere")
        out.publish()


def test_only_inside_its_block(local: ArtifactStore) -> None:
    out = local.publication("trace_requests", AIME, code_version="1")
    with pytest.raises(RuntimeError, match="inside its `with` block"):
        out.write(requests(1))
    with out:
        out.write(requests(1))
        out.publish()
        with pytest.raises(RuntimeError, match="not after publish"):
            out.publish()


def test_specs_that_are_not_json_are_refused_at_the_start(local: ArtifactStore) -> None:
    with pytest.raises(TypeError, match=r"spec\.a\[1\]: PosixPath"):
        local.publication("trace_requests", AIME, code_version="1", spec={"a": [1, Path("x")]})
    with pytest.raises(UserError, match="not an asset's name"):
        local.publication("../x", AIME, code_version="1")


def test_no_secret_gets_into_a_manifest(local: ArtifactStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEACHER_API_KEY", "sk-0123456789abcdef")
    monkeypatch.setenv("SHORT_TOKEN", "aime")
    with pytest.raises(UserError, match="TEACHER_API_KEY") as told:
        publish(local, spec={"headers": {"authorization": "Bearer sk-0123456789abcdef"}})
    assert "sk-0123" not in str(told.value) and local.current("trace_requests", AIME) is None
    publish(local)


def test_a_second_writer_waits_in_the_same_process(local: ArtifactStore, caplog: pytest.LogCaptureFixture) -> None:
    import threading

    done: list[str] = []

    def second() -> None:
        publish(local, 4)
        done.append("second")

    with caplog.at_level(logging.WARNING), local.publication("trace_requests", AIME, code_version="1") as out:
        thread = threading.Thread(target=second)
        thread.start()
        while "waiting for the lock of trace_requests for aime" not in caplog.text:
            thread.join(0.01)
        assert f"pid {__import__('os').getpid()} on " in caplog.text and " since " in caplog.text
        out.write(requests(3))
        out.publish()
        done.append("first")
    thread.join()
    assert done == ["first", "second"] and current(local).manifest.rows_out == 4
    with (
        local.publication("trace_requests", AIME, code_version="1"),
        pytest.raises(RuntimeError, match="already holds"),
    ):
        publish(local)
