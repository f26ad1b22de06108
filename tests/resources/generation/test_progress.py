"""Progress: what is counted, what a person reads, what a manifest keeps."""

from __future__ import annotations

from resources.generation.progress import Counter, Progress, Tally, clock, short
from resources.generation.reply import Failure, Reply


def counted(*replies: Reply, total: int | None = 10, failed: int = 0) -> Counter:
    counter = Counter(total, None)
    counter.engine_starts()
    for reply in replies:
        counter.answered(reply)
    for _ in range(failed):
        counter.failed(Failure("no", "server", retryable=True))
    return counter


def test_everything_that_happens_is_counted() -> None:
    counter = counted(
        Reply.make("a", prompt_tokens=5, completion_tokens=7, cost=0.5),
        Reply.make("b", prompt_tokens=1, completion_tokens=2, finish_reason="length"),
        failed=1,
    )
    counter.stored()
    counter.event("in_flight", 12)
    counter.event("in_flight", 9)
    counter.event("retry:rate_limited", 3)
    counter.event("retry:rate_limited", 2)
    counter.event("retry:timeout", 1)
    counter.event("something_new", 4)
    now = counter.snapshot()
    assert (now.total, now.done, now.from_store, now.new, now.failed) == (10, 4, 1, 2, 1)
    assert (now.prompt_tokens, now.completion_tokens, now.cost, now.unpriced) == (6, 9, 0.5, 1)
    assert (now.in_flight, dict(now.retries)) == (9, {"rate_limited": 5, "timeout": 1})
    assert now.cut_share == 0.5
    assert now.tokens_out_rate > now.tokens_in_rate > 0
    assert counter.left() == 6
    line = str(now)
    for words in ("4/10 requests", "1 stored", "2 new", "1 failed", "1 cut", "9 in flight", "at least $0.5000"):
        assert words in line
    assert "tried again: 5 rate limited, 1 timeout" in line


def test_what_nobody_charges_for_is_not_shown_as_money() -> None:
    assert "$" not in str(counted(Reply.make("a", prompt_tokens=1, completion_tokens=1)).snapshot())


def test_nothing_asked_makes_no_shares() -> None:
    now = Counter(None, None).snapshot()
    assert now.cut_share is None
    assert now.closed_share is None
    assert now.tokens_out_rate == 0
    assert Counter(None, None).left() is None


def test_the_last_state_is_always_told() -> None:
    told: list[Progress] = []
    counter = Counter(3, told.append)
    for _ in range(3):
        counter.stored()
    counter.finish()
    assert told[-1].done == 3


def test_a_tally_adds_calls_up() -> None:
    tally = Tally()
    assert tally.to_dict() == {}
    first = Progress(4, 1, 3, 0, 1, 30, 60, 0.25, 9.0, 1.0, None, 2.0, 0, 0, {"timeout": 2}, 4, 3)
    tally.add(first)
    tally.add(Progress(2, 0, 1, 1, 0, 10, 20, 0.25, 9.0, 1.0, None, 2.0, 1, 0, {"timeout": 1, "server": 1}, 0, 0))
    said = tally.to_dict()
    assert {name: said[name] for name in ("from_store", "new", "failed", "cut", "cost")} == {
        "from_store": 1, "new": 4, "failed": 1, "cut": 1, "cost": 0.5,
    }  # fmt: skip
    assert said["retries"] == {"timeout": 3, "server": 1}
    assert said["tokens_per_second"] == 20.0
    assert said["cut_share"] == 0.25
    assert said["closed_share"] == 0.75


def test_a_cost_that_nobody_knows_is_null_in_a_manifest() -> None:
    tally = Tally()
    tally.add(counted(Reply.make("a", prompt_tokens=1, completion_tokens=1)).snapshot())
    assert tally.to_dict()["cost"] is None


def test_short_forms() -> None:
    assert [short(n) for n in (0, 3.14159, 42, 1234, 5_600_000)] == ["0", "3.14", "42", "1.23k", "5.6M"]
    assert [clock(n) for n in (42, 190, 7_500)] == ["42s", "3m10s", "2h05m"]
