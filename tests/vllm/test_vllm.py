"""The demo's model behind a real vLLM: traces that survive kill -9, a batch of evaluations, speed. `make test-vllm`.

The tests follow one another: first `ot run` starts a server of its own and is killed, then `ot serve` keeps one up for all
that comes after.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl
import pytest

from benchmarks.bench_engines import measure
from ot_assets.asking import with_weights
from ot_assets.quality import judge
from resources.serving.record import ServeRecord, all_records
from tests.endtoend.house import House
from tests.endtoend.steps import make
from tests.vllm.served import (
    ANSWERS,
    EXAM,
    MODEL,
    QUESTIONS,
    REPEATS,
    Calls,
    build,
    home_of,
    processes,
    stored_keys,
    until,
)

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.timeout(1800),
    pytest.mark.skipif("OT_VLLM_PYTHON" not in os.environ, reason="`make test-vllm` installs vLLM and runs these"),
]
_LOADING = 900.0


@dataclass(frozen=True)
class Killed:
    """What a killed run left."""

    house: House
    kept: set[str]
    left: list[str]


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Killed:
    """A house whose `ot run` was killed with -9 while its own server answered."""
    house = build(tmp_path_factory.mktemp("vllm"))
    run = house.start("run", "served")

    def alive() -> None:
        assert run.poll() is None, run.communicate()

    until(lambda: len(stored_keys(house)) >= 20, _LOADING, alive)
    assert any("vllm" in line.lower() for line in processes(house))
    run.kill()
    run.wait()
    until(lambda: not processes(house), 20)
    return Killed(house, stored_keys(house), processes(house))


@pytest.fixture(scope="module")
def served(killed: Killed) -> Iterator[ServeRecord]:
    """The server that `ot serve` keeps up for the rest."""
    serve = killed.house.start("serve", MODEL)

    def alive() -> None:
        assert serve.poll() is None, serve.communicate()

    try:
        until(lambda: bool(all_records(home_of(killed.house))), _LOADING, alive)
        yield all_records(home_of(killed.house))[0]
    finally:
        serve.send_signal(signal.SIGINT)
        serve.wait(60)
        judge.stop()  # the one of this process, which made assets itself
    assert processes(killed.house) == [], "Ctrl-C ends the server and all of its processes"
    assert all_records(home_of(killed.house)) == []


def test_kill_9_of_a_run_leaves_its_answers_and_no_process(killed: Killed) -> None:
    assert 20 <= len(killed.kept) < QUESTIONS * ANSWERS, "it was killed in the middle"
    assert killed.house.problems() == []
    assert killed.left == []


def test_the_next_run_asks_only_for_what_is_not_stored(killed: Killed, served: ServeRecord) -> None:
    calls, house = Calls.of(served.log), killed.house
    with house.entered():
        assert make(house, "traces", source="chain-sum", teacher=MODEL) is None
    assert calls.count() == QUESTIONS * ANSWERS - len(killed.kept)
    assert killed.kept < stored_keys(house)
    assert len(stored_keys(house)) == QUESTIONS * ANSWERS
    traces = house.current("traces", source="chain-sum", teacher=MODEL).read()
    assert len(traces) == QUESTIONS * ANSWERS
    assert traces["trace_id"].n_unique() == len(traces)
    differing = traces.group_by("question_id").agg(pl.col("answer").n_unique())
    assert differing["answer"].max() > 1, "samples of a question are drawn apart, though no seed is sent"
    with house.entered():
        assert make(house, "verdicts", source="chain-sum", teacher=MODEL) is None
    assert house.problems() == []


def test_a_batch_of_evaluations(killed: Killed, served: ServeRecord) -> None:
    calls, house = Calls.of(served.log), killed.house
    with house.entered():
        assert make(house, "baseline_scores", model=MODEL) is None
    assert calls.count() == EXAM * REPEATS
    scores = house.current("baseline_scores", model=MODEL).read()
    assert scores["benchmark"].to_list() == ["few-sums"]
    assert 0.0 <= scores["score"][0] <= 1.0


def test_speed_beside_the_transformers_engine(
    killed: Killed, served: ServeRecord, capsys: pytest.CaptureFixture[str]
) -> None:
    from ot_assets.registry import registry

    with killed.house.entered():
        models = registry().all_models
        home = home_of(killed.house)
        pair = [with_weights(models[key], home)() for key in (MODEL, "smollm2-135m-instruct")]
        with capsys.disabled():
            speeds = measure(*pair)
    assert all(speed > 0 for speed in speeds)
