"""`ot report` over a small recipe that was really made: what stands on the page, and that it adds up."""

from __future__ import annotations

import itertools
import re
from datetime import UTC, datetime
from html import unescape

import pytest

from ot_assets.graph import World
from ot_assets.registry import registry
from ot_assets.report.build import RecipeReport, build_report
from ot_assets.report.page import as_html
from resources.errors import UserError
from tests.endtoend.house import House
from tests.endtoend.steps import make
from tests.report.small import (
    ARABIC,
    EVIL,
    EXAM,
    LONG,
    MATHS,
    build_small,
    make_up_to_training,
    part,
    recipe_spec,
    tokenizer_only,
    without_suites,
)

NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


@pytest.fixture(scope="module")
def page(report: RecipeReport) -> str:
    return as_html(report, now=NOW)


def texts(page: str) -> str:
    """What a person reads: tags taken away, entities resolved."""
    return unescape(re.sub(r"<[^>]+>", "", page))


def test_rows_of_a_level_are_rows_of_the_next_and_rows_dropped(report: RecipeReport):
    for levels in (report.funnel.questions, report.funnel.answers):
        for before, after in itertools.pairwise(levels):
            assert before.rows + after.copies == after.rows + after.dropped, after.title
    steps = report.funnel.selection
    assert [step.step for step in steps] == ["1. dedup exact", "2. random 40"]
    assert steps[0].rows_in == report.funnel.questions[-2].rows
    assert steps[-1].rows_out == report.funnel.questions[-1].rows == 40


def test_drops_are_told_by_rule(report: RecipeReport, page: str):
    drops = {level.title: {d.rule: d.rows for d in level.drops} for level in report.funnel.questions}
    assert drops["screened"] == {"exact": 3, "ngram": 1}
    assert drops["asked"]["random"] > 0
    assert sum(drops["asked"].values()) == 14
    assert "no_text" in page and "duplicate_row" in page


def test_every_source_and_domain_stands_with_its_share(report: RecipeReport):
    assert set(report.sources.rows) == {"mine", "other"}
    assert set(report.domains.rows) == {"math", "science"}
    for table in (report.sources, report.domains):
        for column, total in enumerate(table.totals):
            assert sum(counts[column] for counts in table.rows.values()) == total
    assert report.sources.totals[-1] == report.funnel.answers[-1].rows == 80


def test_the_page_has_every_section_and_no_way_out(page: str):
    sections = re.findall(r'<section id="(\w+)">', page)
    assert sections == [
        "funnel", "shares", "spread", "duplicates", "contamination", "recall", "samples", "sources", "choices", "cost", "made",
    ]  # fmt: skip
    assert "default-src 'none'" in page
    assert not re.search(r"<script|<img|<link|<iframe|url\(|@import|(?:src|href)=\"(?!#)", page)
    assert len(page.encode()) < 500_000


def test_markup_in_the_data_is_text(small: House):
    """However the draw falls, the evil question is looked at: every row is sampled here."""
    from ot_assets.report.samples import samples
    from ot_assets.report.stages import find_stages

    with small.entered():
        stages = find_stages(World(registry(), small.store), "small", "solver")
        every = samples(stages, seed=0, rows=1_000)
        found = build_report(World(registry(), small.store), "small", None)
    page = as_html(RecipeReport(**{**vars(found), "samples": tuple(every)}), now=NOW)
    assert "<script" not in page and "<b>What</b>" not in page
    assert EVIL in texts(page)
    assert "I add them up <b>slowly</b>." in texts(page)
    assert ARABIC in texts(page) and MATHS in texts(page)
    assert LONG.strip() not in texts(page), "a long text is cut"
    assert f"and {len(LONG.strip()) - 3_000:,} characters that this page leaves out" in texts(page)
    for text in re.findall(r'<div class="text"([^>]*)>', page):
        assert 'dir="auto"' in text, "right-to-left text finds its own direction"


def test_copies_of_a_benchmark_stand_beside_their_items(report: RecipeReport, page: str):
    found = report.contamination
    assert found is not None
    assert [(one.benchmark, one.found) for one in found.benchmarks] == [("exam", 4)]
    told = {hit.rule: (as_text(hit.question), as_text(hit.item_text)) for hit in found.shown}
    assert told["exact"][0] == told["exact"][1]
    assert told["exact"][0] in EXAM
    assert told["ngram"] == (f"So they say: {EXAM[4]}", EXAM[4])
    (near,) = (hit for hit in found.shown if hit.rule == "ngram")
    assert "".join(p.text for p in near.question.lead if p.mark == "differs").split() == ["So", "they", "say:"]
    assert '<mark class="differs">So they say: </mark>' in page


def as_text(shown: object) -> str:
    return "".join(piece.text for piece in (*shown.lead, *shown.rest))  # type: ignore[attr-defined]


def test_groups_of_duplicates_name_the_survivor(report: RecipeReport):
    found = report.duplicates
    assert found is not None
    assert found.dropped == sum(d.rows for d in report.funnel.questions[-1].drops if d.rule.startswith("dedup"))
    assert sum((size - 1) * groups for size, groups in found.sizes) == found.dropped
    largest = found.largest[0]
    assert largest.survivor.startswith("mine/"), "the source that is named first keeps its row"
    assert as_text(largest.text).startswith("What do")
    assert all(loser.row.startswith("other/") for loser in largest.losers)


def test_histograms_count_every_row(report: RecipeReport):
    by_title = {one.title: one for one in report.histograms}
    lengths = by_title["Length of the questions"]
    assert {s.name: s.rows for s in lengths.series} == {"screened": 54, "asked": 40}
    for one in report.histograms:
        for series in one.series:
            assert sum(series.counts) == series.rows


def test_samples_are_of_every_stage_and_the_same_each_time(small: House, report: RecipeReport, page: str):
    stages = [sample.stage for sample in report.samples]
    assert stages == [
        "sourced_questions", "screened_questions", "mixed_pool", "filtered_set", "traces", "training_set",
    ]  # fmt: skip
    with small.entered():
        again = build_report(World(registry(), small.store), "small", "solver")
    assert as_html(again, now=NOW) == page


def test_sources_tell_their_problems_and_licences(report: RecipeReport):
    mine = report.entries[0]
    assert (mine.key, mine.licences, mine.rows_read) == ("mine", ("CC-BY-4.0",), 42)
    assert {p.rule for p in mine.problems} >= {"no_text"}
    assert all(place.startswith("mine.jsonl:") for p in mine.problems for place, _ in p.examples)
    assert any("MIT" in licence for licence in report.licences)


def test_the_choices_are_those_that_the_rows_were_made_by(report: RecipeReport):
    groups = {group.title: dict(group.settings) for group in report.choices}
    assert groups["Screening"]["screen.exam.ngram"] == "13"
    assert groups["Selection"]["select.math.2.rows"] == "40"
    assert groups["Teacher"]["teacher.sampling.max_tokens"] == "64"
    assert groups["Answers and examples"]["student.max_tokens"] == "20000"
    assert [group.title for group in report.choices if not group.made] == ["Student"]


def test_the_command_writes_the_page_and_says_where(small: House, tmp_path):
    out = tmp_path / "deep" / "page.html"
    said = small.ot("report", "small", "--teacher", "solver", "--out", str(out))
    assert said.code == 0, said.text
    assert said.out.strip() == str(out)
    text = out.read_text()
    assert "small<small>solver</small>" in text
    assert "traces" in text.partition('<section id="cost">')[2].partition("</section>")[0]
    refused = small.ot("report", "small", "--out", str(tmp_path))
    assert refused.code == 1 and "--out FILE" in refused.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["smal"], "did you mean 'small'?"),
        (["small", "--teacher", "solvr"], "did you mean 'solver'?"),
    ],
)
def test_a_wrong_name_is_told(small: House, arguments: list[str], told: str):
    said = small.ot("report", *arguments)
    assert said.code == 1 and told in said.err


def test_what_is_not_made_yet_is_said_and_the_rest_is_shown(small: House):
    with small.entered():
        found = build_report(World(registry(), small.store), "small", "reference")
    assert found.missing == ("traces", "verdicts", "training_set")
    assert found.funnel.questions[-1].title == "asked"
    assert [level.title for level in found.funnel.answers] == ["wanted"]
    page = as_html(found)
    assert "Not made yet" in page and "training_set" in page


def test_only_the_sources_are_made(tmp_path):
    house = build_small(tmp_path, tokenizer_only(tmp_path / "base"))
    with house.entered():
        for source in ("mine", "other"):
            with without_suites():
                assert make(house, "sourced_questions", source=source) is None
        found = build_report(World(registry(), house.store), "small", None)
    assert [level.title for level in found.funnel.questions] == ["read", "questions"]
    assert found.funnel.answers == ()
    page = as_html(found)
    assert "filtered_set" in page.partition('id="missing"')[2].partition("</div>")[0]


def sums_up(report: RecipeReport) -> bool:
    """What each level of the funnel has and drops is what the one before it had."""
    return all(
        before.rows + after.copies == after.rows + after.dropped
        for levels in (report.funnel.questions, report.funnel.answers)
        for before, after in itertools.pairwise(levels)
    )


def test_answers_that_only_another_recipe_asked_for_are_not_this_ones(copied: House):
    copied.write(
        "recipes/more", recipe_spec(answers_per_question=4, parts={"math": part({"kind": "random", "rows": 50})})
    )
    with without_suites():
        assert make_up_to_training(copied, "more").ok
        assert make_up_to_training(copied, "small").ok
    with copied.entered():
        world = World(registry(), copied.store)
        mine, more = (build_report(world, key, None) for key in ("small", "more"))
    for one, answers in ((mine, 80), (more, 200)):
        assert sums_up(one)
        assert sum(rows for _, rows in one.verdicts) == answers
        lengths = next(h for h in one.histograms if h.title.startswith("Length of the answers"))
        assert [(s.name, s.rows + s.missing) for s in lengths.series] == [("answered", answers)]
        assert next(s for s in one.samples if s.stage == "traces").rows_in_all == answers


def test_nothing_made_is_one_message(tmp_path):
    house = build_small(tmp_path, tokenizer_only(tmp_path / "base"))
    with house.entered(), pytest.raises(UserError, match="nothing of recipe small is made yet") as error:
        build_report(World(registry(), house.store), "small", None)
    assert "ot run small" in str(error.value)


def test_a_stage_made_anew_is_shown_as_it_was_used_and_said(copied: House):
    copied.rows("mine.jsonl", [{"problem": "What is left?", "answer": "1", "worked": "Nothing."}])
    with copied.entered():
        with without_suites():
            assert make(copied, "sourced_questions", source="mine") is None
        found = build_report(World(registry(), copied.store), "small", None)
    assert any("sourced_questions[mine] was made anew" in remark for remark in found.remarks)
    assert found.funnel.questions[0].by_source["mine"] == 42
    assert "Not all of it is current" in as_html(found)


def test_a_damaged_artifact_is_said(copied: House):
    folder = copied.current("sourced_questions", source="other").path
    for manifest in copied.home.rglob("manifest.json"):
        if str(manifest.parent) == folder:
            manifest.write_text("{")
    with copied.entered():
        found = build_report(World(registry(), copied.store), "small", None)
    assert "sourced_questions of other" in found.missing
    assert any("sourced_questions[other]" in remark for remark in found.remarks)
    assert found.funnel.questions[0].title == "screened", "a level that lacks a source would not add up"
    assert sums_up(found)
