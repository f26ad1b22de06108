"""How long the gate holds calls back, by a clock that only these tests move."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resources.generation.gate import Announced, Gate


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def refusals(gate: Gate, count: int, seconds: float = 0.0) -> bool:
    return [gate.refused(seconds) for _ in range(count)][-1]


def test_a_rate_of_requests_spaces_calls(clock: Clock) -> None:
    gate = Gate(8, requests=60, clock=clock)
    sent = 0
    for _ in range(6_000):
        while gate.wait() == 0:
            gate.enter()
            gate.leave()
            sent += 1
        clock.now += 0.01
    assert 60 <= sent <= 62


def test_a_rate_of_tokens_waits_until_the_debt_is_paid(clock: Clock) -> None:
    gate = Gate(8, tokens=60, clock=clock)
    assert gate.wait() == 0
    gate.used(gate.enter(100), 100)
    assert gate.wait() == pytest.approx(41)
    clock.now += 41
    assert gate.wait() == 0


def test_calls_under_way_hold_their_share_of_the_tokens(clock: Clock) -> None:
    gate = Gate(100, tokens=1000, clock=clock)
    held = []
    while gate.wait() == 0:
        held.append(gate.enter(400))
    assert len(held) == 3, "the first two do not fill the minute, the third passes it"
    for one in held:
        gate.used(one, 10)
        gate.succeeded(10)
        gate.leave()
    assert gate.wait() == 0, "they took less than they might have"


def test_a_few_refusals_among_many_answers_hold_nobody_up(clock: Clock) -> None:
    gate = Gate(64, clock=clock)
    draw = random.Random(5)
    paused = 0
    for _ in range(2_000):
        if draw.random() < 0.05:
            paused += gate.refused(1.0)
        else:
            gate.succeeded()
    assert paused <= 3
    assert gate.limit >= 32


def test_many_refusals_pause_everybody_and_step_down_once(clock: Clock) -> None:
    gate = Gate(9, clock=clock)
    for _ in range(9):
        gate.enter()
    assert not gate.refused(60), "one of nine"
    assert refusals(gate, 8, 60)
    for _ in range(9):
        gate.leave()
    assert gate.limit == 7
    assert gate.wait() == 60
    clock.now += 60
    assert gate.wait() == 0


def test_a_single_call_at_a_time_pauses_at_its_first_refusal(clock: Clock) -> None:
    gate = Gate(1, clock=clock)
    assert gate.refused(7)
    assert gate.wait() == 7


def test_answers_bring_the_limit_back_and_no_further(clock: Clock) -> None:
    gate = Gate(12, clock=clock)
    refusals(gate, 40)
    low = gate.limit
    limits = []
    for _ in range(300):
        gate.succeeded()
        limits.append(gate.limit)
    assert low < 6
    assert limits == sorted(limits)
    assert limits[-1] == 12


def test_the_limit_never_reaches_zero(clock: Clock) -> None:
    gate = Gate(1, clock=clock)
    refusals(gate, 50)
    assert gate.limit == 1


def test_a_limit_of_the_endpoint_is_found(clock: Clock) -> None:
    """An endpoint that takes 10 at once and refuses the rest: the gate ends near it, not at 1 and not at 64."""
    gate = Gate(64, clock=clock)
    served = refused = 0
    for _ in range(400):
        while gate.wait() == 0:
            gate.enter()
        running = gate.running
        for n in range(running):
            if n < 10:
                gate.succeeded()
                served += 1
            else:
                gate.refused(0.1)
                refused += 1
            gate.leave()
        clock.now += 0.2
    assert 6 <= gate.limit <= 16
    assert served > 400 * 8
    assert refused < served / 4


def test_what_the_endpoint_announces_is_heeded(clock: Clock) -> None:
    gate = Gate(8, clock=clock)
    gate.heed(Announced(requests=2, requests_reset=30))
    gate.enter()
    gate.enter()
    assert gate.wait() == 30
    clock.now += 31
    assert gate.wait() == 0
    gate.succeeded(100)
    gate.heed(Announced(tokens=50, tokens_reset=5))
    assert gate.wait() == 5


@given(st.lists(st.sampled_from(["enter", "leave", "ok", "no", "tick"]), max_size=300), st.integers(1, 40))
def test_it_stays_within_its_limits_whatever_comes(moves: list[str], most: int) -> None:
    clock = Clock()
    gate = Gate(most, clock=clock)
    for move in moves:
        if move == "enter" and gate.wait() == 0:
            gate.enter()
        elif move == "leave" and gate.running:
            gate.leave()
        elif move == "ok":
            gate.succeeded(1)
        elif move == "no":
            gate.refused(0.5)
        elif move == "tick":
            clock.now += 1
        assert 1 <= gate.limit <= most
        assert 0 <= gate.running <= most
        assert gate.wait() >= 0
        assert gate.wait() <= 0.5 or math.isinf(gate.wait())
