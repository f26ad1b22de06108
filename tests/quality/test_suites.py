"""Every rule of every suite: met by a good data set, broken by the fault that it is about, and by nothing else."""

from __future__ import annotations

import polars as pl
import pytest

from ot_assets.quality import FOR_ASSET, SUITES, Bounds, SuiteContext, run_suite
from ot_assets.quality.drift import kept_share
from ot_assets.quality.squeezed import SPACES
from ot_assets.quality.suites import suite_for

from .frames import mixed_pool, questions, scores, traces, training_set, verdicts


def failed(name: str, frame: pl.DataFrame, previous: pl.DataFrame | None = None, **known) -> set[str]:
    result = run_suite(name, frame, previous, SuiteContext(asset=name, **known))
    assert result.passed == (not result.failures)
    return {f.name for f in result.failures}


GOOD = [
    ("questions", questions(60), questions(50)),
    ("questions", mixed_pool(20, 3), mixed_pool(20, 2)),
    ("traces", traces(60), traces(50)),
    ("verdicts", verdicts(60), verdicts(50)),
    ("training_set", training_set(120), training_set(100)),
    ("scores", scores(0.2, 0.9), scores(0.3, 0.8)),
]


@pytest.mark.parametrize(("name", "frame", "previous"), GOOD, ids=lambda v: v if isinstance(v, str) else "")
def test_a_good_data_set_passes_whole_and_by_stream(name, frame, previous):
    known = SuiteContext(asset=name, max_tokens=30, verified=True, closing_tag="</think>", domains=(("math", 1.0),))
    result = run_suite(name, frame.lazy(), previous.lazy(), known)
    assert result.failures == ()
    skipped = {f.name for f in result.findings if f.skipped}
    assert skipped <= {"commonest_choice_share"}
    assert "expectations met" in result.summary()


QUESTION_FAULTS = {
    "rows": (questions(3), {"rows": Bounds(low=10)}),
    "repeated_ids": (questions(9, question_id="q" + "0" * 31), {}),
    "licence_known_share": (questions(9, licence=lambda i: "unknown" if i == 3 else "MIT"), {}),
    "gold_share": (questions(30, gold=lambda i: None if i < 3 else "1"), {}),
    "commonest_choice_share": (questions(30, verifier="choice", gold=lambda i: "D" if i % 10 else "A"), {}),
    "judged_share": (questions(30, verifier=lambda i: "none" if i % 3 else "math"), {}),
    "same_text_share": (questions(30, question=lambda i: "Why?  " if i % 2 else f"wh{'Y'}? {i if i > 4 else ''}"), {}),
    "long_share": (questions(30, question=lambda i: "x" * 30_000 if i == 7 else f"Why {i}?"), {}),
    "broken_text_share": (questions(30, question=lambda i: f"Na\ufffdve {i}" if i == 7 else f"Why {i}?"), {}),
}


@pytest.mark.parametrize("rule", QUESTION_FAULTS)
def test_question_faults(rule):
    frame, known = QUESTION_FAULTS[rule]
    assert failed("questions", frame, **known) == {rule}


TRACE_FAULTS = {
    "cut_share": (traces(30, finish_reason=lambda i: "length" if i % 3 == 0 else "stop"), {}),
    "closed_share": (traces(30, reasoning_closed=lambda i: i % 3 != 0), {}),
    "answered_share": (traces(30, answer=lambda i: None if i % 3 == 0 else str(i)), {}),
    "refused_share": (traces(30, finish_reason=lambda i: "content_filter" if i == 0 else "stop"), {}),
    "repeated_share": (traces(30, question_id="q" + "0" * 31, reasoning="same", answer="42"), {}),
    "most_tokens": (traces(30), {"max_tokens": 12}),
    "median_tokens": (traces(30, completion_tokens=0), {}),
}


@pytest.mark.parametrize("rule", TRACE_FAULTS)
def test_trace_faults(rule):
    frame, known = TRACE_FAULTS[rule]
    assert failed("traces", frame, **known) == {rule}


VERDICT_FAULTS = {
    "failed_share": verdicts(30, verdict=lambda i: "verifier_failed" if i == 0 else "correct"),
    "unverifiable_share": verdicts(30, verdict=lambda i: "unverifiable" if i % 3 else "correct"),
    "correct_share": verdicts(30, correct=0),
}


@pytest.mark.parametrize("rule", VERDICT_FAULTS)
def test_verdict_faults(rule):
    assert failed("verdicts", VERDICT_FAULTS[rule]) == {rule}


SAID = [{"role": "assistant", "content": "<think>a</think>b"}]
TRAINING_FAULTS = {
    "repeated_share": (training_set(30, prompt=[{"role": "user", "content": "same"}], completion=SAID), {}),
    "empty_share": (
        training_set(30, completion=lambda i: [{"role": "assistant", "content": "" if i == 3 else f"{i}"}]),
        {},
    ),
    "closed_share": (training_set(30), {"closing_tag": "</thought>"}),
    "least_tokens": (training_set(30, completion_tokens=lambda i: 0 if i == 0 else 9), {}),
    "most_tokens": (training_set(30), {"max_tokens": 24}),
    "largest_question_share": (training_set(120, question_id=lambda i: f"q{max(0, i - 20):031x}"), {}),
    "correct_share": (training_set(30, verdict=lambda i: "unverifiable" if i == 0 else "correct"), {"verified": True}),
    "wrong_share": (training_set(30, verdict=lambda i: "wrong" if i % 3 else "correct"), {}),
    "code_share": (training_set(30), {"domains": (("code", 0.3),)}),
}


@pytest.mark.parametrize("rule", TRAINING_FAULTS)
def test_training_faults(rule):
    frame, known = TRAINING_FAULTS[rule]
    assert failed("training_set", frame, **known) == {rule}


SCORE_FAULTS = {
    "scored_share": scores(0.3, None),
    "missing_share": scores(0.3, 0.4, missing=lambda i: 20 * i),
    "largest_error": scores(0.3, se=0.12),
    "fewest_questions": scores(0.3, questions=10),
    "saturated_share": scores(0.99, 1.0),
}


@pytest.mark.parametrize("rule", SCORE_FAULTS)
def test_score_faults(rule):
    assert failed("scores", SCORE_FAULTS[rule]) == {rule}


DRIFTS = {
    "rows_ratio": ("traces", traces(20), traces(60), {"kept_share"}),
    "kept_share": ("questions", questions(60, question_id=lambda i: f"q{i + 40:031x}"), questions(60), set()),
    "domain_moved": ("questions", questions(60, domain="code"), questions(60), set()),
    "length_ratio": ("questions", questions(60, question=lambda i: f"What is {i}? " * 5), questions(60), set()),
    "gold_change": ("questions", questions(60, verifier="code", gold=None), questions(60, verifier="code"), set()),
    "cut_change": ("traces", traces(60, finish_reason=lambda i: "length" if i % 5 == 0 else "stop"), traces(60), set()),
    "tokens_ratio": ("traces", traces(60, completion_tokens=90), traces(60), set()),
    "correct_change": ("verdicts", verdicts(60, correct=0.9), verdicts(60, correct=0.5), set()),
    "source_moved": ("training_set", training_set(60, source="other"), training_set(60), set()),
    "largest_change": ("scores", scores(0.3, 0.9), scores(0.3, 0.5), set()),
    "questions_changed": ("scores", scores(0.3, questions=30), scores(0.3), set()),
}


@pytest.mark.parametrize("rule", DRIFTS)
def test_drift_from_the_previous_version(rule):
    name, frame, previous, also = DRIFTS[rule]
    assert failed(name, frame, previous) == {rule} | also
    assert failed(name, frame) == set()


@pytest.mark.parametrize(
    ("now", "before", "want"),
    [
        (["a", "b", None], ["a", "c", None, "c"], 0.5),
        (["b"], ["a"], 0),
        ([None], ["a"], 0),
        (["a"], [None], None),
        ([], [], None),
    ],
)
def test_the_share_that_is_kept_counts_values_and_no_nulls(now, before, want):
    frames = [pl.LazyFrame({"x": pl.Series(values, dtype=pl.String)}) for values in (now, before)]
    assert kept_share("x")(*frames) == want


def test_copies_that_fill_a_part_are_no_repeats_but_the_same_copy_twice_is():
    pool = mixed_pool(20, 3)
    assert failed("questions", pool) == set()
    assert failed("questions", pl.concat([pool, pool.head(1)])) == {"repeated_ids", "same_text_share"}


def test_what_does_not_apply_is_said_and_does_not_fail():
    result = run_suite("questions", questions(5, verifier="none", gold=None).drop("domain"), questions(5))
    skipped = {f.name: f.skipped for f in result.findings if f.skipped}
    assert skipped["gold_share"] == "no row that it is about"
    assert "domain" in skipped["domain_moved"]
    assert all(f.passed for f in result.findings if f.skipped)


def test_an_empty_data_set_breaks_only_its_row_count():
    assert failed("questions", questions(0)) == {"rows"}
    assert failed("training_set", training_set(0), training_set(5)) == {"rows", "rows_ratio"}


def test_failures_name_a_few_rows_by_id_and_show_no_text():
    result = run_suite("traces", traces(30, reasoning_closed=False), traces(60))
    closed = next(f for f in result.failures if f.name == "closed_share")
    assert closed.examples == tuple(f"t{i:031x}" for i in range(3))
    assert closed.observed == 0
    assert "secret thought" not in result.markdown() + result.summary() + str(result.metadata())
    assert result.markdown().splitlines()[2].startswith("| ✗ |")


def test_repeats_are_named_too():
    same = traces(30, question_id="q" + "0" * 31, reasoning="same", answer=lambda i: "42" if i > 9 else str(i))
    assert run_suite("traces", same).failures[0].examples == tuple(f"t{i:031x}" for i in (10, 11, 12))


def test_every_suite_is_for_some_asset_and_every_rule_has_a_name_of_its_own():
    assert set(FOR_ASSET.values()) == set(SUITES)
    for name in SUITES:
        suite = suite_for(
            name, SuiteContext(asset=name, max_tokens=5, closing_tag="x", domains=(("math", 0.5),)), ("copy",)
        )
        names = [r.name for r in (*suite.rules, *suite.drifts)]
        assert len(names) == len(set(names))
    with pytest.raises(KeyError, match="there are questions"):
        suite_for("qestions", SuiteContext(asset="x"), ())


def test_white_space_is_what_a_pattern_calls_so():
    every = pl.Series([chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000])
    assert every.filter(every.str.contains(r"^\s$")).to_list() == sorted(SPACES)
