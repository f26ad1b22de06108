r"""Rule `several`: several questions in one, as enumerated items of which each asks something.

Belongs here: what an item is, and when it asks. Items are marked (a), (i), (1) or a) anywhere and 1. or a. at the start of a
line, in order from the first. An item asks when it holds a question mark or an order such as find, prove, how many. Lists that
ask nothing stay: answer options, conditions, sample inputs, f(a) and (b). In questions about code orders are the steps of one
task, so only question marks count. A question of the verifier `choice` has options and is never looked at. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import polars as pl

from ot_assets.curation.cleaning.finding import Place, noted, without_code
from ot_assets.registry.specs.clean import Several

_LETTERS, _ROMANS, _NUMBERS = tuple("abcdefgh"), ("i", "ii", "iii", "iv", "v", "vi"), tuple("123456789")
_MARKERS = tuple(
    (re.compile(pattern, re.MULTILINE), order)
    for pattern, order in (
        (r"(?:^|(?<=[\s.;:,?]))\(([a-h])\)(?=\s|[A-Z$\\])", _LETTERS),
        (r"(?:^|(?<=[\s.;:,?]))\((i{1,3}|iv|vi?)\)(?=\s|[A-Z$\\])", _ROMANS),
        (r"(?:^|(?<=[\s.;:,?]))\(([1-9])\)(?=\s|[A-Z$\\])", _NUMBERS),
        (r"(?:^|(?<=\s))([a-h])\)(?=\s)", _LETTERS),
        (r"^[^\S\n]*(?:\*\*)?(i{1,3}|iv|vi?)[.)](?=\s)", _ROMANS),
        (r"^[^\S\n]*(?:\*\*|#+[^\S\n]*)?([1-9])[.)](?=\s|\*)", _NUMBERS),
        (r"^[^\S\n]*(?:\*\*)?([a-h])\.(?=\s)", _LETTERS),
        (
            r"^[^\S\n]*(?:\*\*|#+[^\S\n]*)?(?:[Pp]art|[Qq]uestion|[Pp]roblem|[Tt]ask)[^\S\n]+\(?([a-hA-H])\)?[:.)]",
            _LETTERS,
        ),
        (r"^[^\S\n]*(?:\*\*|#+[^\S\n]*)?(?:[Pp]art|[Qq]uestion|[Pp]roblem|[Qq])[^\S\n]*([1-9])[:.)]", _NUMBERS),
    )
)
_ORDERS = re.compile(
    r"(?:^|[.,;:]\s*|\bthen\s+|\band\s+)(?:find|prove|show|determine|calculate|compute|evaluate|what|which|how|why|explain|describe|state"
    r"|derive|estimate|sketch|draw|solve|simplify|express|name|identify|deduce|verify|justify|plot|discuss|compare|define|write|give)\b",
    re.IGNORECASE,
)
_LEAD = re.compile(r"^[\s*_:.\-#]+")
_LONGEST = 2_000
_WIDE = r"\b[ai1]\)|(?m:^[*#\s]*[ai1][.)])|\b(?:part|question|problem|task|q)[^\S\n]*\(?[a1][:.)]"


def hits(questions: pl.DataFrame, rule: Several) -> pl.Series:
    """What of each question is a list of questions."""
    texts = questions.select(
        text=pl.when(pl.col("verifier") != "choice").then(pl.col("question")), code=pl.col("domain") == "code"
    )
    found = noted(texts.get_column("text"), _WIDE, lambda text: several(text, rule.parts))
    strict = noted(texts.filter("code").get_column("text"), _WIDE, lambda text: several(text, rule.parts, orders=False))
    places = texts.get_column("code").arg_true()
    return found.scatter(places, strict) if len(places) else found


def several(text: str, parts: int, *, orders: bool = True) -> Place | None:
    """Where the list stands whose items ask, if at least so many do; `orders`: whether an order asks."""
    plain = without_code(text)
    for pattern, order in _MARKERS:
        items = list(_items(plain, pattern, order))
        asking = [item for item in items if _asks(plain[item[1] : item[2]], orders=orders)]
        if len(asking) >= parts:
            return asking[0][0], asking[1][2]
    return None


def _items(text: str, pattern: re.Pattern[str], order: tuple[str, ...]) -> Iterator[tuple[int, int, int]]:
    """Start of the marker, start and end of the text of each item, for markers that come in order from the first."""
    marks: list[re.Match[str]] = []
    for match in pattern.finditer(text):
        if len(marks) < len(order) and match[1].lower() == order[len(marks)]:
            marks.append(match)
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    for mark, end in zip(marks, ends, strict=False):  # no marker: no item, one end
        yield mark.start(), mark.end(), min(end, mark.end() + _LONGEST)


def _asks(item: str, *, orders: bool) -> bool:
    item = _LEAD.sub("", item)
    return "?" in item or (orders and _ORDERS.search(item) is not None)
