"""Planted pairs: a question and a copy of it changed in a known way, to measure what a rule finds and what it deletes.

Belongs here: the changes. Three families: `FORMATTING` (the same problem, set otherwise: must be found), `WORDING` (the
same problem in slightly other words: found as far as a rule reaches) and `MEANING` (another problem that looks the
same: must be kept apart). Contract: `change` returns a text that differs from the one given, or None where that change
has no place in it; numbers and signs survive every change of the first two families. The same seed gives the same
copies. Pure.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Final

_NUMBER = re.compile(r"(?<![\w.,\\{_^])\d+(?:\.\d+)?(?![\w,]*\d)")
_ALONE = re.compile(r"(?<![\w.,:\\{_^-])\d+(?:\.\d+)?(?![\w:%-]|[,.:]\d)")
"""Numbers that stand alone: not a part of 2:30, 1st, 3x or x_1."""
_NAMES: Final = (
    "Tom", "Ann", "Mary", "John", "Sam", "Lucy", "Peter", "Jane", "Mike", "Sarah", "Alice", "Bob", "Emma",
    "David", "Sally", "Jack", "Kate", "Paul", "Linda", "Mark", "Susan", "Jim", "Anna", "Ben", "Dan", "Joan",
    "Fred", "Melanie", "Tim", "Sandy", "Keith", "Jason", "Alyssa", "Nancy", "Carla", "Elif", "Farid", "Grace",
    "Hugo", "Ines", "Jonas", "Kim", "Lena",
)  # fmt: skip
_SMALL: Final = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
)  # fmt: skip
_SYNONYMS: Final = {
    "how many": "what number of", "are there": "do we have", "in all": "in total", "altogether": "in total", "find":
    "determine", "calculate": "compute", "compute": "calculate", "determine": "find", "what is": "what's", "big":
    "large", "start": "begin", "now": "at present", "a lot of": "plenty of", "wants to": "would like to", "picked":
    "collected", "went to": "visited", "began": "started", "found": "discovered", "made": "produced", "still":
    "yet", "the": "this", "consider": "look at", "suppose": "assume", "show": "demonstrate", "explain": "say",
    "also": "too", "for": "to",
}  # fmt: skip
_TURNS: Final = {
    "more": "less", "less": "more", "left": "right", "all": "some", "each": "no", "is": "is not", "are": "are not",
    "has": "does not have", "can": "cannot", "was": "was not", "were": "were not", "have": "do not have", "did": "did not",
    "does": "does not", "do": "do not", "will": "will not", "with": "without", "largest": "smallest", "greater": "less",
}  # fmt: skip
_OPERATORS: Final = {
    "+": "-",
    "-": "+",
    "*": "+",
    "/": "*",
    "<": ">",
    ">": "<",
    "=": "<",
    "\\le": "\\ge",
    "\\times": "+",
}

Change = Callable[[str, random.Random], str | None]


def _spaces(text: str, draw: random.Random) -> str | None:
    return re.sub(" ", lambda _: draw.choice((" ", "  ", "\t", "\u00a0", " \n")), text) + "\n"


def _case(text: str, draw: random.Random) -> str | None:
    if "\\" in text:  # commands of LaTeX have a case
        return text[:1].swapcase() + text[1:]
    return draw.choice((text.upper(), text.lower(), text.title()))


def _punctuation(text: str, draw: random.Random) -> str | None:
    """Marks between words change or go; those inside numbers, formulas and code stay."""
    text = re.sub(r"(?<=[A-Za-z]),(?= )", lambda _: draw.choice(("", ";", " -- ", ",")), text)
    text = re.sub(r"(?<=[a-z])\.(?=\s|$)", lambda _: draw.choice(("", "!", " .", "...")), text)
    text = re.sub(r"(?<=\w)'(?=\w)", "’", text) if draw.random() < 0.5 else text
    return re.sub(r"(?<=\w)\?(?=\s|$)", lambda _: draw.choice(("", " ?", "??")), text)


def _wrapped(text: str, draw: random.Random) -> str | None:
    width, line, lines = draw.randint(20, 72), "", []
    for word in text.split():
        if line and len(line) + len(word) >= width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return "\n".join([*lines, line])


def _markdown(text: str, draw: random.Random) -> str | None:
    words = text.split(" ")
    plain = [place for place, word in enumerate(words) if word.isalpha()]
    for place in draw.sample(plain, min(3, len(plain))):
        mark = draw.choice(("**", "*", "__", "`"))
        words[place] = f"{mark}{words[place]}{mark}"
    return draw.choice(("# ", "> ", "")) + " ".join(words) if plain else None


def _latex(text: str, draw: random.Random) -> str | None:
    """Formulas between other marks and set in another way; where there are none, numbers become formulas."""
    if "$" in text:
        return re.sub(r"(?<!\\)\$([^$\n]+)(?<!\\)\$", lambda m: _reset(m.group(1), draw), text)
    return _ALONE.sub(lambda m: draw.choice((f"${m.group()}$", rf"\({m.group()}\)", m.group())), text)


def _reset(formula: str, draw: random.Random) -> str:
    if draw.random() < 0.5:
        formula = re.sub(r"\^(\w)(?!\w)", r"^{\1}", formula.replace(r"\frac", r"\dfrac").replace(r"\le ", r"\leq "))
    if draw.random() < 0.5:
        formula = re.sub(r"(?<!\\)([()])", lambda m: rf"\left{m[1]}" if m[1] == "(" else rf"\right{m[1]}", formula)
    spaced = formula.replace(" ", r"\, ") if draw.random() < 0.3 else formula
    return draw.choice((rf"\({spaced}\)", f"$ {spaced} $", rf"\[{spaced}\]"))


def _unicode(text: str, draw: random.Random) -> str | None:
    wide = {ord(digit): chr(ord(digit) + 0xFEE0) for digit in "0123456789"}
    text = text.translate(wide) if draw.random() < 0.5 else text.replace(" ", "\u2009").replace("fi", "ﬁ")
    return "\ufeff" + text.replace("'", "’").replace('"', "“").replace("-", "‐")


def _spelled(text: str, draw: random.Random) -> str | None:
    """Small numbers in words, others with .0 or commas."""
    return _ALONE.sub(lambda m: _otherwise(m.group(), draw), text)


def _otherwise(number: str, draw: random.Random) -> str:
    if not number.isdigit() or number[0] == "0" or draw.random() < 0.3:
        return number
    if int(number) < len(_SMALL) and len(number) < 3:
        return _SMALL[int(number)]
    return f"{int(number):,}" if number[0] != "0" and len(number) > 3 else f"{number}.0"


def _swapped(text: str, draw: random.Random) -> str | None:
    words = text.split(" ")
    places = [
        p for p in range(len(words) - 1) if words[p].isalpha() and words[p + 1].isalpha() and words[p] != words[p + 1]
    ]
    if not places:
        return None
    place = draw.choice(places)
    words[place], words[place + 1] = words[place + 1], words[place]
    return " ".join(words)


def _reworded(text: str, draw: random.Random) -> str | None:
    known = [phrase for phrase in _SYNONYMS if re.search(rf"\b{phrase}\b", text, re.IGNORECASE)]
    if not known:
        return None
    phrase = draw.choice(known)
    return re.sub(rf"\b{phrase}\b", _SYNONYMS[phrase], text, count=1, flags=re.IGNORECASE)


def _renamed(text: str, draw: random.Random) -> str | None:
    there = [name for name in _NAMES if re.search(rf"\b{name}\b", text)]
    if not there:
        return None
    other = draw.choice([name for name in _NAMES if name not in there])
    return re.sub(rf"\b{draw.choice(there)}\b", other, text)


def _typo(text: str, draw: random.Random) -> str | None:
    places = [m.start() for m in re.finditer(r"(?<=[a-z]{2})[a-z](?=[a-z])", text)]
    if not places:
        return None
    place = draw.choice(places)
    return text[:place] + text[place + 1 :]


def _embedded(text: str, draw: random.Random) -> str | None:
    before = draw.choice(("Solve this problem. ", "Please answer: ", "Here is a question for you. ", "Q: "))
    return before + text + draw.choice(("", " Think step by step.", " Give a short answer."))


def _other_numbers(text: str, draw: random.Random) -> str | None:
    """One or all of the numbers become others with as many digits."""
    found = [m.start() for m in _NUMBER.finditer(text)]
    if not found:
        return None
    chosen = set(found) if draw.random() < 0.5 else {draw.choice(found)}
    return _NUMBER.sub(lambda m: _other(m.group(), draw) if m.start() in chosen else m.group(), text)


def _other(number: str, draw: random.Random) -> str:
    places = [place for place, digit in enumerate(number) if digit.isdigit()]
    place = places[0] if draw.random() < 0.5 else draw.choice(places)
    digit = draw.choice([d for d in "123456789" if d != number[place]])
    return number[:place] + digit + number[place + 1 :]


def _other_number_words(text: str, draw: random.Random) -> str | None:
    """A number that is a word becomes another one."""
    found = [(m.start(), m.end()) for word in _SMALL[2:] for m in re.finditer(rf"\b{word}\b", text, re.IGNORECASE)]
    if not found:
        return None
    start, end = draw.choice(found)
    return text[:start] + draw.choice([word for word in _SMALL[2:] if word != text[start:end].lower()]) + text[end:]


def _swapped_numbers(text: str, draw: random.Random) -> str | None:
    found = list(_NUMBER.finditer(text))
    pairs = [both for both in pairwise(found) if both[0].group() != both[1].group()]
    if not pairs:
        return None
    a, b = draw.choice(pairs)
    return text[: a.start()] + b.group() + text[a.end() : b.start()] + a.group() + text[b.end() :]


def _other_operator(text: str, draw: random.Random) -> str | None:
    found = list(re.finditer(r"(?<=[\w)\]}] )(?:[-+*/<>=]|\\le|\\times)(?= [\w(\[\\{])", text))
    if not found:
        return None
    one = draw.choice(found)
    return text[: one.start()] + _OPERATORS[one.group()] + text[one.end() :]


def _negated(text: str, draw: random.Random) -> str | None:
    known = [word for word in _TURNS if re.search(rf"\b{word}\b", text)]
    if not known:
        return None
    word = draw.choice(known)
    return re.sub(rf"\b{word}\b", _TURNS[word], text, count=1)


FORMATTING: Final[Mapping[str, Change]] = {
    "white space": _spaces,
    "case": _case,
    "punctuation": _punctuation,
    "re-wrapped": _wrapped,
    "markdown": _markdown,
    "latex": _latex,
    "unicode": _unicode,
    "numbers spelled": _spelled,
}
"""The same problem, set otherwise."""

WORDING: Final[Mapping[str, Change]] = {
    "words swapped": _swapped,
    "reworded": _reworded,
    "renamed": _renamed,
    "typo": _typo,
    "embedded": _embedded,
}
"""The same problem, in slightly other words."""

MEANING: Final[Mapping[str, Change]] = {
    "numbers changed": _other_numbers,
    "number words changed": _other_number_words,
    "numbers swapped": _swapped_numbers,
    "operator changed": _other_operator,
    "negated": _negated,
}
"""Another problem that looks the same."""

KINDS: Final[Mapping[str, Change]] = {**FORMATTING, **WORDING, **MEANING}


def change(text: str, kind: str, draw: random.Random) -> str | None:
    """The text changed in this way (a key of `KINDS`); None where that cannot be done to it."""
    other = KINDS[kind](text, draw)
    return None if other == text else other
