"""Estimates: intervals that hold, bases that are said, and nothing known that is not."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ot_assets.planning import plan
from ot_assets.planning.estimates import Calls, Lengths, Range, estimate, replicas_and_gpus, total
from ot_assets.planning.known import Stored
from ot_assets.planning.training import TrainingPace
from ot_assets.registry import Registry
from resources.generation.reply import Reply
from resources.responses.store import Meta, ResponseStore
from tests.factories import a_model, a_recipe, a_registry, a_source, a_teacher
from tests.resources.generation.making import asked

PRICED = a_model("m", price={"input": 1.0, "output": 2.0})


class Known:
    def __init__(self, found: Lengths | None) -> None:
        self.found = found

    def lengths(self, call: Calls) -> Lengths | None:
        return self.found


def lengths(replies: int, mean: float, sd: float, pace: float | None = None) -> Lengths:
    return Lengths(replies, 10.0, 0.0, mean, sd, round(mean), round(mean), round(mean), pace)


def calls(requests: int = 100, **fields: object) -> Calls:
    return Calls("t", PRICED, requests, 10, 50, **fields)  # type: ignore[arg-type]


def test_a_stated_figure_is_right_within_a_factor_of_two() -> None:
    found = estimate(calls())
    assert (found.completion.low, found.completion.expected, found.completion.high) == (2_500, 5_000, 10_000)
    assert found.basis == "stated"
    assert found.cost is not None
    assert found.cost.expected == pytest.approx((1_000 * 1 + 5_000 * 2) / 1e6)


def test_no_price_and_no_speed_are_not_known_and_never_nothing() -> None:
    found = estimate(Calls("t", a_model("free"), 100, 10, 50))
    assert found.cost is None
    assert found.wall_hours is None
    assert found.gpu_hours is None
    assert found.pace == "no speed is known"
    assert total([found.cost, estimate(calls()).cost])[1] is False


def test_no_requests_cost_nothing_whoever_is_asked() -> None:
    found = estimate(Calls("t", a_model("free"), 0, 10, 50))
    assert found.cost is not None
    assert found.cost.high == 0


def test_no_answer_is_longer_than_allowed() -> None:
    assert estimate(calls(limit=60)).completion.high == 6_000
    assert estimate(calls(limit=40)).completion.expected == 4_000


def test_a_stated_speed_counts_for_each_replica_and_wins_over_a_measured_one() -> None:
    serve = {"data_parallel": 2, "tensor_parallel": 4}
    model = a_model("big", engine="vllm", speed=100.0, serve=serve)
    found = estimate(Calls("t", model, 72, 10, 10_000), Known(lengths(50, 10_000, 0, pace=3.0)))
    assert replicas_and_gpus(model) == (2, 8)
    assert found.wall_hours is not None
    assert found.gpu_hours is not None
    assert found.wall_hours.expected == pytest.approx(720_000 / 200 / 3600)
    assert found.gpu_hours.expected == pytest.approx(8 * found.wall_hours.expected)


def test_a_measured_pace_gives_hours() -> None:
    found = estimate(calls(3600), Known(lengths(50, 100, 0, pace=100.0)))
    assert found.wall_hours is not None
    assert found.wall_hours.expected == pytest.approx(1.0)
    assert found.basis == "stored n=50"


@settings(deadline=None)
@given(st.integers(5, 500), st.integers(1, 10_000), st.floats(1, 1e4), st.floats(0, 1e4))
def test_the_interval_holds_the_mean_and_narrows_with_replies(n: int, requests: int, mean: float, sd: float) -> None:
    few = estimate(calls(requests), Known(lengths(n, mean, sd))).completion
    many = estimate(calls(requests), Known(lengths(n * 10, mean, sd))).completion
    assert 0 <= few.low <= few.expected <= few.high
    assert few.low <= many.low + 1e-6
    assert many.high <= few.high + 1e-6


def test_about_80_of_100_intervals_hold_what_comes() -> None:
    rng = random.Random(7)
    draws, held, tries = 400, 0, 600
    for _ in range(tries):
        sample = [rng.lognormvariate(5, 0.6) for _ in range(30)]
        mean = sum(sample) / 30
        sd = (sum((x - mean) ** 2 for x in sample) / 29) ** 0.5
        span = estimate(calls(draws), Known(lengths(30, mean, sd))).completion
        held += span.low <= sum(rng.lognormvariate(5, 0.6) for _ in range(draws)) <= span.high
    assert 0.74 < held / tries < 0.86


@pytest.fixture
def registry() -> Registry:
    recipe = a_recipe("r", ["s", "u"], ["t"], benchmarks=[])
    return a_registry(a_source("s", seed=1), a_source("u", seed=2), PRICED, a_teacher("t", "m"), recipe)


def stored(tmp_path: Path, purpose: str, tokens: Sequence[int | None]) -> ResponseStore:
    store = ResponseStore(f"sqlite:///{tmp_path}/responses.sqlite")
    add(store, purpose, tokens)
    return store


def add(store: ResponseStore, purpose: str, tokens: Sequence[int | None]) -> None:
    store.put_many(
        (
            asked(f"{purpose} {n}"),
            Reply.make("x", prompt_tokens=None if length is None else 20, completion_tokens=length, seconds=2.0),
            Meta(purpose),
        )
        for n, length in enumerate(tokens)
    )


def basis(registry: Registry, store: ResponseStore, **pilot: tuple[str, ...]) -> dict[str, str]:
    found = plan(registry, "r", None, Stored(store, **pilot))
    traces = next(stage for stage in found.stages if stage.stage == "traces")
    return {call.where: call.basis for call in traces.calls}


def test_the_same_source_first_then_the_same_teacher_then_the_specs(registry: Registry, tmp_path: Path) -> None:
    store = stored(tmp_path, "traces s|t", [100] * 6)
    assert basis(registry, store) == {"s": "stored n=6", "u": "stored n=6"}
    store.put_many(
        (asked(f"u {n}"), Reply.make("x", prompt_tokens=9, completion_tokens=9), Meta("traces u|t")) for n in range(7)
    )
    assert basis(registry, store) == {"s": "stored n=6", "u": "stored n=7"}
    assert basis(registry, store, pilot=("traces u|t",)) == {"s": "stored n=6", "u": "pilot n=7"}


def test_too_few_replies_and_those_of_others_are_none(registry: Registry, tmp_path: Path) -> None:
    store = stored(tmp_path, "traces s|t", [100] * 4)
    store.put_many(
        (asked(f"o {n}"), Reply.make("x", prompt_tokens=9, completion_tokens=9), Meta("traces s|o")) for n in range(9)
    )
    assert basis(registry, store) == {"s": "stated", "u": "stated"}


def test_replies_without_counts_are_left_out(registry: Registry, tmp_path: Path) -> None:
    assert basis(registry, stored(tmp_path, "traces s|t", [None] * 9)) == {"s": "stated", "u": "stated"}


def test_quantiles_and_totals_come_from_what_is_stored(registry: Registry, tmp_path: Path) -> None:
    found = plan(registry, "r", None, Stored(stored(tmp_path, "traces s|t", list(range(10, 110, 10)))))
    traces = next(stage for stage in found.stages if stage.stage == "traces")
    assert traces.to_json()["calls"][0]["lengths"] == {"p10": 10, "p50": 50, "p90": 90}
    assert traces.completion_tokens == 10 * 55
    assert traces.prompt_tokens == 10 * 20
    assert found.to_json()["estimate"]["tokens"]["expected"] >= 10 * 75


def test_training_takes_as_long_as_it_took_before() -> None:
    one = TrainingPace(100.0, 100.0, 100.0, 1, ("cpu",))
    assert one.hours(720_000) == Range(1.0, 2.0, 4.0)
    two = TrainingPace(50.0, 100.0, 200.0, 3, ("cpu", "cuda"))
    assert two.hours(720_000) == Range(1.0, 2.0, 4.0)
    assert two.basis == "100 tokens/s of 3 students on cpu, cuda"


def test_a_plan_without_a_trained_student_knows_no_training_hours(registry: Registry) -> None:
    assert plan(registry, "r").to_json()["training"]["hours"] is None
    said = plan(registry, "r", pace=TrainingPace(1.0, 1.0, 1.0, 1, ("cpu",))).to_json()["training"]
    assert said["hours"]["expected"] == pytest.approx(said["tokens"] / 3600, abs=1e-4)
