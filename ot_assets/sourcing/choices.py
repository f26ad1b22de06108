"""Choice questions: reading options and gold letters in the shapes that real data sets have, and writing them in one.

Options are a list of texts, a list of `{label, text}`, a mapping letter -> text, `{label: [...], text: [...]}`, one
lettered text (`A. ...` lines), any of these as JSON, or several columns. Letters are always A, B, C, ... in the order
of the data. A gold answer is a letter (`B`, `(b)`, `B. its text`), a label of the data's own (`2`), an index, or an
option's text.

Where the right answer has a column of its own among the option columns (GPQA), the order is drawn for each question
from a hash of its text, so that the right letter is spread evenly. (One generator with one seed for every question
gives all of them the same letter: Evalchemy issue 155.) Fails with `ChoiceError`, which becomes a row of the ledger.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from schemas.ids import normalise

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LETTERED = re.compile(r"^\s*\(?([A-Z])[.):]\s*", re.MULTILINE)
_GOLD = re.compile(r"\(?([A-Za-z])\)?(?:[.):]\s*(.*)|\s*)", re.DOTALL)


class ChoiceError(Exception):
    """A row whose options or gold cannot be used; `rule` is the ledger's."""

    def __init__(self, rule: str, note: str) -> None:
        super().__init__(note)
        self.rule = rule
        self.note = note


@dataclass(frozen=True)
class Options:
    """The options of a question."""

    texts: Mapping[str, str]
    """Letter -> text, in order."""
    labels: Mapping[str, str]
    """The data's own label -> letter, where the data has labels."""

    @property
    def verifier_args(self) -> str:
        """What the choice verifier wants."""
        return json.dumps({"options": dict(self.texts)}, ensure_ascii=False)


def read_options(value: Any) -> Options:
    """Options from one column's value. ChoiceError where it holds fewer than two."""
    pairs = _without_blanks(_pairs(value))
    if len(pairs) < 2:
        raise ChoiceError("bad_row", f"holds {len(pairs)} option(s), at least two are needed: {str(value)[:80]!r}")
    if len(pairs) > len(LETTERS):
        raise ChoiceError("bad_row", f"holds {len(pairs)} options, at most {len(LETTERS)} can be lettered")
    texts = {letter: text for letter, (_, text) in zip(LETTERS, pairs, strict=False)}
    labels = {label: letter for letter, (label, _) in zip(LETTERS, pairs, strict=False) if label}
    return Options(texts, labels)


def read_columns(values: Sequence[Any], question: str, *, shuffle: bool) -> Options:
    """Options from a column each; blank ones are left out. With `shuffle`, in an order drawn from the question's text."""
    texts = [_text(value) for value in values]
    if shuffle:
        texts = sorted(texts, key=lambda text: hashlib.sha256(f"{normalise(question)}\0{text}".encode()).digest())
    return read_options(texts)


def options_in(question: str) -> Options | None:
    """Options that stand in a question's own text as lettered lines; None where there are not two."""
    try:
        return read_options(question)
    except ChoiceError:
        return None


def render(question: str, options: Options) -> str:
    """The question with its options as `A. ...` lines below it."""
    lines = "\n".join(f"{letter}. {text}" for letter, text in options.texts.items())
    return f"{question.strip()}\n\n{lines}"


def gold_letter(gold: Any, options: Options, gold_is: Literal["letter", "index", "text"]) -> str:
    """The letter of the right option. ChoiceError `gold_not_in_options` where the gold names none of them."""
    if isinstance(gold, list) and len(gold) == 1:
        gold = gold[0]
    if gold_is == "index":
        return _by_index(gold, options)
    text = _text(gold)
    found = _by_text(text, options)
    if gold_is == "letter":
        found = _by_letter(text, options) or found
    if found is None:
        raise _missing(gold, options)
    return found


def _by_letter(gold: str, options: Options) -> str | None:
    """The letter that a gold names. Where it also gives the option's text, the two must agree."""
    if gold in options.labels and gold not in options.texts:
        return options.labels[gold]
    match = _GOLD.fullmatch(gold)
    if match is None:
        return None
    letter, said = match[1].upper(), (match[2] or "").strip()
    letter = options.labels.get(letter, letter)
    if letter not in options.texts:
        return None
    if said and _same(said) != _same(options.texts[letter]):
        raise _missing(gold, options)
    return letter


def _by_text(gold: str, options: Options) -> str | None:
    """The only option that has this text."""
    found = [letter for letter, text in options.texts.items() if _same(text) == _same(gold)]
    return found[0] if len(found) == 1 else None


def _by_index(gold: Any, options: Options) -> str:
    letters = list(options.texts)
    if isinstance(gold, float) and gold.is_integer():
        gold = int(gold)
    if isinstance(gold, str) and gold.strip().isdecimal():
        gold = int(gold)
    if isinstance(gold, bool) or not isinstance(gold, int) or not 0 <= gold < len(letters):
        raise _missing(gold, options)
    return letters[gold]


def _missing(gold: Any, options: Options) -> ChoiceError:
    shown = " | ".join(f"{letter}. {text[:40]}" for letter, text in options.texts.items())
    return ChoiceError("gold_not_in_options", f"the gold answer {str(gold)[:80]!r} is none of: {shown}")


def _pairs(value: Any) -> list[tuple[str, str]]:
    """(label, text) of each option, in any of the shapes."""
    if isinstance(value, str):
        loaded = _loaded(value)
        return _pairs(loaded) if loaded is not None else _lettered(value)
    if isinstance(value, Mapping):
        return _pairs_of_mapping(value)
    if isinstance(value, (list, tuple)):
        if value and all(isinstance(v, Mapping) for v in value):
            return [(_text(v.get("label") or v.get("key")), _text(v.get("text", v.get("value")))) for v in value]
        return [("", _text(v)) for v in value]
    return []


def _without_blanks(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Options that have a text. Without labels only the last may be blank, since the gold answer may be a position."""
    if any(label for label, _ in pairs):
        return [(label, text) for label, text in pairs if text]
    while pairs and not pairs[-1][1]:
        pairs = pairs[:-1]
    if any(not text for _, text in pairs):
        raise ChoiceError("bad_row", "an option between others is empty")
    return pairs


def _pairs_of_mapping(value: Mapping[str, Any]) -> list[tuple[str, str]]:
    texts = value.get("text", value.get("choices"))
    if isinstance(texts, (list, tuple)):
        labels = value.get("label", value.get("labels")) or [""] * len(texts)
        return [(_text(label), _text(text)) for label, text in zip(labels, texts, strict=False)]
    return [(str(label).strip(), _text(text)) for label, text in value.items() if text is not None]


def _loaded(text: str) -> Any:
    """A list or mapping that was written as JSON or as a Python literal; None where the text is neither."""
    if text.lstrip()[:1] not in ("[", "{"):
        return None
    for load in (json.loads, ast.literal_eval):
        try:
            loaded = load(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        return loaded if isinstance(loaded, (list, dict)) else None
    return None


def _lettered(text: str) -> list[tuple[str, str]]:
    """The options of a lettered text: lines that begin with A, B, C, ... in that order; a line that does not belongs
    to the one before.
    """
    starts: list[re.Match[str]] = []
    for match in _LETTERED.finditer(text):
        if len(starts) < len(LETTERS) and match[1] == LETTERS[len(starts)]:
            starts.append(match)
        elif match[1] == "A" and len(starts) == 1:
            starts = [match]  # "A. Smith says ..." before the options themselves
    ends = [m.start() for m in starts[1:]] + [len(text)] * bool(starts)
    return [(m[1], text[m.end() : end].strip()) for m, end in zip(starts, ends, strict=True)]


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _same(text: str) -> str:
    return normalise(text).casefold().rstrip(" .?!,;:\"'")
