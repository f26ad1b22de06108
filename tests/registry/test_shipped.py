"""The registry that we ship: OpenThoughts3 with its numbers."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ot_assets.registry import Registry, load_registry
from ot_assets.registry.check import check
from resources.errors import UserError

DEV = {
    "aime24": (30, 10), "amc23": (40, 10), "math500": (500, 1), "codeelo": (391, 3), "codeforces": (453, 3),
    "livecodebench-2305-2405": (511, 6), "gpqa-diamond": (198, 3), "jeebench": (515, 3),
}  # fmt: skip
HELD_OUT = {"aime25": (30, 10), "hmmt-feb25": (30, 10), "hle-mcq": (512, 3), "livecodebench-2406-2501": (369, 6)}
OPENTHOUGHTS3 = ("openthoughts3-math", "openthoughts3-code", "openthoughts3-science", "openthoughts3")


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("OT_REGISTRY", raising=False)
        return load_registry(record=tmp_path_factory.mktemp("home") / "keys.json")


def test_no_errors_and_no_warnings(shipped: Registry) -> None:
    assert [str(warning) for warning in shipped.warnings] == []


@pytest.mark.parametrize("key", OPENTHOUGHTS3)
def test_what_all_recipes_share(shipped: Registry, key: str) -> None:
    recipe = shipped.recipe(key)
    assert recipe.answers_per_question == 16
    assert recipe.answer_filter.kind == "none"
    assert recipe.student.base == "qwen2.5-7b-instruct"
    assert recipe.student.max_tokens == 16_384
    assert recipe.teachers == ("qwq-32b",)
    assert all(recipe.wants(teacher) for teacher in ("qwq-32b", "deepseek-r1", "phi-4-reasoning-plus"))
    assert set(recipe.choose_on) == set(DEV)
    assert set(recipe.benchmarks) == {*DEV, *HELD_OUT}
    assert recipe.screen_against == "all"


def test_all_three_are_the_three_parts(shipped: Registry) -> None:
    parts = {name: part for key in OPENTHOUGHTS3[:3] for name, part in shipped.recipe(key).parts.items()}
    assert dict(shipped.recipe("openthoughts3").parts) == parts


@pytest.mark.parametrize(
    ("part", "score", "top", "dedup", "rows"),
    [
        ("math", "answer_length.gpt-4.1-mini", 180_000, True, 53_125),
        ("code", "difficulty.gpt-4o-mini", 60_000, False, 15_625),
        ("science", "answer_length.gpt-4.1-mini", 60_000, True, 6_250),
    ],
)
def test_how_questions_are_chosen(shipped: Registry, part: str, score: str, top: int, dedup: bool, rows: int) -> None:
    steps = shipped.recipe("openthoughts3").parts[part].select
    assert steps[0].kind == "top"
    assert (steps[0].score.column, steps[0].rows) == (score, top)
    assert any(step.kind == "dedup" for step in steps) is dedup
    assert steps[-1].kind == "random"
    assert steps[-1].rows == rows


@pytest.mark.parametrize("teacher", ["qwq-32b", "deepseek-r1", "phi-4-reasoning-plus"])
def test_teachers_are_sampled_alike(shipped: Registry, teacher: str) -> None:
    sampling = shipped.teacher(teacher).sampling
    assert (sampling.temperature, sampling.top_p, sampling.max_tokens) == (1.0, 1.0, 32_768)


@pytest.mark.parametrize(("role", "known"), [("dev", DEV), ("held_out", HELD_OUT)])
def test_benchmarks(shipped: Registry, role: str, known: dict[str, tuple[int, int]]) -> None:
    for key, (items, repeats) in known.items():
        benchmark = shipped.benchmark(key)
        assert (benchmark.role, benchmark.items, benchmark.repeats) == (role, items, repeats)
        assert (benchmark.sampling.temperature, benchmark.sampling.top_p) == (0.7, 1.0)
        assert (benchmark.sampling.max_tokens, benchmark.system_prompt) == (32_768, None)


def test_the_twelve_sets_to_screen_against_and_hmmt(shipped: Registry) -> None:
    """Twelve of the paper's appendix (AIME 2025 and MMLU-Pro by their originals), and HMMT, which it forgot."""
    sets = {b.origin.dataset for b in shipped.benchmarks.values() if b.origin.kind == "hub"}
    assert sets >= {
        "HuggingFaceH4/MATH-500", "Maxwell-Jia/AIME_2024", "AI-MO/aimo-validation-amc",
        "livecodebench/code_generation_lite", "MathArena/aime_2025", "cais/hle", "open-r1/codeforces",
        "Idavidrein/gpqa", "daman1209arora/jeebench", "TIGER-Lab/MMLU-Pro", "Qwen/CodeElo", "open-r1/ioi",
        "MathArena/hmmt_feb_2025",
    }  # fmt: skip
    for key in OPENTHOUGHTS3:
        assert set(shipped.screened_against(key)) == set(shipped.benchmarks)
    assert all(
        (b.screen.ngram, b.screen.similarity) == (13, 75)
        for b in shipped.benchmarks.values()
        if b.key in {*DEV, *HELD_OUT}
    )


def test_scores_of_each_source(shipped: Registry) -> None:
    columns = {key: [score.column for score in shipped.scores_for(key)] for key in shipped.sources}
    assert columns["openmath-2-math"] == ["answer_length.gpt-4.1-mini"]
    assert columns["opencodereasoning"] == columns["stackexchange-codegolf"] == ["difficulty.gpt-4o-mini"]
    assert columns["stackexchange-physics"] == columns["organic-chemistry-pdf"] == ["answer_length.gpt-4.1-mini"]


def test_slip_on_the_way_in(shipped: Registry) -> None:
    with pytest.raises(UserError, match="did you mean 'openthoughts3-math'"):
        shipped.recipe("openthoughts3-maths")


def test_check_report(shipped: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OT_REGISTRY", raising=False)
    report = check()
    assert report.ok
    assert report.counts["recipes"] == len(shipped.recipes)
    assert report.to_json()["errors"] == []
    assert "all well" in report.summary()


def test_checking_loads_nothing_heavy() -> None:
    """What makes `ot check` take less than two seconds."""
    code = (
        "import sys; from ot_assets.registry.check import check; check(); from ot_assets.planning import plan; "
        "print(*[m for m in ('dagster', 'polars', 'pandera', 'torch', 'transformers', 'rich', 'pandas', 'numpy', 'datasets', "
        "'reasoning_gym') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == ""
