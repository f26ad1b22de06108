"""The suites, one kind of data set a file. `suite_for` picks one by name."""

from __future__ import annotations

from collections.abc import Callable, Collection

from ot_assets.quality.rules import Suite, SuiteContext
from ot_assets.quality.suites import question_scores, questions, scores, traces, training, verdicts

SUITES: dict[str, Callable[[SuiteContext, Collection[str]], Suite]] = {
    "questions": questions.suite,
    "question_scores": question_scores.suite,
    "traces": traces.suite,
    "verdicts": verdicts.suite,
    "training_set": training.suite,
    "scores": scores.suite,
}
"""Name -> the suite of a data set, given what is known of it and the columns that it has."""

FOR_ASSET: dict[str, str] = {
    "sourced_questions": "questions",
    "screened_questions": "questions",
    "question_scores": "question_scores",
    "benchmark_questions": "questions",
    "mixed_pool": "questions",
    "filtered_set": "questions",
    "traces": "traces",
    "verdicts": "verdicts",
    "training_set": "training_set",
    "eval_scores": "scores",
    "baseline_scores": "scores",
}
"""Asset -> the suite for its main table."""


def suite_for(name: str, context: SuiteContext, columns: Collection[str]) -> Suite:
    """The suite of that name; KeyError names the ones there are."""
    if name not in SUITES:
        raise KeyError(f"no suite is named {name!r}; there are {', '.join(SUITES)}")
    return SUITES[name](context, columns)
