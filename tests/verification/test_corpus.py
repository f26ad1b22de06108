"""The corpus of answer pairs, and our verdicts beside math-verify's own. All 2,000 are `benchmarks/bench_math.py`'s."""

from __future__ import annotations

from collections import Counter

import pytest

from ot_assets.verification import Limits, VerifierPool, VerifyTask
from tests.verification.corpus import HOSTILE, MAKERS, OURS, SIZE, Pair, pairs
from tests.verification.plain import Plain


def differing(some: list[Pair], limits: Limits) -> list[tuple[Pair, bool, str]]:
    """Pairs on which math-verify gives a verdict, and ours is another one. What hangs it gives none, and is ours alone."""
    with VerifierPool(limits=limits) as pool:
        mine = list(pool.verify_many(VerifyTask("math", None, pair.gold, pair.reply) for pair in some))
    assert len(mine) == len(some)
    found = []
    with Plain(kill_after=20) as plain:
        for pair, verdict in zip(some, mine, strict=True):
            said = None if pair.hostile else plain.judge(pair.gold, pair.reply).verdict
            if said is not None and verdict.verdict != ("correct" if said else "wrong"):
                found.append((pair, said, str(verdict)))
    return found


def test_the_corpus_is_what_it_says() -> None:
    made = pairs()
    assert made == pairs()
    assert len({(pair.gold, pair.reply) for pair in made}) == len(made) == SIZE
    assert sum(pair.hostile for pair in made) == HOSTILE
    kinds = Counter(pair.kind for pair in made if not pair.hostile)
    assert set(kinds) == set(MAKERS)
    assert min(kinds.values()) >= 40
    assert set(OURS) <= set(MAKERS)


def test_one_pair_of_each_kind_is_judged_as_math_verify_does() -> None:
    some = {pair.kind: pair for pair in pairs() if not pair.hostile and pair.kind not in OURS}
    assert differing(list(some.values()), Limits(seconds=20)) == []


def test_where_ours_is_another_verdict_it_is_the_right_one() -> None:
    with VerifierPool(1) as pool:
        judged = [
            pool.verify(VerifyTask("math", None, gold, rf"First \boxed{{7}}, then \boxed{{{answer}}}.")).verdict
            for gold, answer in (
                ("1 1/2", r"\frac{3}{2}"), ("1 1/2", "1"), ("1 000", "1000"), ("1 000", "1"), ("5 dollars", "5"),
                ("3e4", "30000"), ("3e4", "3"), ("0.00000638", "0.00000639"), ("0.00000638", "0.000006380"),
            )
        ]  # fmt: skip
    assert judged == ["correct", "wrong", "correct", "wrong", "correct", "correct", "wrong", "wrong", "correct"]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_second_pair_is_judged_as_math_verify_does() -> None:
    odd = [pair for pair in differing(pairs()[::2], Limits(seconds=3)) if pair[0].kind not in OURS]
    assert odd == []
