"""Rows that a stage makes wrongly: a failed blocking check in Dagster, and nothing published."""

from __future__ import annotations

import dagster as dg
import polars as pl
import pytest

from tests.endtoend.house import House
from tests.endtoend.steps import instance_of, materialize

EVALUATED = dg.DagsterEventType.ASSET_CHECK_EVALUATION


def last_check(house: House, asset: str, partition: str, check: str = "schema") -> dg.AssetCheckEvaluation:
    """What Dagster shows for the newest evaluation of a check."""
    with instance_of(house) as instance:
        key = dg.AssetCheckKey(dg.AssetKey(asset), check)
        records = instance.event_log_storage.get_asset_check_execution_history(key, limit=50)
        found = [
            r.event.dagster_event.asset_check_evaluation_data
            for r in records
            if r.event and r.event.dagster_event and r.event.dagster_event.event_type is EVALUATED
        ]
        return next(evaluation for evaluation in found if evaluation.partition == partition)


@pytest.fixture
def broken(house: House, monkeypatch: pytest.MonkeyPatch) -> House:
    """The house in which verdicts come out as nothing that the schema knows, after the first few."""
    import ot_assets.distillation.assets as assets

    judged = assets.judged

    def wrong(*arguments: object, **named: object) -> object:
        for frame in judged(*arguments, **named):  # type: ignore[arg-type]
            verdicts = pl.when(pl.int_range(pl.len()) >= 10).then(pl.lit("maybe")).otherwise(pl.col("verdict"))
            yield frame.with_columns(verdicts.alias("verdict"))

    monkeypatch.setattr(assets, "judged", wrong)
    return house


def test_rows_that_break_their_schema_are_a_failed_blocking_check(broken: House):
    before = broken.artifacts()
    with broken.entered():
        result = materialize(broken, "verdicts", source="mine", teacher="solver")
        assert not result.success
        found = last_check(broken, "verdicts", "mine|solver")
    assert not found.passed
    assert found.blocking
    assert found.severity is dg.AssetCheckSeverity.ERROR
    shown = str(found.metadata["violations"].value)
    assert "verdict" in shown
    assert "maybe" in shown
    assert len(shown) < 2_000, "a few examples, not all rows"
    assert broken.artifacts() == before, "what was there before is still current"
    assert not list((broken.home / "artifacts").rglob(".tmp-*"))


def test_the_message_of_ot_run_is_the_same(broken: House):
    broken.edit("models/solver", {"price": {"input": 3.0, "output": 3.0}})
    (broken.home / "artifacts/verdicts/source=mine/teacher=solver/CURRENT").unlink()
    said = broken.ot("run", "sums")
    assert said.code == 1
    assert "failed: verdicts[mine|solver]" in said.out
    assert "maybe" in said.out
    assert "nothing was published" in said.out
    assert "Traceback" not in said.text


def test_good_rows_afterwards_pass_the_check_again(house: House):
    with house.entered():
        assert materialize(house, "verdicts", source="mine", teacher="solver").success
        found = last_check(house, "verdicts", "mine|solver")
        suite = last_check(house, "verdicts", "mine|solver", "suite")
    assert found.passed
    assert not suite.blocking


def test_rows_that_vanish_are_found_out(house: House, monkeypatch: pytest.MonkeyPatch):
    """Rows in must be rows out and rows in the ledger; a step that loses some publishes nothing."""
    import ot_assets.distillation.assets as assets

    judged = assets.judged
    monkeypatch.setattr(assets, "judged", lambda *a, **k: (frame.head(5) for frame in judged(*a, **k)))
    before = house.artifacts()
    with house.entered():
        result = materialize(house, "verdicts", source="mine", teacher="solver")
        assert not result.success
        found = last_check(house, "verdicts", "mine|solver")
    assert not found.passed
    assert "vanished" in str(found.metadata["violations"].value)
    assert house.artifacts() == before
