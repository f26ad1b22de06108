"""From a benchmark to requests: which questions, in which words, how often, always the same."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ot_assets.evaluation.requests import asks, drawn
from ot_assets.registry import BenchmarkSpec
from resources.errors import UserError
from resources.generation.model import Model

from .benchmarks import benchmark, questions

MODEL = Model(key="m", engine="scripted", model="scripted/m")


def test_every_question_is_asked_in_every_repeat_in_a_fixed_order():
    rows = questions(3)
    asked = list(asks(benchmark(repeats=2), rows.reverse(), MODEL))
    assert [(a.question_id, a.repeat) for a in asked] == [(q, r) for q in sorted(rows["question_id"]) for r in (0, 1)]
    assert [a.request.sample_index for a in asked] == [0, 1] * 3
    assert len({a.request.key for a in asked}) == 6
    assert [a.request.key for a in asks(benchmark(repeats=2), rows, MODEL)] == [a.request.key for a in asked]


def test_more_repeats_keep_the_requests_of_fewer():
    few = {a.request.key for a in asks(benchmark(repeats=4), questions(5), MODEL)}
    many = {a.request.key for a in asks(benchmark(repeats=16), questions(5), MODEL)}
    assert few < many and len(many) == 80


def test_words_and_settings_are_the_benchmarks():
    spec = benchmark(
        prompt=r"{question} Box it: \boxed{}.",
        prompts={"choice": "{question}\nA letter, please."},
        sampling={"temperature": 0.3, "max_tokens": 99, "stop": ["###"]},
    )
    odd = questions(1, question="Is {question} a {x}? $\\frac{1}{2}$")
    (ask,) = asks(spec, odd, MODEL)
    assert [m.role for m in ask.request.messages] == ["user"]
    assert ask.request.messages[0].content == "Is {question} a {x}? $\\frac{1}{2}$ Box it: \\boxed{}."
    assert ask.request.sampling.temperature == 0.3
    assert (ask.request.sampling.max_tokens, ask.request.sampling.stop) == (99, ("###",))
    (choice,) = asks(spec, questions(1, verifier="choice"), MODEL)
    assert choice.request.messages[0].content.endswith("A letter, please.")


def test_a_system_turn_is_the_benchmarks_or_else_what_the_model_was_taught_with():
    def system(spec: BenchmarkSpec, taught: str | None) -> str | None:
        (ask,) = asks(spec, questions(1), MODEL, system_prompt=taught)
        return ask.request.system_prompt

    assert system(benchmark(), None) is None
    assert system(benchmark(), "taught") == "taught"
    assert system(benchmark(system_prompt="of the benchmark"), "taught") == "of the benchmark"


@given(st.integers(1, 40), st.integers(0, 5), st.integers(0, 3))
def test_a_draw_has_its_size_keeps_its_choice_and_hardly_moves_when_rows_are_added(size, seed, added):
    spec = benchmark(questions=size, seed=seed)
    rows = questions(30)
    picked = set(drawn(spec, rows)["question_id"])
    assert len(picked) == min(size, 30)
    assert picked == set(drawn(spec, rows.sample(fraction=1, shuffle=True, seed=1))["question_id"])
    grown = set(drawn(spec, questions(30 + added))["question_id"])
    assert len(picked - grown) <= added


def test_another_seed_draws_others():
    first, second = (set(drawn(benchmark(questions=10, seed=s), questions(30))["question_id"]) for s in (0, 1))
    assert first != second


def test_what_cannot_be_asked_says_why():
    with pytest.raises(UserError, match="screened against and never run"):
        asks(benchmark(repeats=0), questions(1), MODEL)
    with pytest.raises(UserError, match="no questions"):
        asks(benchmark(), questions(1).filter(pl.lit(False)), MODEL)
