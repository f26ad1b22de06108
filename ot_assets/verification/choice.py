r"""Judges the answer to a choice question: which letter does the reply commit to?

`verifier_args` is `{"options": {"A": "text", ...}}`, the gold answer is a letter of it. The reply's letter is looked
for in this order, and the first that is found counts:

1. the last \boxed{} or <answer> tag (it wins over any letter that follows it);
2. the last place that announces the answer ("the answer is B", "option B is correct", "I choose (B)");
3. a line that is a letter, with or without its option's text; the only letter in brackets; the only option whose text
   occurs.

Each may name the letter (`B`, `(B)`, `B. text`, `\text{B}`) or the option's own text. A place that names several
letters, or an option that there is not, is `wrong`: the reply does not commit to the right one. Step 3 is not taken
for a reply that was cut. "A" as an article and "I" as a pronoun are no letters. Nothing here raises on any reply.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from ot_assets.verification.extraction import TAIL, last_line, marked, plain, stated
from ot_assets.verification.numbers import as_number
from ot_assets.verification.verdict import Verdict, VerifyTask, correct, no_answer, short, unverifiable, wrong

_BECAUSE = r"(?:because|since|due|given|based|however|although|whereas|where|while|but|if|in|so)\b"
_LONE = re.compile(r"[(\[{]?\s*([A-Za-z])\s*[)\]}]?\s*[.:,;]?")
_SEVERAL = re.compile(r"(?:[Bb]oth\s+)?[(\[]?\b([A-Z])\b[)\]]?\s*(?:,|/|&|\band\b|\bor\b)+\s*[(\[]?\b([A-Z])\b[)\]]?")
_LEADING = re.compile(
    rf"""(?:(?:option|choice|letter|answer|is|it[ ]is)[ :]+)*
         (?:[(\[]\s*(?P<bracket>[A-Za-z])\s*[)\]]
           |(?P<closed>[A-Za-z])\s*[).:\]–—]
           |(?P<bare>[A-Z])(?=\s*$|\s*[,;*"'”]|\s+[-–—(=]|\s+{_BECAUSE}))""",
    re.VERBOSE | re.IGNORECASE,
)
_CORRECT = r"(?:correct|right|best|most[ ](?:likely|appropriate|accurate|suitable))"
_ANNOUNCED = re.compile(
    rf"""(?:\b(?:option|choice|answer)[ ])?[(\[]?(?P<first>\b[A-Z]\b)[)\]]?[.:]?[ ](?:is|must[ ]be|would[ ]be|seems)[ ]
             (?:therefore[ ]|thus[ ]|clearly[ ])?(?:the[ ])?(?:only[ ]|single[ ])?{_CORRECT}
       |\b(?:[Cc]hoose|[Cc]hose|[Ss]elect|[Pp]ick|[Gg]o[ ]with|[Cc]onclude[ ]with)[ ](?:(?:option|choice|answer|letter)[ ])?
             [(\[]?(?P<chosen>[A-Z])\b[)\]]?(?![ ][a-z]|['’])
       |(?:\b(?:[Ss]o|[Tt]hus|[Hh]ence|[Tt]herefore|[Cc]onclude)[,:]?|=>|→)[ ](?:it(?:'s|[ ]is)[ ])?
             [*(\[]*(?P<so>[A-Z])[)\]*]*[.]?[ ]*$
       |\b(?:[Cc]orrect|[Rr]ight|[Bb]est)[ ](?:option|choice)(?:[ ]is)?:?[ ]*[*_]*(?P<tail>[^\n]*)""",
    re.VERBOSE | re.MULTILINE,
)
_TELLING = 4
"""Characters from which an option's text is no accident in the middle of a reply."""
_REJECTED = re.compile(
    r"\s*(?:is|are|was|cannot|can't|isn't|would|must|may|might|does)\b[^.\n]{0,20}?\b(?:not|in?correct|wrong|false|be)\b"
)


@dataclass(frozen=True)
class Choice:
    """What a reply commits to."""

    letter: str | None
    """The option's letter; None where there is none or several."""
    extracted: str | None
    """The text it was read from; None where no place names an answer."""
    why: str
    """How it was found, or why there is none."""


def judge(task: VerifyTask) -> Verdict:
    """The verdict on one answer; `unverifiable` without options or with a gold letter that is not among them."""
    options = read_options(task.verifier_args)
    gold = (task.gold or "").strip()
    if not gold:
        return unverifiable("choice", "there is no gold answer")
    if not options:
        return unverifiable("choice", "the options are not known: verifier_args holds none")
    if gold not in options:
        return unverifiable("choice", f"the gold answer {short(gold)!r} is none of the letters {', '.join(options)}")
    choice = choose(task.answer or "", options, cut=task.cut)
    if choice.letter is None:
        return no_answer(task) if choice.extracted is None else wrong("choice", choice.extracted, choice.why)
    if choice.letter == gold:
        return correct("choice", choice.letter, f"{choice.why}; the gold answer is {gold}")
    return wrong("choice", choice.letter, f"{choice.why}; the gold answer is {gold}")


@lru_cache(maxsize=4096)
def _options(verifier_args: str) -> tuple[tuple[str, str], ...]:
    try:
        found = json.loads(verifier_args)["options"]
    except (ValueError, KeyError, TypeError):
        return ()
    if not isinstance(found, dict):
        return ()
    return tuple((str(letter), str(text)) for letter, text in found.items())


def read_options(verifier_args: str | None) -> dict[str, str]:
    """Letter -> text from `verifier_args`; empty where it holds none."""
    return dict(_options(verifier_args)) if verifier_args else {}


def choose(reply: str, options: Mapping[str, str], *, cut: bool = False) -> Choice:
    """The option that a reply commits to. `options` maps letters to texts; `cut` leaves out the guesses of step 3."""
    text = marked(reply)
    if text is not None:
        return _named(text, options, "marked") or Choice(
            None, text, f"the marked answer {short(text)!r} names none of the options"
        )
    for announced in _announcements(reply):
        choice = _named(announced, options, "announced")
        if choice is not None:
            return choice
    return Choice(None, None, "no answer found") if cut else _guessed(reply[-TAIL:], options)


def _named(text: str, options: Mapping[str, str], how: str) -> Choice | None:
    """The option that a short text names by letter or by its own words; None where it names none."""
    clean = plain(text).strip("\"'“”‘’ ")
    lone = _LONE.fullmatch(clean)
    if lone and lone[1].upper() in options:
        return Choice(lone[1].upper(), clean, f"{how} {short(clean)!r}")
    whole = _with_text(clean, options)
    if whole:
        return Choice(whole, clean, f"{how} the text of {whole}")
    both = re.match(r"[(\[]?([A-Z])[)\]]?\s*[.,:;–—-]?\s+(?=\S)", clean)
    if both and both[1] in options and _same(clean[both.end() :]) == _same(options[both[1]]):
        return Choice(both[1], clean, f"{how} {short(clean)!r}")
    several = _SEVERAL.match(clean)
    if several and several[1] in options and several[2] in options and several[1] != several[2]:
        return Choice(None, clean, f"{how} {short(clean)!r}, which names several options")
    letter = _leading_letter(clean, options)
    if letter:
        return Choice(letter, clean, f"{how} {short(clean)!r}")
    letter = _leading_text(clean, options)
    if letter:
        return Choice(letter, clean, f"{how} the text of {letter}")
    # "B so ...": any letter that is no word by itself
    bare = re.match(r"([B-HJ-Z])\s", clean)
    return Choice(bare[1], clean, f"{how} {short(clean)!r}") if bare and bare[1] in options else None


def _with_text(clean: str, options: Mapping[str, str]) -> str | None:
    """The only option whose text is the whole text, or the same number."""
    found = [letter for letter, option in options.items() if _same(option) == _same(clean)]
    number = as_number(clean) if not found else None
    if number is not None:
        found = [letter for letter, option in options.items() if as_number(option) == number]
    return found[0] if len(found) == 1 else None


def _leading_text(clean: str, options: Mapping[str, str]) -> str | None:
    """The option with the longest text among those that a text starts with, after a letter or by itself."""
    said = _same(re.sub(r"^(?:option |choice )?[A-Z] +(?=\S)", "", clean)), _same(clean)
    starts = [
        k for k, t in options.items() if _same(t) and any(re.match(rf"{re.escape(_same(t))}(?!\w)", s) for s in said)
    ]
    return max(starts, key=lambda k: len(_same(options[k])), default=None)


def _leading_letter(clean: str, options: Mapping[str, str]) -> str | None:
    """The letter that a text starts with as a letter, not as a word."""
    match = _LEADING.match(clean)
    if match is None:
        return None
    found = str(match["bracket"] or match["closed"] or match["bare"])
    if found.upper() not in options or (match["bare"] and not found.isupper()) or _REJECTED.match(clean, match.end()):
        return None
    return found.upper()


def _announcements(reply: str) -> Iterator[str]:
    """Texts that an announcement of the answer is followed by, the last in the reply first."""
    offset = max(0, len(reply) - TAIL)
    found = [(s.start, s.text) for s in stated(reply)]
    for match in _ANNOUNCED.finditer(reply, offset):
        found.append((match.start(), match["first"] or match["chosen"] or match["so"] or match["tail"] or ""))
    yield from (text for _, text in sorted(found, reverse=True))


def _guessed(tail: str, options: Mapping[str, str]) -> Choice:
    """Step 3: what an unannounced answer may be read from, as long as it names a single option."""
    alone = _LONE.fullmatch(plain(tail))
    if alone and alone[1].upper() in options:
        return Choice(alone[1].upper(), plain(tail), "the reply is a letter")
    by_line = [letter for line in tail.splitlines() if (letter := _line_letter(line, options))]
    if by_line and (len(set(by_line)) == 1 or _LONE.fullmatch(plain(last_line(tail) or ""))):
        return Choice(by_line[-1], by_line[-1], f"a line names {by_line[-1]}")
    bracketed = sorted(_bracketed(tail, options))
    if len(bracketed) == 1 and not by_line:
        return Choice(bracketed[0], f"({bracketed[0]})", f"the only letter in brackets is {bracketed[0]}")
    named = _texts_in(tail, options)
    if len(named) == 1 and not by_line:
        return Choice(named[0], options[named[0]], f"the only option whose text occurs is {named[0]}")
    several = sorted({*by_line, *bracketed, *named})
    if several:
        return Choice(None, ", ".join(several), f"names several options ({', '.join(several)}) and commits to none")
    return Choice(None, None, "no answer found")


def _line_letter(line: str, options: Mapping[str, str]) -> str | None:
    """The letter of a line that is one option: `B`, `(B)`, `B. text`."""
    clean = plain(line)
    lone = _LONE.fullmatch(clean)
    if lone:
        return lone[1].upper() if lone[1].upper() in options and (lone[1].isupper() or len(clean) > 1) else None
    match = re.match(r"[(\[]?([A-Z])\s*[).:\]]\s*(?=\S)", clean)
    return match[1] if match and match[1] in options and not _REJECTED.match(clean, match.end()) else None


def _bracketed(tail: str, options: Mapping[str, str]) -> set[str]:
    """Letters of options that stand in brackets and are not called wrong right after."""
    found = re.finditer(r"\(([A-Za-z])\)(?!\w)", tail)
    return {m[1].upper() for m in found if m[1].upper() in options and not _REJECTED.match(tail, m.end())}


def _texts_in(tail: str, options: Mapping[str, str]) -> list[str]:
    """Letters of the options whose text occurs, leaving out texts within another such text. Short ones count in the
    last line only.
    """
    reply, last = _same(tail), _same(last_line(tail) or "")
    found = {}
    for letter, option in options.items():
        text = _same(option)
        where = reply if len(text) >= _TELLING else last
        if text and re.search(rf"(?<!not )(?<!\w){re.escape(text)}(?!\w)", where):
            found[letter] = text
    return [k for k, t in found.items() if not any(t != other and t in other for other in found.values())]


@lru_cache(maxsize=1024)
def _same(text: str) -> str:
    """A text as option texts are compared: case, markup, spacing, leading article and closing punctuation aside."""
    clean = unicodedata.normalize("NFKC", plain(text)).casefold()
    return re.sub(r"^(?:the|a|an)\s+", "", clean).strip(" .,:;!\"'“”‘’")
