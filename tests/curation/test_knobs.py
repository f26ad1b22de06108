"""Every knob of a recipe that OpenThoughts turned: its field, what it does to a small set, and where the report tells
it.

The knobs are those of the table of experiments: source set, mixing, filling, rows, decontamination, question filter,
rows kept after it, deduplication, unique questions, answers a question, answer filter, over-generation, teacher and its
sampling, verification, ratio of domains, form of an example, student and tier, seeds. All are turned in recipes that
are really made (`knobs.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl
import pytest

from ot_assets.graph import World
from ot_assets.registry import registry
from ot_assets.report.build import RecipeReport, build_report
from ot_assets.report.page import as_html
from ot_assets.report.samples import samples
from ot_assets.report.stages import find_stages
from tests.curation.knobs import FILTERS, PARTS, build_knobs, make_knobs
from tests.endtoend.house import House

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Made:
    """The house, and the report of every recipe."""

    house: House
    reports: dict[str, RecipeReport]

    def asked(self, part: str, recipe: str = "questions") -> pl.DataFrame:
        """The rows of a part that are asked."""
        return self.house.current("filtered_set", recipe=recipe).read().filter(part=part)

    def drawn(self, part: str) -> pl.DataFrame:
        """The rows of a part that were drawn."""
        return self.house.current("mixed_pool", recipe="questions").read().filter(part=part)

    def examples(self, recipe: str, teacher: str) -> pl.DataFrame:
        """The training set of a recipe."""
        return self.house.current("training_set", recipe=recipe, teacher=teacher).read()

    def setting(self, group: str, name: str, recipe: str = "questions") -> str | None:
        """A choice as the report tells it; None where it does not."""
        found = [dict(one.settings) for one in self.reports[recipe].choices if one.title == group]
        return found[0].get(name) if found else None

    def step(self, part: str) -> tuple[str, int, int]:
        """The only step of a part, as the report tells it: name, rows in, rows out."""
        (found,) = (step for step in self.reports["questions"].funnel.selection if step.part == part)
        return found.step, found.rows_in, found.rows_out


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    house = build_knobs(tmp_path_factory.mktemp("knobs"))
    make_knobs(house)
    with house.entered():
        world = World(registry(), house.store)
        recipes = ("questions", "ratio", "answers", "strict", "brief")
        yield Made(house, {recipe: build_report(world, recipe, None) for recipe in recipes})


def counts(frame: pl.DataFrame) -> dict[str, int]:
    return dict(frame["source"].value_counts().sort("source").iter_rows())


def test_source_set(made: Made):
    assert counts(made.drawn("sources-one")) == {"a": 16}
    assert counts(made.drawn("sources-two")) == {"a": 16, "c": 3}
    assert made.setting("Mixing", "parts.sources-two.sources.2.source") == "c"
    assert set(made.reports["questions"].sources.rows) == {"a", "b", "c", "d"}


@pytest.mark.parametrize(
    ("part", "drawn", "setting"),
    [
        ("mix-top-2", {"a": 6, "b": 6}, ("sources.2.source", "b")),
        ("mix-shares", {"a": 7, "b": 3}, ("sources.1.share", "0.7")),
        ("mix-temperature", {"a": 8, "c": 1}, ("temperature", "1")),
    ],
)
def test_mixing(made: Made, part: str, drawn: dict[str, int], setting: tuple[str, str]):
    assert counts(made.drawn(part)) == drawn
    assert made.setting("Mixing", f"parts.{part}.{setting[0]}") == setting[1]


def test_fill_by_repeat(made: Made):
    assert counts(made.drawn("fill-none")) == {"c": 3}
    repeated = made.drawn("fill-repeat")
    assert sorted(repeated["copy"].to_list()) == [0, 0, 0, 1, 1, 1, 2]
    told = {(one.part, one.copies, one.short) for one in made.reports["questions"].short}
    assert {("fill-none", 0, 4), ("fill-repeat", 4, 0)} <= told
    assert made.setting("Mixing", "parts.fill-repeat.fill") == "repeat"


def test_rows_and_the_rungs_of_a_ladder(made: Made):
    few, many = made.drawn("rows-3"), made.drawn("rows-10")
    assert (len(few), len(many)) == (3, 10)
    assert set(few["question_id"]) < set(many["question_id"]), "a smaller rung is part of a larger one"
    assert made.setting("Mixing", "parts.rows-10.rows") == "10"


def test_decontamination(made: Made):
    """The n-gram's length, the cut of similarity and the list of benchmarks; each benchmark has its own settings."""
    told = made.reports["questions"].contamination
    assert told is not None
    found = {one.benchmark: one for one in told.benchmarks}
    assert set(found) == {"exam-gram", "exam-near", "exam-other"}
    assert found["exam-gram"].by_rule["ngram"] == 2 and found["exam-gram"].by_rule["indel"] == 0
    assert found["exam-near"].by_rule["ngram"] == 0 and found["exam-near"].by_rule["indel"] == 3
    assert found["exam-other"].found == 0
    assert "ngram 9" in found["exam-gram"].settings and "similarity off" in found["exam-gram"].settings
    assert "similarity 90" in found["exam-near"].settings
    assert told.tokenizers, "who cut the text into tokens is told"
    assert made.setting("Mixing", "screen_against") == "exam-gram, exam-near"
    assert made.setting("Mixing", "screen_against", "brief") == "exam-gram, exam-near, exam-other"
    screened = next(level for level in made.reports["questions"].funnel.questions if level.title == "screened")
    assert (screened.by_source["a"], screened.dropped) == (16, 4)


@pytest.mark.parametrize(
    ("part", "score", "highest"),
    [
        ("by-random", "random.3", None),
        ("by-length", "answer_length.rater", None),
        ("by-difficulty", "difficulty.rater", 10),
        ("by-worth", "ask_llm.rater", 34),
        ("by-fasttext", "fasttext.a-vs-c", None),
    ],
)
def test_question_filter(made: Made, part: str, score: str, highest: float | None):
    table = made.house.current("question_scores", source="a").read()
    (column,) = (name for name in table.columns if name.startswith(score))
    best = table.sort([column, "question_id"], descending=[True, False], nulls_last=True).head(4)
    assert set(made.asked(part)["question_id"]) == set(best["question_id"])
    if highest is not None:
        assert best[column].max() == highest
    assert made.step(part) == (f"1. top 4 by {column}", 16, 4)
    assert column in {one.unit for one in made.reports["questions"].histograms}, "the score has its histogram"


@pytest.mark.parametrize(
    ("part", "kept", "step"),
    [
        ("bottom", 4, "1. bottom 4 by difficulty.rater"),
        ("band", 8, "1. band 0.5 to 1 of random.3"),
        ("threshold", 8, "1. difficulty.rater at least 10"),
        ("stratified", 6, "1. stratified 6, equal by source"),
        ("clean", 2, "1. clean figures, links"),
    ],
)
def test_rows_kept_after_the_filter(made: Made, part: str, kept: int, step: str):
    assert len(made.asked(part)) == kept
    name, rows_in, rows_out = made.step(part)
    assert (name, rows_out) == (step, kept)
    assert rows_in > kept


@pytest.mark.parametrize(
    ("method", "dropped"),
    [
        ("none", set()),
        ("exact", {"b.jsonl:0"}),
        ("fuzzy", {"b.jsonl:2"}),
        ("numbers", {"b.jsonl:0", "b.jsonl:1"}),
        ("minhash", {"b.jsonl:0", "b.jsonl:1", "b.jsonl:2"}),
    ],
)
def test_deduplication(made: Made, method: str, dropped: set[str]):
    """Row 0 is a copy by spacing, row 1 by case, row 2 another problem: its number differs."""
    ledger = made.house.current("filtered_set", recipe="questions").ledger().collect()
    gone = ledger.filter(pl.col("rule") == f"dedup.{method}")
    assert set(gone["source_row"]) == dropped
    assert set(gone["lost_to"]) == {f"a/{row.replace('b.', 'a.')}" for row in dropped}
    assert len(made.asked(f"dedup-{method}")) == 28 - len(dropped)
    told = made.reports["questions"].duplicates
    assert told is not None
    losers = {(loser.rule, loser.row) for group in told.largest for loser in group.losers}
    assert {(f"dedup.{method}", f"b/{row}") for row in dropped} <= losers
    assert made.step(f"dedup-{method}") == (f"1. dedup {method}", 28, 28 - len(dropped))


def test_unique_questions(made: Made):
    """Rows of the recipe divided by answers a question: 12 rows of 2 answers are 6 questions."""
    asked = made.house.current("filtered_set", recipe="ratio").read()
    assert asked["question_id"].n_unique() == len(asked) == 6
    assert made.reports["ratio"].funnel.questions[-1].rows == 6
    assert made.reports["ratio"].funnel.answers[0].rows == 12


def test_ratio_of_domains(made: Made):
    assert counts(made.asked("major", "ratio")) == {"a": 4}
    assert counts(made.asked("minor", "ratio")) == {"c": 2}
    asked = made.reports["ratio"].domains.columns.index("asked")
    assert {name: row[asked] for name, row in made.reports["ratio"].domains.rows.items()} == {"math": 4, "science": 2}


def test_answers_a_question(made: Made):
    assert made.asked("answers-3")["answers_per_question"].to_list() == [3, 3]
    assert made.asked("rows-3")["answers_per_question"].to_list() == [1, 1, 1]
    wanted = made.reports["answers"].funnel.answers[0]
    assert (wanted.title, wanted.rows) == ("wanted", 36)


@pytest.mark.parametrize("number", range(len(FILTERS)), ids=[str(step["kind"]) for step in FILTERS])
def test_answer_filter(made: Made, number: int):
    """Each step takes one of the answers that are left to each of three questions; the last draws two of three."""
    step = made.reports["answers"].funnel.filtering[number]
    assert step.step == f"{number + 1}. {FILTERS[number]['kind']}"
    left = 36 - 3 * number
    assert (step.rows_in, step.rows_out) == (left, 2 if number == len(FILTERS) - 1 else left - 3)
    rule = {
        "closed_reasoning": "reasoning_open", "non_english": "non_english", "long_paragraph": "long_paragraph",
        "code_language": "code_language", "judge_verify": "judged_wrong", "majority": "minority", "fasttext": "fasttext",
        "longest": "not_kept", "shortest": "not_kept", "random": "not_kept", "judge_pick": "not_picked", "cut_to": "not_drawn",
    }[FILTERS[number]["kind"]]  # fmt: skip
    drops = {drop.rule: drop.rows for drop in made.reports["answers"].funnel.answers[-1].drops}
    assert drops[rule] == {"not_kept": 9, "not_drawn": 1}.get(rule, 3)
    settings = f"answer_filter.{number + 1}.kind"
    assert made.setting("Answers and examples", settings, "answers") == FILTERS[number]["kind"]


def test_over_generation(made: Made):
    """Twelve answers are made, what is wrong goes, and four are drawn of the rest."""
    steps = {step.step: (step.rows_in, step.rows_out) for step in made.reports["strict"].funnel.filtering}
    assert steps == {"1. verified": (12, 6), "2. cut_to": (6, 4)}
    assert len(made.examples("strict", "cool")) == 4


def test_verification(made: Made):
    """Of four answers to three questions one is wrong and one never ends; without the filter all of them stay."""
    assert set(made.examples("strict", "cool")["verdict"]) == {"correct"}
    drops = {drop.rule: drop.rows for drop in made.reports["strict"].funnel.answers[-1].drops}
    assert drops == {"wrong": 3, "no_answer": 3, "not_drawn": 2}
    assert dict(made.reports["strict"].verdicts)["correct"] == 6
    assert made.setting("Answers and examples", "answer_filter.kind", "brief") == "none"


def test_teacher_and_its_sampling(made: Made):
    assert set(made.examples("answers", "solver")["teacher"]) == {"solver"}
    assert made.reports["strict"].teacher == "cool"
    assert made.setting("Teacher", "teacher.sampling.temperature", "answers") == "0.6"
    assert made.setting("Teacher", "teacher.sampling.temperature", "strict") == "0"
    cool = made.house.current("traces", source="a", teacher="cool").read()
    solver = made.house.current("traces", source="a", teacher="solver").read()
    assert not set(cool["trace_id"]) & set(solver["trace_id"]), "other settings, other answers"


def test_form_of_an_example(made: Made):
    """Thought tags, a system turn and a prompt of the student's own."""
    taught = made.examples("answers", "solver").row(0, named=True)
    assert [turn["role"] for turn in taught["prompt"]] == ["user"]
    assert taught["completion"][0]["content"].startswith("<think>\n")
    bare = made.examples("strict", "cool").row(0, named=True)
    assert [turn["role"] for turn in bare["prompt"]] == ["system", "user"]
    assert bare["prompt"][1]["content"].startswith("Q: Ship")
    assert "<think>" not in bare["completion"][0]["content"]
    assert made.setting("Answers and examples", "student.think.open", "answers") == "<think>"
    assert made.setting("Answers and examples", "student.think.open", "strict") is None
    assert made.setting("Answers and examples", "student.system_prompt", "strict") == "Answer only."
    stages = find_stages(World(registry(), made.house.store), "strict", "cool")
    sample = next(one for one in samples(stages, seed=0) if one.stage == "training_set")
    assert [name for name, _ in sample.rows[0].texts] == ["system", "user", "assistant"]


def test_cutoff_of_the_student(made: Made):
    brief = made.examples("brief", "solver")
    assert all(sum(row) <= 300 for row in brief.select("prompt_tokens", "completion_tokens").iter_rows())
    assert made.setting("Answers and examples", "student.too_long", "brief") == "drop"


def test_student_and_tier(made: Made):
    strict, answers = (registry().recipe(key).student.training.resolve(rows=4) for key in ("strict", "answers"))
    assert (strict.name, strict.epochs, strict.global_batch) == ("small", 2, 96)
    assert (answers.name, answers.epochs) == ("micro", 13)
    assert made.setting("Student", "training.tier", "strict") == "small"
    assert made.setting("Student", "training.epochs", "strict") == "2"


def test_seeds(made: Made):
    one, two = (set(made.asked(part)["question_id"]) for part in ("seed-1", "seed-2"))
    assert len(one) == len(two) == 4
    assert one != two
    assert made.setting("Selection", "select.seed-1.1.seed") == "1"
    assert made.setting("Mixing", "parts.rows-3.seed") == "5", "without its own, the recipe's"


def test_every_part_stands_on_the_page(made: Made):
    page = as_html(made.reports["questions"])
    for part in PARTS:
        assert f"parts.{part}." in page
