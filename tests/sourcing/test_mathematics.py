from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ot_assets.registry.specs.source import SourceSpec
from ot_assets.sourcing import mathematics, mathematics_child
from ot_assets.sourcing.mathematics import powers
from ot_assets.verification import check_gold
from resources.errors import UserError
from tests.sourcing.helpers import context, put_wheel, read_all, rules, spec

ORIGIN: dict[str, Any] = {
    "kind": "procedural", "family": "mathematics-dataset", "dataset": "train-easy", "seed": 7, "size": 6,
    "modules": ["arithmetic__add_or_sub", "algebra__linear_1d"],
}  # fmt: skip


def source(**origin: Any) -> SourceSpec:
    return spec({**ORIGIN, **origin}, columns={}, verifier="math")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("-2*x**2 + 3", "-2*x^2 + 3"),
        ("h**(-1/4)", "h^{-1/4}"),
        ("y**10", "y^{10}"),
        ("(a - 1)**2*(a + 2)", "(a - 1)^2*(a + 2)"),
        ("plain 3*4", "plain 3*4"),
    ],
)
def test_powers_are_written_as_the_verifier_reads_them(text: str, written: str) -> None:
    assert powers(text) == written
    assert check_gold("math", None, written).correct or "plain" in text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dataset": "hard"}, "mathematics-dataset has train, train-easy"),
        ({"modules": []}, "modules: is needed"),
        ({"modules": ["a", "a"]}, "stands twice"),
        ({"worked": True}, "are for family: reasoning-gym"),
        ({"family": "reasoning-gym", "dataset": "chain_sum"}, "modules: is for family: mathematics-dataset"),
    ],
)
def test_settings_that_do_not_fit_are_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        source(**change)


def test_its_answers_are_no_business_of_reasoning_gym() -> None:
    with pytest.raises(ValueError, match="verifier: procedural needs"):
        spec(ORIGIN, columns={}, verifier="procedural")


def test_an_origin_from_before_keeps_its_hash() -> None:
    before = {"kind": "procedural", "dataset": "chain_sum", "size": 3, "seed": 1, "config": {}, "worked": False}
    assert spec(before, columns={}).origin.to_dict() == before
    files = {"kind": "files", "paths": ["a.jsonl"], "format": None}
    assert spec(files).origin.to_dict() == files


def made(*problems: Any) -> Callable[[], Any]:
    """A generator that hands out problems in turn, an exception by raising it."""
    left = list(problems)

    def generator() -> Any:
        one = left.pop(0)
        if isinstance(one, Exception):
            raise one
        return one

    return generator


def test_a_draw_of_nothing_is_tried_again_and_a_fault_is_a_problem() -> None:
    good = SimpleNamespace(question="1 + 1?", answer=2)
    long = SimpleNamespace(question="x" * 161, answer=2)
    generators = {"a": made(None, long, good, ValueError("no"))}
    first, second = mathematics_child.lines(generators, ["a"], 2, 1)
    assert first == {"module": "a", "number": 0, "question": "1 + 1?", "answer": "2"}
    assert second == {"module": "a", "number": 1, "problem": "ValueError: no"}
    (third,) = mathematics_child.lines({"a": lambda: None}, ["a"], 1, 1)
    assert "50 draws" in third["problem"]


def test_a_wheel_that_is_not_the_one_mended_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    members = {"mathematics_dataset/__init__.py": "", "mathematics_dataset/sample/__init__.py": "",
               "mathematics_dataset/sample/polynomials.py": "x = 1\n"}  # fmt: skip
    sha = put_wheel(tmp_path / "cache", members, "mathematics-dataset", "1.0.1")
    monkeypatch.setattr(mathematics, "SHA256", sha)
    with pytest.raises(
        UserError, match=r"ended after 0 of 6 questions: RuntimeError: .* is not the one that is mended here"
    ):
        read_all(source(), context(tmp_path))


FAKE = """
import random
from types import SimpleNamespace

def draw():
    print("chatter")
    a = random.randint(0, 10**6)
    if a % 7 == 0:
        raise ZeroDivisionError("by chance")
    return SimpleNamespace(question=f"What is {a} + 0?", answer=a)

def train(entropy):
    return {"arithmetic": {"add_or_sub": draw}, "algebra": {"linear_1d": draw}}

test = test_extra = lambda: {"arithmetic": {"add_or_sub": draw}}
"""


def fake_wheel(tmp_path: Path) -> str:
    polynomials = "def f():\n    coeffs.itemset(index, value)\n    expanded_coefficients.itemset(power, coeffs)\n"
    return put_wheel(
        tmp_path / "cache",
        {
            "mathematics_dataset/__init__.py": "",
            "mathematics_dataset/sample/__init__.py": "",
            "mathematics_dataset/sample/polynomials.py": polynomials,
            "mathematics_dataset/modules/__init__.py": "",
            "mathematics_dataset/modules/modules.py": FAKE,
        },
        "mathematics-dataset",
        "1.0.1",
    )


def test_the_child_is_asked_and_what_it_cannot_make_is_in_the_ledger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mathematics, "SHA256", fake_wheel(tmp_path))
    small, large = (read_all(source(size=size), context(tmp_path)) for size in (10, 40))
    assert (small.read, large.read) == (10, 40)
    assert large.frame["question"].to_list()[: len(small.frame)] == small.frame["question"].to_list()
    assert set(rules(large).values()) == {"degenerate"}
    places = [*small.frame["source_row"], *small.rejected["source_row"]]
    modules = ("arithmetic__add_or_sub", "algebra__linear_1d")
    assert set(places) == {f"train-easy/{module}:{number}" for module in modules for number in range(5)}
    one = read_all(source(size=5, modules=["algebra__linear_1d"]), context(tmp_path))
    assert set(one.frame["question"]) <= set(small.frame["question"])
    other = read_all(source(size=10, seed=8), context(tmp_path))
    assert set(other.frame["question"]).isdisjoint(small.frame["question"])
    with pytest.raises(UserError, match=r"has no module 'algebra__linear_2d'; did you mean 'algebra__linear_1d'"):
        read_all(source(modules=["algebra__linear_2d"]), context(tmp_path))
    with pytest.raises(UserError, match=r"extrapolate has no module 'algebra__linear_1d'"):
        read_all(source(dataset="extrapolate"), context(tmp_path))
