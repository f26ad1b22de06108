"""The leaderboard: exact JSON, held-out scores kept back, ties, words, and the way through its tables."""

from __future__ import annotations

import io
import json

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from ot_assets.evaluation.leaderboard import ComparisonRow, Entry, Leaderboard, make_leaderboard
from ot_assets.evaluation.leaderboard_view import in_words, markdown, render
from ot_assets.evaluation.outcomes import outcomes_by_benchmark
from ot_assets.evaluation.statistics import score_of
from schemas import Comparisons, EvalQuestions, EvalScores, LeaderboardScores, violations

BENCHMARKS = {"arithmetic": ("dev", 40, 4), "science": ("dev", 30, 2), "final": ("held_out", 20, 2)}


def results(skill: float, lost: float = 0.0, seed: int = 0) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Scores and per-question verdicts of a pretended model; difficulty of questions is shared by all models."""
    generator = np.random.default_rng(seed)
    rows = []
    for benchmark, (_, questions, repeats) in BENCHMARKS.items():
        ease = np.random.default_rng(99).beta(1, 1, questions)
        for i in range(questions):
            for repeat in range(repeats):
                right = generator.random() < min(1.0, 2 * skill * ease[i])
                verdict = None if generator.random() < lost else "correct" if right else "wrong"
                rows.append({"benchmark": benchmark, "question_id": f"q{i:031x}", "repeat": repeat, "verdict": verdict})
    verdicts = EvalQuestions.frame(rows)
    scores = []
    for key, outcomes in outcomes_by_benchmark(verdicts).items():
        role, questions, repeats = BENCHMARKS[key]
        s = score_of(outcomes)
        figures = {"score": s.score, "se": s.se, "missing": s.missing}
        scores.append({"benchmark": key, "role": role, "questions": questions, "repeats": repeats, **figures})
    return EvalScores.frame(scores), verdicts


@pytest.fixture(scope="module")
def board() -> Leaderboard:
    return make_leaderboard(
        [
            Entry.baseline("base", *results(0.1, seed=1)),
            Entry.student("demo", "reference", *results(0.6, seed=2)),
            Entry.student("demo", "base", *results(0.12, lost=0.2, seed=3)),
        ]
    )


def text(board: Leaderboard, **more) -> str:
    out = io.StringIO()
    Console(file=out, width=200).print(render(board, **more))
    return out.getvalue()


def test_json_is_exactly_as_promised(board):
    said = json.loads(json.dumps(board.to_json()))
    assert set(said) == {"scores", "comparisons"}
    assert {tuple(row) for row in said["scores"]} == {
        ("model", "recipe", "teacher", "benchmark", "score", "se", "questions", "repeats", "missing")
    }
    assert {tuple(row) for row in said["comparisons"]} == {
        ("a", "b", "benchmark", "difference", "ci_low", "ci_high", "p", "p_adjusted", "smallest_detectable")
    }
    first = said["scores"][0]
    assert (first["model"], first["recipe"], first["teacher"]) == ("demo × reference", "demo", "reference")
    base = next(row for row in said["scores"] if row["model"] == "base")
    assert base["recipe"] is None and base["teacher"] is None


def test_every_pair_on_every_dev_benchmark_as_one_family(board):
    assert [(c.a, c.b, c.benchmark) for c in board.comparisons] == [
        (a, b, benchmark)
        for a, b in (("demo × reference", "demo × base"), ("demo × reference", "base"), ("demo × base", "base"))
        for benchmark in ("arithmetic", "science")
    ]
    least = min(c.p for c in board.comparisons)
    assert min(c.p_adjusted for c in board.comparisons) == pytest.approx(6 * least)
    real = next(c for c in board.comparisons if (c.b, c.benchmark) == ("base", "arithmetic"))
    assert real.verdict == "real" and real.difference > 0.3


def test_held_out_scores_are_kept_back_unless_asked_for(board):
    for rows in (board.to_json()["scores"], board.score_frame().to_dicts()):
        kept_back = [r for r in rows if r["benchmark"] == "final"]
        assert len(kept_back) == 3
        assert all(r["score"] is None and r["se"] is None and r["questions"] == 20 for r in kept_back)
    assert all(r["score"] is not None for r in board.to_json(include_held_out=True)["scores"])
    assert "final" not in {c.benchmark for c in board.comparisons}
    assert text(board).count("held out") == 3
    assert "held out" not in text(board, include_held_out=True)
    assert board.tied_with_best("final") == frozenset()


def test_it_goes_through_its_tables_unchanged(board):
    scores, comparisons = board.score_frame(include_held_out=True), board.comparison_frame()
    assert not violations(LeaderboardScores, scores)
    assert not violations(Comparisons, comparisons)
    assert Leaderboard.from_frames(scores, comparisons) == board


def test_ties_are_within_two_paired_standard_errors_of_the_best():
    board = make_leaderboard(
        [
            Entry.baseline("good", *results(0.6, seed=2)),
            Entry.baseline("as-good", *results(0.6, seed=5)),
            Entry.baseline("bad", *results(0.1, seed=1)),
        ]
    )
    assert board.tied_with_best("arithmetic") == {"good", "as-good"}
    assert board.tied_with_best("unheard-of") == frozenset()
    lines = [line for line in text(board).splitlines() if "│" in line]
    assert "*" in lines[0] and "*" in lines[1] and "*" not in lines[2].split("│")[2]


def test_the_words_say_what_was_shown(board):
    shown = text(board)
    assert "real" in shown and "(Holm)" in shown and "missing" in shown and "± one standard error" in shown
    row = ComparisonRow("a", "b", "x", 0.42, 0.33, 0.51, 0.0001, 0.0004, 0.1, 40)
    assert in_words(row) == "+0.420 [+0.330, +0.510], p=0.0004 (Holm), real"
    row = ComparisonRow("a", "b", "x", 0.02, -0.05, 0.09, 0.4, 0.8, 0.09, 40)
    assert in_words(row).endswith("p=0.8000 (Holm), not shown; this many questions could show >= 0.09")
    row = ComparisonRow("a", "b", "x", 0.2, -0.1, 0.5, 0.001, 0.01, 0.2, 40)
    assert in_words(row).endswith("unsettled: missing replies could undo it")
    row = ComparisonRow("a", "b", "x", 1.0, -1.0, 1.0, 0.5, 0.5, None, 2)
    assert in_words(row).endswith("not shown; 2 questions could not have shown any difference")
    assert in_words(ComparisonRow("a", "b", "x", None, None, None, None, None, None, 0)).startswith("not compared")


def test_markdown_has_both_tables_and_escapes_names(board):
    lines = markdown(board).splitlines()
    assert lines[0] == "| model | arithmetic (40 × 4) | science (30 × 2) | final (20 × 2) |"
    assert sum(line.startswith("|") for line in lines) == 5 + 8
    odd = make_leaderboard([Entry.baseline("a|b", *results(0.5))])
    assert "| a\\|b |" in markdown(odd)
    legend = next(line for line in lines if "best, or within" in line)
    assert legend.startswith("\\*")  # a bare star would open a list


def test_a_model_that_has_no_score_is_missing_and_not_zero():
    scores, verdicts = results(0.5, lost=1.0)
    board = make_leaderboard([Entry.baseline("lost", scores, verdicts), Entry.baseline("base", *results(0.1))])
    assert board.to_json()["scores"][0]["score"] is None
    assert all(c.difference is None and c.verdict == "untested" for c in board.comparisons)
    assert "missing (160 replies)" in text(board)


def test_models_run_on_different_benchmarks_meet_where_they_can():
    scores, verdicts = results(0.5)
    only = pl.col("benchmark") == "science"
    board = make_leaderboard(
        [Entry.baseline("all", scores, verdicts), Entry.baseline("some", scores.filter(only), verdicts.filter(only))]
    )
    assert {c.benchmark for c in board.comparisons} == {"science"}
    assert "| some | - | " in markdown(board)


def test_long_lists_of_comparisons_are_cut_and_counted(board):
    assert "4 more comparisons" in text(board, most_comparisons=2)


def test_empty_and_double_entries():
    assert make_leaderboard([]).to_json() == {"scores": [], "comparisons": []}
    assert "No scores yet" in text(make_leaderboard([]))
    assert markdown(make_leaderboard([])) == "No scores yet."
    with pytest.raises(ValueError, match="base"):
        make_leaderboard([Entry.baseline("base", *results(0.1))] * 2)
