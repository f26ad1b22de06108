r"""Judges a mathematical answer against the gold answer: numbers exactly, everything else with math-verify.

What is read as the answer: the last \boxed{} (or <answer> tag), else a number that "the answer is" announces, else
what math-verify itself extracts from the end of the reply. A reply that was cut at its token limit counts only with
an answer that it announces, since the last number of half a calculation is no answer.

Gold answers are checked against themselves first; one that does not verify is `unverifiable`, and so is a gold that
holds several answers. A gold of words (`east`, `They are equal`, `3:30 p.m.`) is compared as text with what the reply
marks or announces.

math-verify can hang or eat memory on an answer such as `9**9**9**9` (Math-Verify issue #65): outside of a
`VerifierPool` nothing but its own alarm guards against that, and only in a main thread.
"""

from __future__ import annotations

import logging
import operator
import re
import threading
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any, Literal

from ot_assets.verification.extraction import TAIL, last_line, marked, plain, stated
from ot_assets.verification.numbers import as_number, tex
from ot_assets.verification.verdict import Verdict, VerifyTask, correct, failed, no_answer, short, unverifiable, wrong

DECIMALS = 6
"""Decimals to which a number that is written with a decimal point is compared, as math-verify does: `0.333333` is 1/3."""

SMALL = Fraction(1, 1000)
"""Below it six decimals are too few: then the two may differ by a thousandth of the gold answer, too."""

_NAMES = (
    "sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh log exp max min gcd lcm mod det inf sup lim sqrt frac"
)
_FUNCTIONS = frozenset(_NAMES.split())
_WORD = re.compile(r"(?<![\\\w])[^\W\d_]{3,}")
_CLOCK = re.compile(r"\d+\s*:\s*\d+(?:\s*:\s*\d+)?(?:\s*[ap]\.?\s*m\.?)?", re.IGNORECASE)
_ARTICLE = re.compile(r"^(?:the|a|an)\s+")


@dataclass(frozen=True)
class Expected:
    """A gold answer as it is compared."""

    kind: Literal["number", "words", "expression", "nothing"]
    number: Fraction | None = None
    words: str = ""
    parsed: tuple[Any, ...] = ()
    why_not: str = ""
    by_chance: bool = False
    """Whether it is `nothing` for want of time or memory only, so that another try may say otherwise."""


@dataclass(frozen=True)
class Found:
    """The answer of a reply: its text, and its parsed forms where math-verify found it."""

    text: str
    parsed: tuple[Any, ...] = ()


def judge(task: VerifyTask, seconds: int | None = None) -> Verdict:
    """The verdict on one answer. `seconds` arms math-verify's own alarm, where that works: in a main thread."""
    limit = _alarm(seconds)
    gold = (task.gold or "").strip()
    try:
        expected = prepare(task.gold, seconds)
        if expected.kind == "nothing":
            return unverifiable("math", expected.why_not)
        if expected.kind == "words":
            return _judge_words(task, expected, limit)
        found = _find(task, limit)
        return no_answer(task) if found is None else _compare(gold, expected, found, limit)
    except MemoryError:
        return failed("math", "math-verify ran out of memory")
    except RecursionError:
        return failed("math", "math-verify exceeded the recursion limit")
    except BaseException as error:  # math-verify's TimeoutException is no Exception
        if type(error).__name__ != "TimeoutException":
            raise
        return failed("math", f"math-verify did not come to an end within {limit} s")


def prepare(gold: str | None, seconds: int | None = None) -> Expected:
    """Reads a gold answer and checks it against itself, once for all answers to its question. Never raises what a gold
    answer can cause: one that cannot be checked is `nothing`, with the reason.
    """
    text, limit = (gold or "").strip(), _alarm(seconds)
    try:
        return _expected(text, limit)
    except MemoryError:
        why = "ran out of memory"
    except RecursionError:
        why = "exceeded the recursion limit"
    except BaseException as error:  # math-verify's TimeoutException is no Exception
        if not isinstance(error, Exception) and type(error).__name__ != "TimeoutException":
            raise
        why = f"came to no end within {limit} s" if not isinstance(error, Exception) else f"failed: {error}"
    return Expected("nothing", why_not=f"checking the gold answer {short(text)!r} against itself {why}", by_chance=True)


def read(task: VerifyTask, seconds: int | None = None) -> tuple[str, str] | None:
    """The answer that a reply states and a form of it that equal answers mostly share; None where it states none."""
    found = _find(task, _alarm(seconds))
    if found is None:
        return None
    number = as_number(found.text)
    if number is not None:
        return found.text, str(number)
    clean = plain(found.text)
    if _CLOCK.fullmatch(clean) or _wordy(clean):
        return found.text, _words(found.text)
    parsed = found.parsed or _parse(f"\\boxed{{{found.text}}}", _alarm(seconds))
    objects = [p for p in parsed if not isinstance(p, str)]
    return found.text, str(objects[0]) if objects else _letters(found.text)


@lru_cache(maxsize=1)
def warm_up() -> None:
    """Imports math-verify and lets it read and compare something: its grammar is only loaded by the first use, in seconds
    that are no answer's.
    """
    read = _parse("\\boxed{\\frac{x}{2}+1}", None)
    _equal(read, _parse("$1+0.5x$", None), None)


def quick(task: VerifyTask) -> Verdict | None:
    """The verdict where gold and marked answer are both plain numbers, which takes no computer algebra; else None.

    It is the one that `judge` gives, so it may be asked without a worker process.
    """
    gold, text = (task.gold or "").strip(), marked(task.answer or "")
    wanted = as_number(marked(gold) or gold)
    number = as_number(text) if text is not None and wanted is not None else None
    return None if wanted is None or text is None or number is None else _numbers(gold, wanted, text, number)


def gold_as_answer(gold: str) -> str:
    """A reply that states exactly the gold answer: what a gold answer is checked with."""
    return gold if marked(gold) else f"\\boxed{{{gold}}}"


def _alarm(seconds: int | None) -> int | None:
    """The seconds for math-verify's alarm, which works in a main thread only."""
    return seconds if threading.current_thread() is threading.main_thread() else None


@lru_cache(maxsize=4096)
def _expected(gold: str, seconds: int | None) -> Expected:
    """Reads a gold answer, once for all answers to the same question."""
    text = marked(gold) or gold
    number = as_number(text)
    if number is not None:
        return Expected("number", number=number)
    clean = plain(text)
    if not clean:
        return Expected("nothing", why_not="there is no gold answer")
    if ";" in clean and _wordy(clean):
        return Expected("nothing", why_not=f"the gold answer {short(gold)!r} holds several answers")
    if _CLOCK.fullmatch(clean) or _wordy(clean):
        return Expected("words", words=_words(clean))
    parsed = tuple(p for p in _parse(f"\\boxed{{{text}}}", seconds) if not isinstance(p, str))
    if not parsed:
        return Expected("nothing", why_not=f"math-verify cannot read the gold answer {short(gold)!r}")
    equal, _ = _equal(parsed, parsed, seconds)
    if not equal:
        return Expected("nothing", why_not=f"the gold answer {short(gold)!r} does not verify against itself")
    return Expected("expression", parsed=parsed)


def _find(task: VerifyTask, seconds: int | None) -> Found | None:
    """The answer that a reply states."""
    reply = task.answer or ""
    text = marked(reply)
    if text is not None:
        return Found(text)
    announced = next(stated(reply), None)
    if announced is not None and as_number(announced.text) is not None:
        return Found(plain(announced.text))
    parsed = _parse(reply[-TAIL:], seconds, anchored=task.cut)
    shown = next((p for p in reversed(parsed) if isinstance(p, str)), None)
    return Found(shown if shown is not None else str(parsed[0]), parsed) if parsed else None


def _compare(gold: str, expected: Expected, found: Found, seconds: int | None) -> Verdict:
    number = as_number(found.text)
    if expected.number is not None and number is not None:
        return _numbers(gold, expected.number, found.text, number)
    if expected.kind == "expression" and _letters(found.text) == _letters(marked(gold) or gold):
        return _say(gold, found.text, True)
    target = found.parsed or _parse(f"\\boxed{{{found.text}}}", seconds)
    against = expected.parsed or _parse(f"\\boxed{{{_as_tex(gold, expected.number or Fraction(0))}}}", seconds)
    equal, error = _equal(against, target, seconds)
    if not equal and error:
        return failed("math", f"math-verify failed on {short(found.text)!r}: {error}", found.text)
    return _say(gold, found.text, equal)


def _judge_words(task: VerifyTask, expected: Expected, seconds: int | None) -> Verdict:
    """Compares a gold answer of words, a time or a ratio with what the reply marks or announces, as text."""
    gold, reply = (task.gold or "").strip(), task.answer or ""
    text = marked(reply)
    if text is None:
        announced = next(stated(reply), None)
        text = announced.text if announced else None
        if text is not None and _words(text).startswith(expected.words):
            rest = _words(text)[len(expected.words) :]
            text = gold if not rest or not rest[0].isalnum() else text
    if text is None and not task.cut and _words(last_line(reply) or "") == expected.words:
        text = last_line(reply)
    if text is not None:
        same = _words(text) == expected.words or _same_ratio(gold, text) or _same_letters(gold, text)
        return _say(gold, plain(text), same)
    if not reply.strip() or task.cut:
        return no_answer(task)
    return unverifiable("math", f"the gold answer {short(gold)!r} is words, and the reply marks no answer")


def _say(gold: str, text: str, equal: bool) -> Verdict:
    if equal:
        return correct("math", text, f"equals the gold answer {short(gold)!r}")
    return wrong("math", text, f"{short(text)!r} is not the gold answer {short(gold)!r}")


def _numbers(gold: str, wanted: Fraction, text: str, number: Fraction) -> Verdict:
    """The verdict on a number. Asked for a percentage, people answer 50 and 50% alike, and math-verify takes both, too."""
    as_percent = ("%" in text) != ("%" in gold)
    scaled = number * 100 if "%" in text else number / 100
    close = _close if "." in text or "." in gold else operator.eq
    return _say(gold, text, close(wanted, number) or (as_percent and close(wanted, scaled)))


def _close(gold: Fraction, answer: Fraction) -> bool:
    """Whether two numbers, one of them written with a decimal point, are the same in `DECIMALS` decimals. math-verify goes
    by these alone, and takes 6.6e-34 for 1e-34.
    """
    if round(gold, DECIMALS) != round(answer, DECIMALS):
        return False
    return abs(gold) >= SMALL or abs(gold - answer) <= abs(gold) / 1000


def _as_tex(gold: str, number: Fraction) -> str:
    """A gold number as math-verify reads it; with a decimal point where it was written so, since that says how exact it is."""
    decimal = Decimal(number.numerator) / Decimal(number.denominator)
    return f"{decimal:f}" if "." in gold and Fraction(decimal) == number else tex(number)


def _same_ratio(gold: str, text: str) -> bool:
    """Whether `6:4` and `3:2` state one ratio. Only exact `a:b` texts are read so."""
    pairs = [re.fullmatch(r"(\d{1,9})\s*:\s*(\d{1,9})", plain(t)) for t in (gold, text)]
    if pairs[0] is None or pairs[1] is None:
        return False
    a, b, c, d = (int(p.group(i)) for p in pairs if p for i in (1, 2))
    return a * d == b * c


def _same_letters(gold: str, text: str) -> bool:
    """Whether a gold of several choice letters (`ACD`, as JEEBench has it) is what a text lists (`A, C and D`)."""
    if re.fullmatch(r"[A-J]{2,10}", gold) is None:
        return False
    listed = re.sub(r"[\s,;&()]|\band\b", "", plain(text))
    return re.fullmatch(r"[A-J]+", listed) is not None and sorted(listed) == sorted(gold)


def _letters(text: str) -> str:
    """A formula without what only spaces it: two texts that agree in this need no computer algebra."""
    return re.sub(r"\s+|\\[,;:! ]|\\left\b|\\right\b|\$", "", text).replace("dfrac", "frac").replace("tfrac", "frac")


def _wordy(clean: str) -> bool:
    r"""Whether a text without TeX wrappers is prose: words of three letters or more that are no functions, or nothing
    but letters.
    """
    if "\\" in clean or "^" in clean:
        return False
    words = [w for w in _WORD.findall(clean) if w.casefold() not in _FUNCTIONS]
    return bool(words) or re.fullmatch(r"\(?[^\W\d_]+\)?", clean) is not None


def _words(text: str) -> str:
    """A text as words are compared: case, markup, articles, brackets and closing punctuation aside."""
    clean = plain(text).casefold().strip("()[]\"'“”‘’ ")
    clean = re.sub(r"(?<=\d)\s*([ap])\.?\s*m\b\.?", r"\1m", clean)
    return _ARTICLE.sub("", re.sub(r"\s*:\s*", ":", clean)).rstrip(".,;!")


def _parse(text: str, seconds: int | None, *, anchored: bool = False) -> tuple[Any, ...]:
    """math-verify's reading of a text: sympy objects and, last, the text it read them from; empty where it finds
    nothing.
    """
    math_verify = _library()
    config = [
        math_verify.LatexExtractionConfig(try_extract_without_anchor=not anchored),
        math_verify.ExprExtractionConfig(try_extract_without_anchor=not anchored),
    ]
    try:
        return tuple(math_verify.parse(text, config, parsing_timeout=seconds, raise_on_error=True))
    except (MemoryError, RecursionError):
        raise
    except Exception:  # an unreadable text is no answer, whatever the parser trips over
        return ()


def _equal(gold: tuple[Any, ...], target: tuple[Any, ...], seconds: int | None) -> tuple[bool, str]:
    """Whether any reading of the answer equals any of the gold, and else the error that kept one pair from being
    compared.

    math-verify's own `verify` turns errors and timeouts into False, which would score them as wrong.
    """
    math_verify = _library()
    error = ""
    for one in gold:
        for other in target:
            try:
                if math_verify.verify([one], [other], timeout_seconds=seconds, raise_on_error=True):
                    return True, ""
            except (MemoryError, RecursionError):
                raise
            except Exception as problem:
                error = error or f"{type(problem).__name__}: {short(str(problem))}"
    return False, error


@lru_cache(maxsize=1)
def _library() -> Any:
    """math-verify, imported on first use, its warnings about missing alarms silenced: the pool is the alarm."""
    import math_verify

    for name in ("math_verify.parser", "math_verify.grader", "math_verify.utils"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return math_verify
