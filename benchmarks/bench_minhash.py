"""Our MinHash-LSH beside datasketch and rensa: documents a second, and recall on the same planted pairs.

    python benchmarks/bench_minhash.py [--texts 10000] [--only speed|recall]

Speed: `--texts` synthetic questions, each library from texts to the pairs that it calls the same (128 permutations,
threshold 80 percent). Recall: a copy of each of 1,000 questions, changed in one of the ways of `planted.FORMATTING` or
`WORDING`, is to be found beside it; and of copies with changed numbers the share that is wrongly called the same. Ours
compares five-character shingles and counts the true Jaccard similarity of what it finds; the others compare sets of words, as
their own examples do.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable, Sequence

from bench_dedup_quality import by_datasketch, by_minhash, by_rensa
from figures import figure, note
from questions_made import questions

from ot_assets.curation.dedup import minhash, planted

NAMES = ("ours", "datasketch", "rensa")


def ours(texts: Sequence[str]) -> int:
    return len(minhash.similar_pairs([minhash.folded(text) for text in texts], 80).left)


def datasketch(texts: Sequence[str]) -> int:
    from datasketch import MinHash, MinHashLSH

    index, found = MinHashLSH(threshold=0.8, num_perm=128), 0
    for place, one in enumerate(MinHash.bulk([[w.encode() for w in t.lower().split()] for t in texts], num_perm=128)):
        found += len(index.query(one))
        index.insert(place, one)
    return found


def rensa(texts: Sequence[str]) -> int:
    from rensa import RMinHash, RMinHashLSH

    index, found = RMinHashLSH(threshold=0.8, num_perm=128, num_bands=16), 0
    made = RMinHash.from_token_sets([text.lower().split() for text in texts], 128, 42)
    for place, one in enumerate(made):
        found += sum(one.jaccard(made[other]) >= 0.8 for other in index.query(one))
        index.insert(place, one)
    return found


def speed(count: int) -> None:
    texts = list(questions(count))
    ours(texts[:10])  # compiled code is loaded
    rates: dict[str, float] = {}
    for name, run in (("ours", ours), ("datasketch", datasketch), ("rensa", rensa)):
        try:
            started = time.perf_counter()
            found = run(texts)
        except ImportError:
            note(f"{name} is not installed: left out")
            continue
        rates[name] = count / (time.perf_counter() - started)
        note(f"{name}: {rates[name]:,.0f} documents a second, {found:,} pairs")
    for name in rates:
        if name != "ours":
            figure("minhash: speed", rates["ours"], "documents/s", alternative=name, other=rates[name])


def recall(count: int) -> None:
    draw = random.Random(5)
    kinds = {"copies found": (*planted.FORMATTING, *planted.WORDING), "changed numbers deleted": ("numbers changed",)}
    texts = list(questions(count, copies=0))
    ways: dict[str, Callable[[Sequence[str], Sequence[str]], list[bool]]] = {
        "ours": by_minhash,
        "datasketch": by_datasketch,
        "rensa": by_rensa,
    }
    for title, some in kinds.items():
        made = [(text, planted.change(text, draw.choice(some), draw)) for text in texts]
        pairs = [(text, other) for text, other in made if other is not None]
        shares: dict[str, float] = {}
        for name, decide in ways.items():
            try:
                shares[name] = sum(decide([a for a, _ in pairs], [b for _, b in pairs])) / len(pairs)
            except ImportError:
                note(f"{name} is not installed: left out")
        for name, share in shares.items():
            note(f"{title}: {name} {share:.3f} of {len(pairs):,}")
            if name != "ours":
                figure(f"minhash: {title}", shares["ours"], "share", alternative=name, other=share)


def main() -> None:
    """Measures and prints figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=10_000)
    parser.add_argument("--only", choices=("speed", "recall"))
    options = parser.parse_args()
    if options.only in (None, "speed"):
        speed(options.texts)
    if options.only in (None, "recall"):
        recall(min(options.texts, 1_000))


if __name__ == "__main__":
    main()
