"""One schema a data set: what its columns mean, and what must hold before it is published.

Imports neither `resources` nor `ot_assets`.
"""

from __future__ import annotations

from schemas.base import ColumnInfo, DataSchema, Violation, violations
from schemas.conversations import (
    Ballots,
    Contributions,
    LabelRows,
    Messages,
    PreferencePairs,
    Prompts,
    Threads,
    TreeHistory,
    Trees,
)
from schemas.distillation import TraceRequests, Traces, TrainingSet, Verdicts
from schemas.evaluation import (
    Comparisons,
    EvalQuestions,
    EvalResponses,
    EvalScores,
    LeaderboardScores,
)
from schemas.ledger import Ledger
from schemas.questions import DuplicateClusters, FilteredSet, MixedPool, Questions, QuestionScores, SeenQuestions

SCHEMAS: dict[str, dict[str, type[DataSchema]]] = {
    "sourced_questions": {"": Questions},
    "screened_questions": {"": Questions},
    "question_scores": {"": QuestionScores, "seen": SeenQuestions},
    "benchmark_questions": {"": Questions},
    "mixed_pool": {"": MixedPool},
    "filtered_set": {"": FilteredSet, "clusters": DuplicateClusters},
    "trace_requests": {"": TraceRequests},
    "traces": {"": Traces},
    "verdicts": {"": Verdicts},
    "training_set": {"": TrainingSet},
    "student_model": {},
    "eval_responses": {"": EvalResponses},
    "eval_scores": {"": EvalScores, "questions": EvalQuestions},
    "baseline_scores": {"": EvalScores, "questions": EvalQuestions, "responses": EvalResponses},
    "contributions": {"": Contributions},
    "conversation_trees": {
        "": Messages,
        "trees": Trees,
        "history": TreeHistory,
        "ballots": Ballots,
        "labels": LabelRows,
    },
    "sft_threads": {"": Threads},
    "preference_pairs": {"": PreferencePairs},
    "prompts": {"": Prompts},
    "leaderboard": {"": LeaderboardScores, "comparisons": Comparisons},
}
"""Asset -> table -> schema; the main table is named by the empty string, and every artifact may have a `ledger`."""

__all__ = [
    "SCHEMAS",
    "Ballots",
    "ColumnInfo",
    "Comparisons",
    "Contributions",
    "DataSchema",
    "DuplicateClusters",
    "EvalQuestions",
    "EvalResponses",
    "EvalScores",
    "FilteredSet",
    "LabelRows",
    "LeaderboardScores",
    "Ledger",
    "Messages",
    "MixedPool",
    "PreferencePairs",
    "Prompts",
    "QuestionScores",
    "Questions",
    "SeenQuestions",
    "Threads",
    "TraceRequests",
    "Traces",
    "TrainingSet",
    "TreeHistory",
    "Trees",
    "Verdicts",
    "Violation",
    "violations",
]
