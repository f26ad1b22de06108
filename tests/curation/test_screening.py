"""Screening against its definition, and against each fault of the original operator (openthoughts3 decontamination)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence

import hypothesis.strategies as st
import polars as pl
import pytest
from hypothesis import given, settings
from rapidfuzz import fuzz

from ot_assets.curation.containment import SHORTEST
from ot_assets.curation.normal import comparable
from ot_assets.curation.screening import (
    NO_TEXT,
    BenchmarkItems,
    Screener,
    screen_all,
    screened_out_by,
)
from ot_assets.curation.screening_hits import RULES
from ot_assets.curation.tokens import WordTokenizer
from resources.errors import UserError
from schemas import violations
from schemas.ids import question_id
from schemas.ledger import Ledger
from tests.curation.rows import questions
from tests.factories import a_benchmark

LONG = "A train leaves the old station at nine and meets another one on the bridge after two hours; how far did it go?"
OTHER = "Which of these gases is produced when zinc reacts with dilute hydrochloric acid in an open test tube at noon?"
CLEAN = "Name three rivers."


def bench(
    key: str, texts: Sequence[str | None], ngram: int | None = 13, similarity: float | None = 75
) -> BenchmarkItems:
    frame = pl.DataFrame(
        {"question_id": [question_id(text or "") for text in texts], "question": texts},
        schema={"question_id": pl.String, "question": pl.String},
    )
    return BenchmarkItems(key, frame, ngram, similarity)


def verdicts(screener: Screener, texts: Sequence[str]) -> list[tuple[str, str, str, float]]:
    hits = screener.screen(questions(texts)).hits
    return hits.select("question_id", "benchmark", "rule", "figure").rows()


def test_the_three_rules_and_their_order() -> None:
    screener = Screener([bench("math500", [LONG, OTHER])], workers=1)
    inside = (
        f"Consider this. {LONG} Show your work, and then explain at length why nothing else could have been right." * 2
    )
    near = "Which gas is made when zinc reacts with hydrochloric acid in open test tubes at noon?"
    batch = questions([f"  {LONG} ", inside, near, CLEAN])
    screened = screener.screen(batch)
    assert screened.kept["question"].to_list() == [CLEAN]
    ledger = screened.ledger
    assert ledger["rule"].to_list() == ["exact", "ngram", "indel"]
    assert ledger["lost_to"].to_list() == [f"math500/{question_id(text)}" for text in (LONG, LONG, OTHER)]
    assert ledger["figure"][0] == 100
    assert ledger["figure"][2] == fuzz.ratio(near, OTHER)
    assert "a train leaves the old station" in ledger["note"][1]
    assert ledger["source_row"].to_list() == ["train:0", "train:1", "train:2"]
    assert violations(Ledger, ledger) == []


def test_case_and_spacing() -> None:
    """Equal texts are found whatever their spacing and case."""
    screener = Screener([bench("b", [LONG], similarity=None)], workers=1)
    rows = verdicts(screener, [LONG.replace(" ", " \n "), LONG.upper()])
    assert [rule for _, _, rule, _ in rows] == ["exact", "exact"]


def test_each_benchmark_has_its_own_thresholds() -> None:
    near = LONG.replace("train", "boat").replace("bridge", "shore").replace("hours", "days").replace("nine", "ten")
    near = near.replace("old", "new").replace("another", "a second")
    assert 75 < fuzz.ratio(near, LONG) < 95
    strict = bench("strict", [LONG], ngram=None, similarity=75)
    loose = bench("loose", [LONG], ngram=None, similarity=95)
    equal = bench("equal", [LONG], ngram=None, similarity=None)
    screener = Screener([loose, equal, strict], workers=1)
    assert [hit[1] for hit in verdicts(screener, [near])] == ["strict"]
    assert [hit[1] for hit in verdicts(screener, [LONG])] == ["loose", "equal", "strict"]


def test_a_row_is_dropped_once_and_all_its_hits_are_kept() -> None:
    screener = Screener([bench("near", [LONG[:-12] + "far is it?"]), bench("same", [LONG])], workers=1)
    screened = screener.screen(questions([LONG, CLEAN]))
    assert screened.hits.select("benchmark", "rule").rows() == [("same", "exact"), ("near", "ngram")]
    assert screened.ledger.select("lost_to", "rule").rows() == [(f"same/{question_id(LONG)}", "exact")]
    assert screened.ledger["note"][0].endswith("also: near (ngram)")


def test_the_report_says_what_was_screened_against() -> None:
    screener = Screener([bench("a", [LONG]), bench("b", [OTHER, None], ngram=None)], workers=1)
    report = screener.report()
    for screened in screen_all(screener, [questions([LONG, CLEAN]), questions([OTHER, "x y"])]):
        report = report.plus(screened)
    assert (report.rows_in, report.kept, report.tokenizer) == (4, 2, "words")
    assert [(c.benchmark, c.items, c.ngram, c.contaminated) for c in report.coverage] == [
        ("a", 1, 13, 1),
        ("b", 1, None, 1),
    ]
    assert report.to_dict()["coverage"][0]["hits"] == {"exact": 1, "ngram": 0, "containment": 0, "indel": 0}


def test_ledgers_tell_which_benchmark_emptied_a_source() -> None:
    screener = Screener([bench("a", [LONG]), bench("b", [OTHER])], workers=1)
    ledger = screener.screen(questions([OTHER, LONG, OTHER + "!"])).ledger
    assert screened_out_by(ledger.lazy()) == {"b": 2, "a": 1}


MARKED = [
    ("Let $x^2 + 2x = \\frac{1}{2}$. Find $x$.", "Let **x^2 + 2x = 1/2**.\nFind <b>x</b>."),
    ("Let $x^2 + 2x = \\frac{1}{2}$. Find $x$.", r"let \( x^{2}+2x \, = \dfrac{1}{2} \) . find \(x\)."),
    ("If $a \\le b$, is a &lt; b?", "If a ≤ b, is a < b?"),
]


@pytest.mark.parametrize(("item", "copy"), MARKED)
def test_markup_and_latex_hide_nothing(item: str, copy: str) -> None:
    screener = Screener([bench("b", [item], similarity=None)], workers=1)
    assert [rule for _, _, rule, _ in verdicts(screener, [copy])] == ["exact"]


def test_signs_and_numbers_keep_equal_looking_sums_apart() -> None:
    screener = Screener([bench("b", ["12 + 3 =", "2 * 3"], ngram=None, similarity=None)], workers=1)
    assert verdicts(screener, ["12 - 3 =", "1 2 + 3 =", "12 + 4 =", "2 + 3"]) == []


def test_an_item_with_other_numbers_inside_a_longer_text() -> None:
    changed = LONG.replace("nine", "ten").replace("two hours", "three days").replace("old ", "")
    inside = (
        f"Some weeks ago my teacher asked us this and nobody knew. {changed} I said 12, was that right? Please explain."
    )
    screener = Screener([bench("b", [OTHER, LONG])], workers=1)
    (hit,) = screener.screen(questions([inside])).hits.rows(named=True)
    assert (hit["rule"], hit["item"]) == ("containment", question_id(LONG))
    assert 80 <= hit["figure"] < 100
    assert "leaves the station at ten" in hit["question_text"]
    assert "leaves the old station at nine" in hit["item_text"]


def test_the_two_texts_are_cut_around_what_they_share() -> None:
    shared = "seven tall masts stood beside the quiet harbour wall while eleven grey gulls watched over them"
    filler = "and then nothing else of any note happened on that day, "
    question, item = f"{filler * 20}{shared} {filler * 9}", f"{'Earlier it had rained a lot. ' * 30}{shared}, it says."
    screener = Screener([bench("b", [item])], workers=1)
    (hit,) = screener.screen(questions([question])).hits.rows(named=True)
    for side in ("question_text", "item_text"):
        assert "seven tall masts stood beside" in hit[side]
        assert len(hit[side]) <= 320


def test_the_item_is_cut_where_its_words_and_marks_touch() -> None:
    shared = "f(x)=x+1, g(x)=2*x; h(x)=3-x, k(x)=x/4: which of these maps is its own inverse?"
    item = f"{'Earlier it had rained a lot. ' * 30}{shared}"
    question = f"{'And then nothing else of any note happened on that day, ' * 20}{shared}"
    (hit,) = Screener([bench("b", [item])], workers=1).screen(questions([question])).hits.rows(named=True)
    assert "which of these maps" in hit["item_text"]


def test_each_benchmark_has_its_own_tokenizer() -> None:
    class Letters:
        name = "letters"

        def split(self, texts: Sequence[str]) -> list[list[Hashable]]:
            return [list(text) for text in texts]

        def shown(self, tokens: Sequence[str]) -> str:
            return "".join(tokens)

    fine = BenchmarkItems("fine", bench("", [LONG]).items, 13, None, None, Letters())
    coarse = BenchmarkItems("coarse", bench("", [LONG]).items, 13, None, None)
    screener = Screener([fine, coarse], workers=1)
    assert screener.report().tokenizer == "letters, words"
    hits = screener.screen(questions(["An old station at noon, and so on."])).hits
    assert hits.select("benchmark", "rule").rows() == [("fine", "ngram")]
    assert hits["note"][0] == " old station at n"


# --- the faults of the original


def test_fault_a_rows_without_text_do_not_shift_the_others() -> None:
    batch = questions([CLEAN, LONG, "Name four lakes."])
    holes = batch.with_columns(pl.Series("question", [None, *batch["question"][1:]], dtype=pl.String))
    screened = Screener([bench("b", [None, LONG])], workers=1).screen(holes)
    assert screened.kept["question"].to_list() == ["Name four lakes."]
    assert screened.ledger.select("rule", "source_row").rows() == [(NO_TEXT, "train:0"), ("exact", "train:1")]


def test_fault_b_every_row_may_be_contaminated() -> None:
    """Rows are dropped by a mask; a benchmark equal to the source leaves nothing and takes one pass."""
    texts = [f"Question number {i}: what is {i} times {i * 3}?" for i in range(3000)]
    screener = Screener([bench("same", texts, ngram=None, similarity=None)], workers=1)
    screened = screener.screen(questions(texts))
    assert screened.kept.is_empty()
    assert screened.ledger["row_id"].to_list() == [question_id(text) for text in texts]


def test_fault_c_every_text_is_tokenised_once() -> None:
    class Counting:
        name = "counting"

        def __init__(self) -> None:
            self.seen: Counter[str] = Counter()

        def split(self, texts: Sequence[str]) -> list[list[Hashable]]:
            self.seen.update(texts)
            return WordTokenizer().split(texts)

        def shown(self, tokens: Sequence[str]) -> str:
            return " ".join(tokens)

    counting = Counting()
    benchmarks = [bench(f"b{n}", [f"{LONG} {n}"], ngram=n) for n in (8, 10, 13, 20)]
    Screener(benchmarks, counting, workers=1).screen(questions([OTHER, CLEAN]))
    assert counting.seen[comparable(OTHER)] == counting.seen[comparable(CLEAN)] == 1
    assert set(counting.seen.values()) == {1}


def test_fault_e_short_items_match() -> None:
    screener = Screener([bench("b", ["What is the capital of France?"], similarity=None)], workers=1)
    text = "Answer in one word and do not explain anything at all: what is the capital of France?"
    assert [hit[2] for hit in verdicts(screener, [text])] == ["ngram"]


def test_fault_g_the_ledger_names_the_item() -> None:
    """Of two items that share a template with the question, the one that shares more is named."""
    template = "State the final answer to the following long arithmetic problem and explain every step of it: "
    items = [template + "add twelve to forty", template + "subtract nine from a hundred and halve what is left over"]
    question = template + "subtract nine from a hundred and halve what is left, please"
    ledger = Screener([bench("b", items, similarity=None)], workers=1).screen(questions([question])).ledger
    assert ledger["lost_to"].to_list() == [f"b/{question_id(items[1])}"]


def test_no_benchmark_and_an_empty_benchmark_fail_closed() -> None:
    with pytest.raises(UserError, match="no benchmark to screen against"):
        Screener([])
    with pytest.raises(UserError, match="'hle' has no question text"):
        Screener([bench("a", [LONG]), bench("hle", [])])
    with pytest.raises(UserError, match="'hle' has no question text"):
        Screener([bench("hle", [None, "  "])])


def test_items_of_a_registered_benchmark() -> None:
    spec = a_benchmark("aime24", screen={"ngram": 8, "similarity": None})
    made = BenchmarkItems.of(spec, questions([LONG]))
    assert (made.key, made.ngram, made.similarity) == ("aime24", 8, None)


# --- against the definition

WORDS = ("find", "the", "sum", "of", "all", "primes", "p", "below", "n", "and", "its", "square", "root")
TEXTS = st.lists(st.sampled_from(WORDS), min_size=1).map(" ".join)


def definition(question: str, item: str, ngram: int | None, similarity: float | None) -> str | None:
    """The rule in words: equal, else a shared run of n tokens, else similar enough."""
    question, item = comparable(question), comparable(item)
    mine, theirs = WordTokenizer().split([question, item])
    if mine == theirs:
        return "exact"
    if ngram is not None:
        if len(theirs) < min(ngram, 6):
            if mine == theirs:
                return "ngram"
        else:
            n = min(ngram, len(theirs))
            runs = {tuple(theirs[i : i + n]) for i in range(len(theirs) - n + 1)}
            if any(tuple(mine[i : i + n]) in runs for i in range(len(mine) - n + 1)):
                return "ngram"
    if SHORTEST <= len(theirs) < len(mine) and fuzz.partial_ratio(theirs, mine) >= 80:
        return "containment"
    if similarity is not None and fuzz.ratio(question, item) >= similarity:
        return "indel"
    return None


@settings(max_examples=100, deadline=None)
@given(
    texts=st.lists(TEXTS, max_size=8, unique=True),
    first=st.lists(TEXTS, min_size=1, max_size=4),
    second=st.lists(TEXTS, min_size=1, max_size=4),
    ngram=st.sampled_from([4, 7, 13, None]),
    similarity=st.sampled_from([60.0, 75.0, None]),
)
def test_equals_the_definition(
    texts: list[str], first: list[str], second: list[str], ngram: int | None, similarity: float | None
) -> None:
    texts = list(dict.fromkeys([*texts, first[0] + " indeed", second[0]]))
    screener = Screener([bench("one", first), bench("two", second, ngram, similarity)], workers=1)
    batch = questions(texts)
    screened = screener.screen(batch)
    expected = []
    for text in texts:
        for key, items, n, limit in (("one", first, 13, 75.0), ("two", second, ngram, similarity)):
            rules = {definition(text, item, n, limit) for item in items}
            rule = next((rule for rule in RULES if rule in rules), None)
            if rule:
                expected.append((question_id(text), key, rule))
    assert sorted(screened.hits.select("question_id", "benchmark", "rule").rows()) == sorted(expected)
    assert len(screened.kept) + len(screened.ledger) == len(batch)
    assert set(screened.ledger["row_id"]) == {name for name, _, _ in expected}
    assert screened.kept.equals(batch.filter(~pl.col("question_id").is_in([name for name, _, _ in expected])))


@settings(max_examples=25, deadline=None)
@given(texts=st.lists(TEXTS, min_size=1, max_size=12, unique=True), size=st.integers(1, 5))
def test_batches_do_not_matter(texts: list[str], size: int) -> None:
    screener = Screener([bench("b", [LONG, "find the sum of all primes p below n"])], workers=1)
    whole = screener.screen(questions(texts))
    parts = list(screen_all(screener, questions(texts).iter_slices(size)))
    assert pl.concat([part.kept for part in parts]).equals(whole.kept)
    assert pl.concat([part.ledger for part in parts]).equals(whole.ledger)
