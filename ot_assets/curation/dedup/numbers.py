"""The number-aware reading of a text: what is compared, and what must be the same.

Belongs here: `read`. A `Reading` has three faces:

* `normal`: the text freed of formatting (white space, wrapping, case, Unicode forms, punctuation, LaTeX, Markdown,
  HTML, ways of writing a number): tokens with one space between them. Two readings are compared by the similarity of
  these.
* `strict`: the signature: numbers, operators, comparison signs, grouping brackets, variables of one letter, negations,
  quantifiers and the like (`words.MEANING`), in their order. Two texts whose signatures differ are never duplicates.
* `soft`: signs that may be meant or may be formatting: a dash between words, a star between words, words in quotation
  marks. Two texts are duplicates only where one's run of them contains the other's (`compatible`): total - count and
  total * count differ, a hyphen that one of them leaves out does not.

Contract: a pure function of the text, linear in it, the same on every machine. What formatting may hide is lost on
purpose; what may change an answer is kept, and where both is possible texts are kept apart. Raises nothing.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from ot_assets.curation.dedup import latex, markup
from ot_assets.curation.dedup.numerals import canonical, scaled, spelled
from ot_assets.curation.dedup.unicode_forms import unified
from ot_assets.curation.dedup.words import MEANING, MEANT_LETTERS, ORDINALS, SCALES, SMALL, TENS

VERSION = 1
"""Raised when a text may be read otherwise than before: caches of readings are kept by it."""


class Reading(NamedTuple):
    """How a text is compared (see the module)."""

    normal: str
    strict: str
    soft: str


def read(text: str) -> Reading:
    """The reading of a text. A text of nothing but punctuation is compared as it stands."""
    plain = latex.plain(unified(markup.plain(text))).replace("$$", " ").replace("$", "").replace("`", "")
    flat = " ".join(_dashes(plain).split())
    if flat.count(",") > _MANY_COMMAS:
        flat = _LISTED.sub(_apart, flat)
    reading = _Lexer((_ASCII_TOKEN if flat.isascii() else _TOKEN).findall(flat)).reading()
    if reading.normal or not flat:
        return reading
    return Reading(flat, flat, "")


def compatible(one: str, other: str) -> bool:
    """Whether two runs of soft signs can be the same text: one is contained in the other, in order."""
    if one == other:
        return True
    short, long = sorted((one.split(" ") if one else [], other.split(" ") if other else []), key=len)
    rest = iter(long)
    return all(sign in rest for sign in short)


def _marks() -> str:
    """Combining marks as a character class: letters of many scripts are written with them."""
    points = [*range(0x300, 0x1AFF), *range(0x1DC0, 0x1E00), *range(0x20D0, 0x20F1), *range(0xA66F, 0xABF0), 0xFE20]
    return "".join(chr(point) for point in points if unicodedata.category(chr(point)).startswith("M"))


_LETTER = r"[^\W\d_]"
_WORD = rf"{_LETTER}(?:{_LETTER}|[{_marks()}]|'(?={_LETTER}{{2}}|[std](?!\w)))*"
_NUMBER = r"(?:(?<![\w.])\d{1,3}(?:,\d{3})++(?!,*\d)|(?<!\w)\d+(?:_\d{3})+(?!\d)|\d+)(?:\.\d+)*|(?<![\w.])\.\d+"
_OTHERS = rf"(?<!\w)\d+(?:st|nd|rd|th)(?!\w)|{_NUMBER}| ?- ?| ?\* ?|[^\w\s]"
_TOKEN = re.compile(f"{_WORD}|{_OTHERS}")
_ASCII_TOKEN = re.compile(rf"[a-z]+(?:'(?:[a-z]{{2}}|[std](?!\w))[a-z]*)*|{_OTHERS}", re.ASCII)
_LONG_DASH = re.compile(r"(?<![\w)\]}+*/^=<>-])(?:---?)(?=\s|$)|(?<=[^\W\d_]{2})\s?---?\s?(?=[^\W\d_]{2})|---")


_MANY_COMMAS = 500
_LISTED = re.compile(r"(?<![\w.])\d{1,3}(?:,\d{3})++(?:(?=,*(\d))|)")


def _apart(run: re.Match[str]) -> str:
    """A list such as 123,456,78 with a space after each comma: the same tokens, but they are not looked for to its end each
    time.
    """
    return run.group().replace(",", ", ") if run.group(1) else run.group()


def _dashes(text: str) -> str:
    """-- and --- between words are punctuation, as — is; between numbers -- is a dash."""
    return _LONG_DASH.sub(" ; ", text) if "--" in text else text


# Kinds of a token, one character each so that they are quick to compare and to look up in a few.
_PLAIN, _MEANT, _LETTER_, _DIGITS, _SPELLED = "w", "m", "l", "n", "d"
_SIGN, _OPEN, _CLOSE, _DASH, _STAR, _QUOTE, _PRIME = "o", "(", ")", "-", "*", "q", "'"
_COMMA, _COLON, _BANG, _SYMBOL, _STOP = ",", ":", "!", "s", "."
_FIXED = {
    **dict.fromkeys("([{⌊⌈⟨", _OPEN),
    **dict.fromkeys(")]}⌋⌉⟩", _CLOSE),
    **dict.fromkeys("+/^=<>|%&°", _SIGN),
    **dict.fromkeys(("-", " -", "- ", " - "), _DASH),
    **dict.fromkeys(("*", " *", "* ", " * "), _STAR),
    **dict.fromkeys('"', _QUOTE),
    **dict.fromkeys("?.;@$~\\`", _STOP),
    "'": _PRIME, ",": _COMMA, ":": _COLON, "!": _BANG, "#": _SYMBOL,
}  # fmt: skip


class _Kinds(dict[str, str]):
    """Kinds of the tokens met so far; forgotten when there are too many."""

    def __missing__(self, token: str) -> str:
        if len(self) > 1 << 18:
            self.clear()
        self[token] = kind = _kind(token)
        return kind


_KINDS = _Kinds()


def _kind(token: str) -> str:
    fixed = _FIXED.get(token)
    if fixed is not None:
        return fixed
    first = token[0]
    if first.isdigit() or first == ".":
        return _DIGITS
    if not first.isalpha():
        category = unicodedata.category(first)
        return _SIGN if category in ("Sm", "Sc") else _SYMBOL if category == "So" else _STOP
    if token in SMALL or token in TENS or token == "hundred":
        return _SPELLED
    if token in MEANING or token.endswith("n't") or token.startswith("n'"):
        return _MEANT
    if len(token) == 1 and first <= "\u2e80":
        return _LETTER_
    return _MEANT if not MEANT_LETTERS.isdisjoint(token) else _PLAIN


_NUMBERS = _DIGITS + _SPELLED
_OPERANDS = _NUMBERS + _LETTER_ + _CLOSE
_FOLLOWING = _NUMBERS + _LETTER_ + _OPEN
_WORDS = _PLAIN + _MEANT
_BESIDE_A_LETTER = _SIGN + _STAR + _DASH + _QUOTE + _PRIME + _NUMBERS
_ARTICLES = frozenset("ai")
_ENDINGS = frozenset(("st", "nd", "rd", "th"))


class _Lexer:
    """One pass over the tokens of a text. `out` is the normal text, `strict` the signature; `brackets` the open ones. None
    stands for an open bracket that does not count, or not yet.
    """

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.kinds = [_KINDS[token] for token in tokens]
        self.out: list[str | None] = []
        self.strict: list[str | None] = []
        self.soft: list[str] = []
        self.brackets: list[tuple[str, int, int, int]] = []
        """Of each open bracket: the sign, the places in `out` and `strict`, and how much grouping was seen before it."""
        self.grouping = 0

    def reading(self) -> Reading:
        place, kinds = 0, self.kinds
        while place < len(kinds):
            if kinds[place] == _PLAIN:
                self.out.append(self.tokens[place])
                place += 1
            else:
                place = self._step(place, kinds[place])
        normal, strict = (" ".join([one for one in some if one is not None]) for some in (self.out, self.strict))
        return Reading(normal, strict, " ".join(self.soft))

    def _step(self, place: int, kind: str) -> int:
        """Takes the token at `place`, whose kind is not plain; returns the place after it."""
        token = self.tokens[place]
        if kind == _MEANT:
            self._meant(token)
            return place + 1
        if kind == _SPELLED:
            number = spelled(self.tokens, place)
            self._keep(number.digits if number else token)
            return number.end if number else place + 1
        if kind == _DIGITS:
            return self._number(place, token)
        if kind == _LETTER_:
            self._letter(place, token)
        elif kind == _SIGN or (kind == _BANG and self._meant_bang(place)):
            self._keep(token)
            self.grouping += 1
        elif kind in (_DASH, _STAR):
            self._dash_or_star(place, token, kind)
        elif kind == _OPEN:
            self.brackets.append((token, len(self.out), len(self.strict), self.grouping))
            self.out.append(None)
            self.strict.append(None)
        elif kind == _CLOSE:
            self._close(token)
        elif kind == _COMMA:
            self.grouping += self._kind(place - 1) in _OPERANDS
        elif kind == _COLON and self._kind(place - 1) in _NUMBERS and self._kind(place + 1) in _NUMBERS:
            self.strict.append(token)
        elif kind in (_QUOTE, _PRIME):
            self._quoted(place, kind)
        elif kind == _SYMBOL:
            self.out.append(token)
            if token != "#" or (self._kind(place - 1) in _WORDS + _LETTER_ and self._kind(place + 1) != _DIGITS):
                self.strict.append(token)
        return place + 1

    def _kind(self, place: int) -> str:
        return self.kinds[place] if 0 <= place < len(self.kinds) else _STOP

    def _keep(self, token: str) -> None:
        self.out.append(token)
        self.strict.append(token)

    def _meant(self, token: str) -> None:
        meaning = MEANING.get(token)
        if meaning is None and token.isascii():
            stem = token[:-3] if token.endswith("n't") else token[2:]
            self.out += [{"ca": "can", "wo": "will", "sha": "shall"}.get(stem, stem), "not"]
            self.strict.append("not")
        elif meaning is None:
            self.out.append(token)
            self.strict += [letter for letter in token if letter in MEANT_LETTERS]
        else:
            self.out += ["can", "not"] if token == "cannot" else [meaning]
            self.strict.append(meaning)

    def _number(self, place: int, token: str) -> int:
        if token[-1].isalpha():
            self._keep(ORDINALS.get(token, token))
            return place + 1
        number = canonical(token)
        if place + 1 < len(self.tokens) and self.tokens[place + 1] in SCALES:
            self._keep(scaled(number, self.tokens[place + 1]))
            return place + 2
        self._keep(number)
        return place + 1

    def _letter(self, place: int, token: str) -> None:
        """A variable; `a` and `i` only where signs, numbers or quotation marks stand beside them."""
        self.out.append(token)
        if token not in _ARTICLES or self._kind(place - 1) in _BESIDE_A_LETTER or self._sign_after(place):
            self.strict.append(token)

    def _sign_after(self, place: int) -> bool:
        after = self._kind(place + 1)
        return after in _SIGN + _STAR + _DASH + _QUOTE or (after == _CLOSE and self._kind(place - 1) == _OPEN)

    def _meant_bang(self, place: int) -> bool:
        """A factorial, or half of !=."""
        before = self._kind(place - 1) in _OPERANDS and not self.tokens[place - 1][1:].isalpha()
        return (before and self.tokens[place - 1][-2:] not in _ENDINGS) or self.tokens[place + 1 : place + 2] == ["="]

    def _dash_or_star(self, place: int, token: str, kind: str) -> None:
        sign = token.strip()
        if self._is_operator(place, token, kind):
            self._keep(sign)
            self.grouping += 1
        elif self._kind(place - 1) in _WORDS + _NUMBERS + _LETTER_ and self._kind(place + 1) in _WORDS:
            self.soft.append(sign)

    def _is_operator(self, place: int, token: str, kind: str) -> bool:
        before, after = self._kind(place - 1), self._kind(place + 1)
        tight = token == "-"
        if kind == _STAR:
            return before in _OPERANDS or after in _FOLLOWING or before == _SIGN
        if before in _OPERANDS + _SIGN + _STAR + _DASH + _BANG:
            return not (tight and before in _NUMBERS + _LETTER_ and after in _WORDS)
        if after not in _FOLLOWING + _SIGN:
            return False
        return not (before in _WORDS and token in ("-", "- "))

    def _close(self, token: str) -> None:
        """Brackets count where they group signs, numbers or each other, or do not match, as in (0, 1]."""
        if not self.brackets:
            return
        sign, at_out, at_strict, seen = self.brackets.pop()
        if self.grouping > seen:
            self.out[at_out] = sign
            self.strict[at_strict] = sign
            self._keep(token)
            self.grouping += 1

    def _quoted(self, place: int, kind: str) -> None:
        if kind == _PRIME and self._kind(place - 1) in _LETTER_ + _PRIME + _CLOSE and self._kind(place - 2) != _PRIME:
            if self._kind(place + 1) not in _WORDS:
                self._keep("'")
            return
        between = self._kind(place + 1)
        if between in _WORDS and self._kind(place + 2) == kind:
            self.soft.append(self.tokens[place + 1])


__all__ = ["VERSION", "Reading", "compatible", "read"]
