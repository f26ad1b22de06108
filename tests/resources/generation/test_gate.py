"""How long the gate holds calls back, read from the gate itself: nothing here waits for a clock."""

from __future__ import annotations

import asyncio

from resources.generation.gate import Gate


def test_a_rate_of_requests_spaces_calls() -> None:
    async def run() -> float:
        gate = Gate(8, requests=60)
        await gate.enter()
        return gate._wait()

    assert 0 < asyncio.run(run()) <= 1


def test_a_rate_of_tokens_waits_until_the_debt_is_paid() -> None:
    async def run() -> tuple[float, float]:
        gate = Gate(8, tokens=60)
        before = gate._wait()
        gate.speed_up(100)
        return before, gate._wait()

    before, after = asyncio.run(run())
    assert before == 0
    assert 30 < after <= 41


def test_a_429_pauses_everybody_and_steps_down_once() -> None:
    async def run() -> Gate:
        gate = Gate(9)
        gate.slow_down(60)
        # The 429s of calls that were under way together.
        gate.slow_down(60)
        gate.slow_down(30)
        return gate

    gate = asyncio.run(run())
    assert gate.limit == 6
    assert 30 < gate._wait() <= 60


def test_successes_bring_the_limit_back_and_no_further() -> None:
    async def run() -> list[int]:
        gate = Gate(3)
        gate.slow_down(0)
        limits = [gate.limit]
        for _ in range(20):
            gate.speed_up(0)
            limits.append(gate.limit)
        return limits

    limits = asyncio.run(run())
    assert limits[0] == 2
    assert limits[-1] == 3 == max(limits)


def test_the_limit_never_reaches_zero() -> None:
    async def run() -> int:
        gate = Gate(1)
        for _ in range(5):
            gate.slow_down(0)
        return gate.limit

    assert asyncio.run(run()) == 1


def test_no_more_than_the_limit_are_inside() -> None:
    async def run() -> int:
        gate, inside, most = Gate(3), 0, 0

        async def call() -> None:
            nonlocal inside, most
            await gate.enter()
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1
            gate.leave()

        await asyncio.gather(*(call() for _ in range(30)))
        return most

    assert asyncio.run(run()) == 3
