from __future__ import annotations

import itertools
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from resources.errors import UserError
from resources.generation import ask as asking
from resources.generation.ask import ask
from resources.generation.engine import Engine, Outcome, open_engine
from resources.generation.progress import Progress
from resources.generation.reply import Failure, Reply
from resources.generation.request import Request
from resources.generation.scripted import ScriptedEngine
from resources.responses.store import Meta, ResponseStore
from tests.resources.generation.making import SCRIPTED, asked, many


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ResponseStore]:
    with ResponseStore(f"sqlite:///{tmp_path}/responses.sqlite") as opened:
        yield opened


def scripted(**options: object) -> ScriptedEngine:
    return ScriptedEngine(SCRIPTED.model_copy(update={"options": options}))


def never() -> Engine:
    raise AssertionError("the engine was opened though everything is stored")


def test_every_request_gets_its_own_answer(store: ResponseStore) -> None:
    requests = many(300, 2)
    outcomes = list(ask(store, scripted, requests))
    assert {outcome.request.key for outcome in outcomes} == {request.key for request in requests}
    assert all(reply_of(outcome).text == outcome.request.messages[-1].content for outcome in outcomes)


def test_a_stored_answer_is_not_bought_again_and_opens_no_engine(store: ResponseStore) -> None:
    requests = many(20)
    first = {outcome.request.key: outcome.result for outcome in ask(store, scripted, requests)}
    again = {outcome.request.key: outcome.result for outcome in ask(store, never, requests)}
    assert first == again


def test_from_4_to_16_samples_pays_for_12(store: ResponseStore) -> None:
    list(ask(store, scripted, many(10, 4)))
    engine = scripted()
    assert len(list(ask(store, lambda: engine, many(10, 16)))) == 160
    assert engine.calls == 10 * 12


def test_identical_requests_are_asked_once_and_all_answered(store: ResponseStore) -> None:
    engine = scripted()
    requests = many(3) * 1500
    outcomes = list(ask(store, lambda: engine, requests))
    assert len(outcomes) == 4500
    assert engine.calls == 3


def test_a_failure_is_not_stored_and_asked_again_next_time(store: ResponseStore) -> None:
    requests = many(30)
    first = list(ask(store, lambda: scripted(rate_limit_every=3), requests))
    failed = [outcome for outcome in first if isinstance(outcome.result, Failure)]
    assert len(failed) == 10
    engine = scripted()
    second = list(ask(store, lambda: engine, requests))
    assert all(isinstance(outcome.result, Reply) for outcome in second)
    assert engine.calls == 10


def test_a_cut_answer_is_stored_as_an_outcome(store: ResponseStore) -> None:
    request = asked("one two three four", max_tokens=2)
    cut = next(ask(store, scripted, [request]))
    assert (reply_of(cut).text, reply_of(cut).finish_reason) == ("one two", "length")
    assert next(ask(store, never, [request])).result == cut.result


def test_a_crash_keeps_what_came(store: ResponseStore) -> None:
    requests = many(100)
    with pytest.raises(RuntimeError, match="crashes after 70"):
        list(ask(store, lambda: scripted(crash_after=70), requests))
    assert len(store.get_many(r.key for r in requests)) == 70


def test_ctrl_c_keeps_what_came(store: ResponseStore) -> None:
    requests = many(100)
    with pytest.raises(KeyboardInterrupt):
        list(ask(store, lambda: scripted(interrupt_after=33), requests))
    assert len(store.get_many(r.key for r in requests)) == 33


def test_a_caller_that_stops_reading_loses_nothing(store: ResponseStore) -> None:
    engine = scripted()
    outcomes = ask(store, lambda: engine, many(100))
    for _ in range(5):
        next(outcomes)
    outcomes.close()  # type: ignore[attr-defined]
    assert len(list(store.rows())) == engine.calls
    assert engine.closed


def test_what_arrived_but_was_not_yielded_is_kept(store: ResponseStore) -> None:
    class Ahead(ScriptedEngine):
        """Has three replies in hand for each one that it yields, as an endpoint's client does."""

        def generate(self, requests: Iterable[Request]) -> Iterator[Outcome]:
            self.left = list(super().generate(itertools.islice(requests, 3)))
            yield self.left.pop()
            raise KeyboardInterrupt

        def arrived(self) -> list[Outcome]:
            return self.left

    with pytest.raises(KeyboardInterrupt):
        list(ask(store, lambda: Ahead(SCRIPTED), many(10)))
    assert len(list(store.rows())) == 3


def test_a_reply_is_stored_before_it_is_seen(store: ResponseStore) -> None:
    for request, _ in ask(store, scripted, many(200)):
        assert request.key in store.get_many([request.key])


def test_the_first_stored_answer_is_the_one_yielded(store: ResponseStore) -> None:
    request = asked()

    def rule(asked_: Request) -> str:
        # Another process answers the same request while this one waits for its reply.
        store.put_many([(asked_, Reply.make("theirs"), Meta())])
        return "ours"

    outcome = next(ask(store, lambda: ScriptedEngine(SCRIPTED, rule), [request]))
    assert reply_of(outcome).text == "theirs"
    assert reply_of(next(ask(store, never, [request]))).text == "theirs"


def test_the_source_is_read_no_further_than_needed(store: ResponseStore) -> None:
    read = itertools.count()
    endless = (asked(f"question {next(read)}") for _ in itertools.count())
    list(itertools.islice(ask(store, scripted, endless), 2_000))
    # What the writer may hold and be writing, and a chunk being looked up.
    assert next(read) <= 2_000 + 2 * 1_024 + 2 * asking._CHUNK


def test_memory_stays_bounded_over_a_long_stored_stretch(store: ResponseStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "_PILE", 60)
    monkeypatch.setattr(asking, "_CHUNK", 20)
    stored = many(400)
    list(ask(store, scripted, stored))
    requests = [asked("new one"), *stored, asked("new two")]
    most = 0

    class Watching(ScriptedEngine):
        def generate(self, requests: Iterable[Request]) -> Iterator[Outcome]:
            nonlocal most
            frame = sys._getframe(1)
            for outcome in super().generate(list(requests)):
                most = max(most, len(frame.f_locals["sorting"].ready))
                yield outcome

    outcomes = list(ask(store, lambda: Watching(SCRIPTED), requests))
    assert len(outcomes) == len(requests)
    assert most <= 60 + 20


def test_an_engine_that_swallows_requests_is_found_out(store: ResponseStore) -> None:
    class Forgetful(ScriptedEngine):
        def generate(self, requests: Iterable[Request]) -> Iterator[Outcome]:
            yield from itertools.islice(super().generate(list(requests)), 2)

    with pytest.raises(RuntimeError, match="3 requests got no outcome"):
        list(ask(store, lambda: Forgetful(SCRIPTED), many(5)))


def test_an_engine_that_does_nothing_is_found_out(store: ResponseStore) -> None:
    class Idle(ScriptedEngine):
        def generate(self, requests: Iterable[Request]) -> Iterator[Outcome]:
            yield from ()

    with pytest.raises(RuntimeError, match="no outcome"):
        list(ask(store, lambda: Idle(SCRIPTED), many(5)))


@pytest.mark.parametrize("new", [1, 63, 64, 65, 500])
def test_stored_answers_at_the_end_are_yielded_too(store: ResponseStore, new: int) -> None:
    requests = many(new + 600)
    list(ask(store, scripted, requests[new:]))
    assert {outcome.request.key for outcome in ask(store, scripted, requests)} == {r.key for r in requests}


def test_progress_counts_and_prices(store: ResponseStore) -> None:
    list(ask(store, scripted, many(5)))
    seen: list[Progress] = []
    list(ask(store, lambda: scripted(timeout_every=4), [*many(10), many(10)[9]], progress=seen.append))
    last = seen[-1]
    assert (last.total, last.done, last.from_store, last.new, last.failed) == (11, 11, 6, 4, 1)
    assert (last.prompt_tokens, last.completion_tokens) == (8, 8)
    assert last.cost == pytest.approx((8 * 1 + 8 * 2) / 1e6)
    assert last.eta_seconds == 0
    assert "4 new" in str(last)
    assert [progress.done for progress in seen] == sorted(progress.done for progress in seen)


def test_usage_is_labelled_with_its_purpose(store: ResponseStore) -> None:
    list(ask(store, scripted, many(3), purpose="traces aime|r1"))
    list(ask(store, scripted, many(5), purpose="difficulty aime"))
    assert [row.purpose for row in store.rows()].count("traces aime|r1") == 3
    assert [row.purpose for row in store.rows()].count("difficulty aime") == 2


def test_several_threads_may_ask_at_once(store: ResponseStore) -> None:
    done: list[int] = []
    threads = [
        threading.Thread(target=lambda: done.append(len(list(ask(store, scripted, many(200)))))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == [200] * 3
    assert len(list(store.rows())) == 200


SLOW = """
    import sys
    from resources.generation.ask import ask
    from resources.generation.scripted import ScriptedEngine
    from resources.responses.store import ResponseStore
    from tests.resources.generation.making import SCRIPTED, many

    model = SCRIPTED.model_copy(update={"options": {"seconds": 0.01}})
    for outcome in ask(ResponseStore(sys.argv[1]), lambda: ScriptedEngine(model), many(5_000)):
        print(outcome.request.key, flush=True)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_run_goes_on_where_it_stopped(tmp_path: Path, how: signal.Signals) -> None:
    url = f"sqlite:///{tmp_path}/responses.sqlite"
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SLOW), url],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert child.stdout is not None
    seen = [child.stdout.readline().strip() for _ in range(100)]
    child.send_signal(how)
    seen += child.stdout.read().split()
    assert child.wait(30) != 0
    with ResponseStore(url) as store:
        assert list(store.problems()) == []
        kept = set(store.get_many(seen))
        # The last line may have been cut by the kill.
        assert kept >= set(seen[:-1])
        stored = len(list(store.rows()))
        engine = scripted()
        assert len(list(ask(store, lambda: engine, many(stored + 10)))) == stored + 10
        assert engine.calls == 10


def test_a_server_that_is_not_installed_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OT_VLLM_PYTHON", "/no/such/python")
    with pytest.raises(UserError, match=r"/no/such/python is no program to run(.|\n)*environment of its own"):
        open_engine(SCRIPTED.model_copy(update={"engine": "vllm"}))


def reply_of(outcome: Outcome) -> Reply:
    assert isinstance(outcome.result, Reply)
    return outcome.result
