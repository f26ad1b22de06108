"""The step that cleans: its ledger, its figures, and the kinds of steps that there are."""

from __future__ import annotations

from typing import Any, get_args

import polars as pl
import pytest

from ot_assets.curation.selection import select
from ot_assets.curation.steps import clean
from ot_assets.curation.steps.dispatch import KINDS
from ot_assets.registry.specs.part import Part
from ot_assets.registry.specs.select import Step
from tests.curation.rows import pool


def part(*steps: dict[str, Any]) -> Part:
    return Part.model_validate({"domain": "math", "sources": [{"source": "a"}], "select": steps})


def test_every_kind_of_step_has_a_module_that_does_it() -> None:
    kinds = {get_args(one.model_fields["kind"].annotation)[0] for one in get_args(get_args(Step)[0])}
    assert set(KINDS) == kinds


def test_what_goes_and_why() -> None:
    frame = pool(
        [
            ("a", "In the figure, what is x?", 0),
            ("a", "What is two and two, and what is it called?", 0),
            ("a", "Look at https://x.dev/page and say what it is.", 1),
            ("a", "Short?", 0),
        ]
    )
    cleaning = {"kind": "clean", "figures": True, "links": True, "length": {"min": 10}, "proofs": True}
    result = select(part(cleaning), frame, {}, 0, name="p")
    assert result.frame.get_column("question").to_list() == ["What is two and two, and what is it called?"]
    assert result.ledger.select("rule", "note", "source_row").rows() == [
        ("clean.figures", "In the figure, what is x?", "train:0"),
        ("clean.links", "Look at https://x.dev/page and say what it is.", "train:2"),
        ("clean.length", "6 characters, fewer than 10", "train:3"),
    ]
    assert result.funnel[0].to_dict() == {
        "step": "1. clean length, figures, links, proofs",
        "rows_in": 4,
        "rows_out": 1,
        "figures": {"dropped": {"length": 1, "figures": 1, "links": 1, "proofs": 0}},
    }


@pytest.mark.parametrize("at_once", [1, 3, 7, 100])
def test_the_outcome_does_not_depend_on_how_many_rows_are_read_at_once(
    monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    frame = pool([("a", f"See the figure {i}." if i % 3 else f"What is {i}?", 0) for i in range(20)])
    spec = part({"kind": "clean", "figures": True})
    whole = select(spec, frame, {}, 0)
    monkeypatch.setattr(clean, "_AT_ONCE", at_once)
    again = select(spec, frame, {}, 0)
    assert again.frame.equals(whole.frame)
    assert again.ledger.equals(whole.ledger)


def test_an_empty_pool() -> None:
    result = select(part({"kind": "clean", "figures": True}), pool([]), {}, 0)
    assert result.frame.is_empty()
    assert result.ledger.is_empty()


def test_side_tables_say_where_they_come_from(monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from ot_assets.curation.steps.context import Cut, StepContext, everything
    from ot_assets.curation.steps.dispatch import StepKind

    def run(step: Any, context: StepContext) -> Cut:
        return replace(everything(context.frame), tables={"seen": context.frame.select("question_id")})

    monkeypatch.setitem(KINDS, "clean", StepKind(run, lambda step: "look"))  # type: ignore[arg-type]
    step = {"kind": "clean", "figures": True}
    result = select(part(step, step), pool([("a", "x", 0), ("a", "y", 0)]), {}, 0, name="p")
    assert result.tables["seen"].select("part", "step").rows() == [("p", 1), ("p", 1), ("p", 2), ("p", 2)]


def test_a_step_that_loses_a_row_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    from ot_assets.curation.steps.context import Cut, StepContext
    from ot_assets.curation.steps.dispatch import StepKind

    def run(step: Any, context: StepContext) -> Cut:
        return Cut(pl.Series([False]), pl.DataFrame())

    monkeypatch.setitem(KINDS, "clean", StepKind(run, lambda step: "lose"))  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="does not account for its rows: 1 in, 0 out, 0 in the ledger"):
        select(part({"kind": "clean", "figures": True}), pool([("a", "x", 0)]), {}, 0)
