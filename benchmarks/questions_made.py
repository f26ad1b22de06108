"""Synthetic questions that look like real ones, for benchmarks and tests: as many as wanted, the same for a seed.

What belongs here: `questions` (a source of a given size, with near copies among them), `planted` (pairs of a question and its
changed copy, with the kind of change) and `word_problems` (texts from a few templates that differ in names and numbers).
Questions are English-like: an opening, sentences whose words follow a Zipf law over 30,000 words, numbers, LaTeX, and a
closing question, 100 to 600 characters. Nothing here is real data. A million take under half a minute; a shorter list is the
beginning of a longer one with the same seed. Pure; raises ValueError for an unknown kind.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

KINDS: Final = (
    "whitespace",
    "case",
    "punctuation",
    "wrapped",
    "typos",
    "words",
    "swapped",
    "numbers",
    "longer",
    "shorter",
)
_BATCH = 5_000
_TABLE = 1 << 18
_COMMON_WORDS: Final = (
    "the of a to and in is that for it with as on be by this are from at or an have each which one two all not has if "
    "we his they can when what there how many will more other than her then its into only some time number first "
    "these may most over after between no same such where does any new used three would about find value given let "
    "positive integer real function set equation sum point points line triangle circle length area angle side sides "
    "square root roots solution polynomial sequence term terms series graph matrix vector probability ways group "
    "order prime divided product ratio distance speed hours minutes day days cost price total people water energy "
    "mass force charge field reaction solution acid bond molecule atom cell gene protein temperature pressure volume "
    "rate constant string array list input output index character program test case cases print return size node tree "
    "path edge weight maximum minimum smallest largest"
)
_COMMON: Final = tuple(_COMMON_WORDS.split())
_HEADS = (
    "Find", "Determine", "Compute", "Let us consider", "Suppose that we know", "Prove or disprove a claim about", "What is",
    "Write a program that reads", "Given", "How many are there of", "Explain why", "Calculate", "In the figure, we see",
    "For which values do we get", "A student has", "Consider", "You are given", "Evaluate", "Show", "Describe",
)  # fmt: skip
_MIDDLES = (
    "the number of", "the value of", "all real numbers for", "a function with", "the smallest positive integer in",
    "an array of", "the sum of", "a triangle with", "the rate of", "a sequence with", "the probability of", "the set of",
)  # fmt: skip
_TAILS = (
    "What is the value of $n$?", "Give your answer as a fraction in lowest terms.", "How many are there?", "Explain why.",
    "Print the answer on one line.", "What is the result?", "Round to the nearest integer.", "Find $x$.", "Is this true?",
    "Express your answer in terms of $a$ and $b$.", "Why is that so?", "What happens next?",
)  # fmt: skip
_NAMES = (
    "Anna",
    "Ben",
    "Carla",
    "David",
    "Elif",
    "Farid",
    "Grace",
    "Hugo",
    "Ines",
    "Jonas",
    "Kim",
    "Lena",
    "Milo",
    "Nora",
)
_THINGS = ("apples", "books", "cards", "eggs", "marbles", "pencils", "stamps", "tickets", "cookies", "coins")


def questions(count: int, seed: int = 0, copies: float = 0.1) -> Iterator[str]:
    """`count` questions. A share `copies` of them are near copies of an earlier question, changed in one of `KINDS`."""
    for batch in range(-(-count // _BATCH)):
        draw = random.Random(f"{seed}/{batch}")
        made = _fresh(_BATCH, np.random.default_rng([seed, batch]))
        for place in range(1, _BATCH):
            if draw.random() < copies:
                made[place] = changed(made[draw.randrange(place)], draw.choice(KINDS), draw)
        yield from made[: count - batch * _BATCH]


def planted(count: int, seed: int = 0) -> Iterator[tuple[str, str, str]]:
    """`count` times (a question, its changed copy, the kind of change); the kinds take turns."""
    draw = random.Random(f"{seed}/planted")
    for place, text in enumerate(questions(count, seed, copies=0)):
        kind = KINDS[place % len(KINDS)]
        yield text, changed(text, kind, draw), kind


def word_problems(count: int, seed: int = 0, templates: int = 20) -> Iterator[str]:
    """`count` questions made from `templates` templates: within one, only names, things and numbers differ."""
    draw = random.Random(f"{seed}/problems")
    bodies = [text[:250].rsplit(" ", 1)[0] for text in questions(templates, seed + 1, copies=0)]
    for _ in range(count):
        yield (
            f"{draw.choice(_NAMES)} has {draw.randint(2, 99)} {draw.choice(_THINGS)} and gets {draw.randint(2, 99)} more. "
            f"{draw.choice(bodies)}. How many {draw.choice(_THINGS)} are left after {draw.randint(2, 999)} days?"
        )


def changed(text: str, kind: str, draw: random.Random) -> str:
    """The text with one kind of change: whitespace, case, punctuation, line breaks, a few typing errors, a few other words,
    two words swapped, every number another, or a clause put at the end or taken from it.
    """
    words = text.split(" ")
    some = range(draw.randint(1, 3))
    if kind == "whitespace":
        for _ in some:
            words[draw.randrange(len(words))] += " "
        return " ".join(words)
    if kind == "case":
        return (
            text.upper()
            if draw.random() < 0.1
            else " ".join(w.capitalize() if draw.random() < 0.1 else w for w in words)
        )
    if kind == "punctuation":
        return text.replace(", ", " ").replace(".", "!") if draw.random() < 0.5 else text.rstrip(".?") + " ..."
    if kind == "wrapped":
        return "\n".join(" ".join(words[start : start + 12]) for start in range(0, len(words), 12))
    if kind == "typos":
        return _typos(text, draw.randint(1, 8), draw)
    if kind == "words":
        for _ in some:
            words[draw.randrange(len(words))] = draw.choice(_COMMON)
        return " ".join(words)
    if kind == "swapped":
        place = draw.randrange(len(words) - 1)
        words[place], words[place + 1] = words[place + 1], words[place]
        return " ".join(words)
    if kind == "numbers":
        return "".join(draw.choice("123456789") if letter.isdigit() else letter for letter in text)
    if kind == "longer":
        return f"{text} {draw.choice(_TAILS)}"
    if kind == "shorter":
        return " ".join(words[: -draw.randint(1, 4)])
    raise ValueError(f"no such kind of change: {kind}; there are {', '.join(KINDS)}")


def _typos(text: str, count: int, draw: random.Random) -> str:
    letters = list(text)
    for _ in range(count):
        place = draw.randrange(len(letters))
        letters[place] = draw.choice(("", letters[place] * 2, draw.choice("abcdefghijklmnopqrstuvwxyz")))
    return "".join(letters)


def _fresh(count: int, rng: np.random.Generator) -> list[str]:
    """Questions without copies: one stream of pieces, cut where each question has its length."""
    pieces, lengths, table = _pieces()
    body = rng.integers(70, 500, count)
    ids = table[rng.integers(0, _TABLE, int(body.sum()) // 3)]
    ends = np.searchsorted(np.cumsum(lengths[ids] + 1), np.cumsum(body))
    heads, middles, tails = (rng.zipf(1.3, count) % len(some) for some in (_HEADS, _MIDDLES, _TAILS))
    made, start = [], 0
    for place, end in enumerate(ends.tolist()):
        text = " ".join([pieces[i] for i in ids[start:end].tolist()])
        made.append(f"{_HEADS[heads[place]]} {_MIDDLES[middles[place]]} {text.lstrip('., ')}. {_TAILS[tails[place]]}")
        start = end
    return made


@lru_cache(maxsize=1)
def _pieces() -> tuple[list[str], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Words and other pieces, their lengths, and a table of places in which each stands as often as it is to be drawn."""
    draw = random.Random("pieces")
    words = list(dict.fromkeys([*_COMMON, *(_word(draw) for _ in range(30_000))]))
    share = 1 / (np.arange(len(words)) + 2.7)
    stops = [f"{draw.choice(words[:2000])}. {draw.choice(words[:2000]).capitalize()}" for _ in range(3_000)]
    commas = [f"{draw.choice(words[:5000])}," for _ in range(3_000)]
    numbers = [
        str(draw.choice((draw.randint(1, 20), draw.randint(1, 2_000), draw.random().__round__(2))))
        for _ in range(2_000)
    ]
    formulas = [_formula(draw) for _ in range(20_000)]
    pieces, shares = list(words), [share / share.sum() * 0.76]
    for some, part in ((stops, 0.08), (commas, 0.06), (numbers, 0.05), (formulas, 0.05)):
        pieces += some
        shares.append(np.full(len(some), part / len(some)))
    reach = np.cumsum(np.concatenate(shares))
    table = np.searchsorted(reach / reach[-1], (np.arange(_TABLE) + 0.5) / _TABLE)
    return pieces, np.array([len(piece) for piece in pieces]), table


def _word(draw: random.Random) -> str:
    syllables = (
        draw.choice("bcdfghklmnprstvwz") + draw.choice(("a", "e", "i", "o", "u", "ea", "io"))
        for _ in range(draw.randint(1, 4))
    )
    return "".join(syllables) + draw.choice(("", "n", "r", "s", "t", "ing", "ed", "tion", "al", "ly"))


def _formula(draw: random.Random) -> str:
    x, y = draw.sample("abcdfgkmnpqrstuvwxyz", 2)
    a, b = draw.randint(2, 60), draw.randint(2, 9)
    return draw.choice(
        (
            *(
                f"${x} = {a}$",
                f"${x}^{b} + {a}{x} - {b}$",
                f"$\\frac{{{x}}}{{{a}}}$",
                f"${x}_{{{b}}} \\le {a}$",
                f"${x}$",
            ),
            *(f"$\\sqrt{{{a}{y}}}$", f"$f({x}) = {a}{x} + {b}$", f"$\\sum_{{{x}=1}}^{{{a}}} {x}^{b}$", f"$({a}, {b})$"),
            f"$\\angle {x.upper()}{y.upper()}B$",
        )
    )
