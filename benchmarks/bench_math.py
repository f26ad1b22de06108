"""Math verification beside plain math-verify in one process, over 2,000 distinct pairs: throughput, hostile pairs, agreement.

    python benchmarks/bench_math.py [--pairs 2000] [--hostile 60] [--workers N] [--seconds 2]

The pairs are those of `tests/verification/corpus.py`. Plain math-verify (`verify(parse(gold), parse(reply))`) runs in one
child process with its own alarms on, which is killed and started again when a pair hangs it for `--kill` seconds; its
throughput is taken over the pairs that are not hostile, imports aside, as is ours. Agreement is over every pair on which
plain math-verify gives a verdict, but for the kinds that the corpus lists as misread by it (counted apart).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.figures import figure, note
from ot_assets.verification import Limits, Verdict, VerdictCache, VerifierPool, VerifyTask
from tests.verification.corpus import OURS, Pair, pairs
from tests.verification.plain import Plain


def ours(pool: VerifierPool, some: list[Pair]) -> tuple[list[Verdict], float]:
    """Verdicts and seconds."""
    started = time.perf_counter()
    verdicts = list(pool.verify_many(VerifyTask("math", None, pair.gold, pair.reply) for pair in some))
    return verdicts, time.perf_counter() - started


def warm(pool: VerifierPool) -> None:
    """Every worker imports what it needs."""
    tasks = (VerifyTask("math", None, f"w+{n}", rf"\boxed{{{n}+w}}") for n in range(16 * pool.workers))
    assert all(verdict.correct for verdict in pool.verify_many(tasks))


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=2_000)
    parser.add_argument("--hostile", type=int, default=60)
    parser.add_argument("--workers", type=int, default=None)
    parser.add_argument("--seconds", type=float, default=2.0, help="our limit for one verdict")
    parser.add_argument("--kill", type=float, default=15.0, help="seconds after which plain math-verify is killed")
    options = parser.parse_args()
    every = pairs(options.pairs, options.hostile)
    tame, wild = [p for p in every if not p.hostile], [p for p in every if p.hostile]

    with Plain(options.kill) as plain:
        theirs = [plain.judge(pair.gold, pair.reply) for pair in tame]
        tame_seconds = sum(said.seconds for said in theirs)
        note(f"plain: {len(tame):,} tame pairs in {tame_seconds:.1f} s")
        their_wild = [plain.judge(pair.gold, pair.reply) for pair in wild]
        note(
            f"plain: {len(wild):,} hostile pairs in {sum(s.seconds for s in their_wild):.1f} s, killed {plain.killed} times"
        )

    with TemporaryDirectory() as folder, VerdictCache(Path(folder) / "verdicts.sqlite") as cache:
        with VerifierPool(options.workers, Limits(seconds=options.seconds), cache=cache) as pool:
            warm(pool)
            mine, seconds = ours(pool, tame)
            note(f"ours: {len(tame):,} tame pairs in {seconds:.1f} s by {pool.workers} workers")
            my_wild, wild_seconds = ours(pool, wild)
            note(
                f"ours: {len(wild):,} hostile pairs in {wild_seconds:.1f} s: {dict(Counter(v.verdict for v in my_wild))}"
            )
        cache.flush()
        with VerifierPool(options.workers, Limits(seconds=options.seconds), cache=cache) as pool:
            again, cached_seconds = ours(pool, tame)
        same_again = again == mine

    differ = Counter(
        (pair.kind in OURS, pair.kind)
        for pair, said, verdict in zip([*tame, *wild], [*theirs, *their_wild], [*mine, *my_wild], strict=True)
        if said.verdict is not None and verdict.verdict != ("correct" if said.verdict else "wrong")
    )
    for (known, kind), count in sorted(differ.items()):
        note(f"{count} verdicts of kind {kind!r} differ" + (f": {OURS[kind]}" if known else ": NOT KNOWN"))
    rate, their_rate = len(tame) / seconds, len(tame) / tame_seconds
    figure("math.throughput", rate, "pairs/s", alternative="math-verify in one process", other=their_rate)
    figure(
        "math.hostile",
        wild_seconds,
        "s",
        alternative="math-verify, killed when it hangs",
        other=sum(s.seconds for s in their_wild),
    )
    unknown = sum(count for (known, _), count in differ.items() if not known)
    figure(
        "math.verdicts_that_differ", unknown, "verdicts", alternative="math-verify where it gives one",
        other=sum(said.verdict is not None for said in [*theirs, *their_wild]), bar="0", holds=unknown == 0,
    )  # fmt: skip
    done = len(mine) + len(my_wild)
    figure("math.finished", done, "pairs", alternative="asked", other=len(every), bar="all", holds=done == len(every))
    figure(
        "math.judged_again", len(tame) / cached_seconds, "pairs/s", alternative="judged the first time", other=rate,
        bar="same verdicts", holds=same_again,
    )  # fmt: skip
    raise SystemExit(0 if unknown == 0 and same_again else 1)


if __name__ == "__main__":
    main()
