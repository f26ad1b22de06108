"""Specs: hashes, slices, identities, quotas, ranges."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ot_assets.registry import Part, RecipeSpec, Sampling, SourceSpec, TeacherSpec, Training, canonical_hash, tier_for
from ot_assets.registry.specs.base import check_licence
from ot_assets.registry.specs.training import TIERS
from schemas.ids import content_hash
from tests.factories import a_benchmark, a_model, a_recipe, a_registry, a_source, a_teacher

RECIPE_SLICES = ("mixed_pool", "filtered_set", "trace_requests", "training_set", "student_model", "eval_responses")


def changed(recipe: RecipeSpec, **fields: Any) -> set[str]:
    """Assets whose slice differs once these fields do."""
    other = RecipeSpec.model_validate({**recipe.to_dict(), **fields})
    return {asset for asset in RECIPE_SLICES if recipe.slice_hash(asset) != other.slice_hash(asset)}


def test_hash_is_the_house_s() -> None:
    source = a_source("sums", description="Süße Summen")
    assert source.hash == content_hash(source.to_dict())
    assert canonical_hash({"b": 1, "a": [1.5, None, "ü"]}) == content_hash({"a": [1.5, None, "ü"], "b": 1})


def test_specs_are_frozen_and_refuse_unknown_keys() -> None:
    source = a_source("sums")
    with pytest.raises(ValidationError):
        source.description = "other"  # type: ignore[misc]
    with pytest.raises(ValidationError):
        a_source("sums", colour="red")


def test_specs_survive_json() -> None:
    for spec in (a_source("s"), a_model("m"), a_teacher("t", "m"), a_benchmark("b"), a_recipe("r", ["s"], ["t"])):
        assert type(spec).model_validate_json(spec.model_dump_json()) == spec


def test_words_do_not_change_the_questions() -> None:
    source = a_source("sums")
    same = a_source("sums", description="other words", tags=["x"], rows=5, homepage="http://x")
    assert same.content_hash == source.content_hash
    assert same.hash != source.hash
    assert a_source("sums", licence="MIT").content_hash != source.content_hash


def test_each_choice_touches_only_its_assets() -> None:
    recipe = a_recipe("r", ["s"], ["t"])
    student = recipe.student.to_dict()
    part = recipe.parts["math"].to_dict()
    assert changed(recipe, description="other") == set()
    assert changed(recipe, estimates={"math": {"completion_tokens": 5}}) == set()
    assert changed(recipe, student={**student, "training": {"learning_rate": 1e-4}}) == {"student_model"}
    assert changed(recipe, student={**student, "prompt": "Q: {question}"}) == {"training_set"}
    assert changed(recipe, student={**student, "base": "other"}) == {"training_set", "student_model"}
    assert changed(recipe, student={**student, "max_tokens": 100}) == {"training_set", "student_model"}
    assert changed(recipe, answer_filter={"kind": "verified"}) == {"training_set"}
    assert changed(recipe, answers_per_question=4) == {"filtered_set"}
    assert changed(recipe, parts={"math": {**part, "select": [{"kind": "dedup"}]}}) == {"filtered_set"}
    assert changed(recipe, parts={"math": {**part, "rows": 9}}) == {"mixed_pool"}
    assert changed(recipe, screen_against=["dev"]) == {"mixed_pool"}
    assert changed(recipe, benchmarks=[]) == {"eval_responses"}
    assert changed(recipe, teachers=["t", "u"]) == {"trace_requests"}
    assert changed(recipe, choose_on=["dev"]) == set()


def test_the_recipe_s_seed_reaches_every_draw_without_one() -> None:
    recipe = a_recipe("r", ["s"], ["t"])
    assert changed(recipe, seed=7) == {"mixed_pool", "training_set", "student_model"}
    part = {**recipe.parts["math"].to_dict(), "seed": 1, "select": [{"kind": "random", "rows": 2}]}
    pinned = RecipeSpec.model_validate({**recipe.to_dict(), "parts": {"math": part}})
    assert "mixed_pool" not in changed(pinned, seed=7)
    assert pinned.slice_for("filtered_set")["select"]["math"][0]["seed"] == 1


def test_unknown_asset_has_no_slice() -> None:
    with pytest.raises(KeyError):
        a_recipe("r", ["s"], ["t"]).slice_for("sourced_questions")


def test_wants() -> None:
    recipe = a_recipe("r", ["s"], ["t"], other_teachers=["u"])
    assert recipe.wants("t")
    assert recipe.wants("u")
    assert not recipe.wants("v")
    assert a_recipe("r", ["s"], ["t"], other_teachers="any").wants("v")


def test_scores_are_shared_and_belong_to_their_part_s_sources() -> None:
    score = {"kind": "answer_length", "teacher": "gpt-4.1-mini"}
    top = {"kind": "top", "rows": 5, "score": score}
    parts = {
        "a": {"domain": "math", "rows": 10, "sources": [{"source": "s"}], "select": [top]},
        "b": {"domain": "math", "rows": 10, "sources": [{"source": "s"}, {"source": "u"}], "select": []},
    }
    registry = a_registry(
        a_source("s"),
        a_source("u"),
        a_recipe("one", [], ["reference"], parts=parts),
        a_recipe("two", [], ["reference"], parts=parts),
    )
    assert [s.column for s in registry.scores_for("s")] == ["answer_length.gpt-4.1-mini"]
    assert registry.scores_for("u") == ()
    assert registry.recipes_using("u") == ("one", "two")


IDENTITY = [
    ({"prompt": "Q: {question}"}, True),
    ({"prompts": {"math": "M: {question}"}}, True),
    ({"system_prompt": "Think."}, True),
    ({"sampling": {"temperature": 0.1}}, True),
    ({"reasoning": None}, True),
    ({"description": "other"}, False),
    ({"estimate": {"completion_tokens": 4}}, False),
    ({"licence": "MIT"}, False),
]


@pytest.mark.parametrize(("fields", "differs"), IDENTITY)
def test_teacher_identity(fields: dict[str, Any], differs: bool) -> None:
    model = a_model("m")
    before = a_teacher("t", "m").identity_hash(model)
    assert (a_teacher("t", "m", **fields).identity_hash(model) != before) is differs


@pytest.mark.parametrize(
    ("fields", "differs"),
    [
        ({"revision": "abc"}, True),
        ({"model": "other"}, True),
        ({"dtype": "float32"}, True),
        ({"price": {"input": 1, "output": 2}}, False),
        ({"options": {"batch": 8}}, False),
        ({"licence": "MIT"}, False),
        ({"key": "n"}, False),
    ],
)
def test_model_identity(fields: dict[str, Any], differs: bool) -> None:
    model = a_model("m")
    other = type(model).model_validate({**model.to_dict(), **fields})
    assert (model.identity_hash != other.identity_hash) is differs


def test_where_an_endpoint_stands_is_no_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    one = a_model("m", engine="openai", base_url="http://one/v1", base_url_env="MY_URL")
    two = a_model("m", engine="openai", base_url="http://two/v1")
    assert one.identity() == two.identity()
    assert one.endpoint_url == "http://one/v1"
    monkeypatch.setenv("MY_URL", "http://here/v1")
    assert one.endpoint_url == "http://here/v1"


def test_terms_of_answers() -> None:
    assert a_model("m").terms == "Apache-2.0"
    assert a_model("m", output_licence="other:gemma").terms == "other:gemma"


def test_prompt_by_verifier() -> None:
    teacher = a_teacher("t", "m", prompts={"math": "M {question}"})
    assert teacher.prompt_for("math") == "M {question}"
    assert teacher.prompt_for("choice") == "{question}"


@given(
    st.integers(1, 10**7),
    st.lists(st.integers(1, 1000), min_size=1, max_size=8),
)
def test_quotas_sum_and_are_within_one_of_their_share(rows: int, weights: list[int]) -> None:
    shares = [weight / sum(weights) for weight in weights]
    part = Part.model_validate(
        {
            "domain": "math",
            "rows": rows,
            "sources": [{"source": f"s{i}", "share": share} for i, share in enumerate(shares)],
        }
    )
    quotas = part.quotas()
    assert quotas is not None
    assert sum(quotas.values()) == rows
    for share, quota in zip(shares, quotas.values(), strict=True):
        assert abs(quota - rows * share) < 1 + 1e-6


def test_equal_shares_by_default() -> None:
    part = Part.model_validate(
        {"domain": "math", "rows": 31_600, "sources": [{"source": "a"}, {"source": "b"}, {"source": "c"}]}
    )
    assert part.quotas() == {"a": 10_534, "b": 10_533, "c": 10_533}


@pytest.mark.parametrize(
    "fields",
    [
        {"temperature": -0.1}, {"temperature": 2.1}, {"top_p": 0}, {"top_p": 1.1}, {"max_tokens": 0}, {"top_k": 0},
        {"temperature": float("nan")}, {"seed": -1},
    ],
)  # fmt: skip
def test_sampling_ranges(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Sampling.model_validate(fields)


@pytest.mark.parametrize(
    ("stated", "canonical"),
    [
        ("MIT", "MIT"),
        ("cc-by-4.0", "CC-BY-4.0"),
        ("MIT OR Apache-2.0", "MIT OR Apache-2.0"),
        ("unknown", "unknown"),
        ("other:gemma", "other:gemma"),
    ],
)
def test_licences(stated: str, canonical: str) -> None:
    assert check_licence(stated) == canonical


@pytest.mark.parametrize("stated", ["", "free", "other:", "other: ", "Unknown", "cc-by-4"])
def test_no_licence(stated: str) -> None:
    with pytest.raises(ValueError, match="SPDX"):
        check_licence(stated)


@pytest.mark.parametrize(
    ("rows", "tier", "batch", "rate", "epochs", "packing"),
    [
        (1, "micro", 32, 1e-5, 13, False),
        (316, "micro", 32, 1e-5, 13, False),
        (1_000, "small", 96, 2e-5, 7, False),
        (3_000, "small", 96, 2e-5, 7, False),
        (3_160, "medium", 128, 4e-5, 5, False),
        (10_000, "medium", 128, 4e-5, 5, False),
        (31_600, "medium", 128, 4e-5, 5, False),
        (100_000, "large", 512, 8e-5, 5, True),
        (1_200_000, "large", 512, 8e-5, 5, True),
    ],
)
def test_tiers(rows: int, tier: str, batch: int, rate: float, epochs: int, packing: bool) -> None:
    found = tier_for(rows)
    assert (found.name, found.global_batch, found.learning_rate, found.epochs, found.packing) == (
        tier, batch, rate, epochs, packing,
    )  # fmt: skip
    assert (found.cutoff, found.schedule, found.warmup_ratio, found.precision) == (16_384, "cosine", 0.1, "bf16")
    assert (found.adam_beta1, found.adam_beta2, found.weight_decay) == (0.9, 0.999, 0)


@given(st.integers(1, 10**7), st.integers(1, 10**7))
def test_more_rows_never_mean_a_smaller_tier(a: int, b: int) -> None:
    low, high = sorted((a, b))
    names = list(TIERS)
    assert names.index(tier_for(low).name) <= names.index(tier_for(high).name)


def test_no_rows_have_no_tier() -> None:
    with pytest.raises(ValueError, match="at least one row"):
        tier_for(0)


def test_a_recipe_s_own_hyper_parameters_win() -> None:
    tier = Training(tier="auto", learning_rate=3e-4, epochs=2).resolve(31_600, cutoff=512, seed=7)
    assert (tier.name, tier.learning_rate, tier.epochs, tier.global_batch) == ("medium", 3e-4, 2, 128)
    assert (tier.cutoff, tier.seed) == (512, 7)
    assert Training(tier="micro", seed=1).resolve(10**6, seed=7).seed == 1
    assert Training(tier="micro").resolve(10**6).global_batch == 32


def test_reference_has_no_model_and_a_model_teacher_has_one() -> None:
    for fields in ({"kind": "reference", "model": "m"}, {"kind": "model"}):
        with pytest.raises(ValidationError):
            TeacherSpec.model_validate({"key": "t", "description": "x", **fields})
    assert a_teacher("t").identity(None) == {"kind": "reference"}


def test_declared_sizes() -> None:
    assert a_source("s").size == 20
    assert a_source("s", rows=10).size == 10
    assert a_source("s", rows=10, distinct=4).size == 4
    with pytest.raises(ValidationError):
        a_source("s", rows=4, distinct=10)
    assert a_benchmark("b", questions=3).items == 3
    assert a_benchmark("b", questions=300).items == 10


def test_worked_solutions() -> None:
    assert a_source("s").has_reference
    hub = {"kind": "hub", "dataset": "a/b"}
    fields = {"key": "s", "description": "x", "domain": "math", "licence": "MIT", "origin": hub}
    assert not SourceSpec.model_validate({**fields, "columns": {"question": "q"}}).has_reference
    assert SourceSpec.model_validate({**fields, "columns": {"question": "q", "solution": "s"}}).has_reference
