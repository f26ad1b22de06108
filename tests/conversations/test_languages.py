"""Language tags: one way of writing each, and no region lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ot_assets.conversations.languages import key_of, matches, normalised
from ot_assets.registry.specs.base import KEY_PATTERN


@pytest.mark.parametrize(
    ("tag", "usual"),
    [
        ("en", "en"), ("EN", "en"), ("pt-BR", "pt-BR"), ("pt_br", "pt-BR"), ("uk-ua", "uk-UA"), ("zh-hans-cn", "zh-Hans-CN"),
        ("nb-NO", "nb-NO"), (" de ", "de"), ("gsw", "gsw"), ("es-419", "es-419"), ("sl-rozaj-biske", "sl-rozaj-biske"),
        ("en-u-ca-gregory", "en-u-ca-gregory"), ("de-x-NO-Latn", "de-x-no-latn"),
        ("", None), ("e", None), ("english", None), ("en-", None), ("-en", None), ("en--US", None), ("en US", None),
        ("дe", None), ("en-toolongpart", None), ("en\n", "en"), ("en\0", None),
    ],
)  # fmt: skip
def test_the_usual_way_of_writing(tag, usual):
    assert normalised(tag) == usual


@given(st.from_regex(r"\A[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8}){0,3}\Z"))
def test_it_is_the_same_the_second_time_and_makes_a_key(tag):
    usual = normalised(tag)
    assert usual is not None and normalised(usual) == usual and normalised(key_of(usual)) == usual
    assert usual.lower() == tag.lower().replace("_", "-")
    assert __import__("re").match(KEY_PATTERN, key_of(usual))


def test_a_region_is_never_lost():
    assert not matches("pt", "pt-BR") and matches("pt-BR", "pt") and matches("pt-BR", "pt-BR")
    assert not matches("ptx", "pt") and not matches("pt-BR", "p")
