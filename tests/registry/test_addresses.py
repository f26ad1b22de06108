"""The endpoints of a model's YAML: one, several, or by the environment; nonsense is refused with its value."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from ot_assets.asking import as_model
from ot_assets.registry.specs.model import ModelSpec

A, B = "http://10.0.0.1:8000/v1", "http://10.0.0.2:8000/v1"


def spec(**fields: Any) -> ModelSpec:
    return ModelSpec.model_validate({"key": "m", "engine": "openai", "model": "m", "licence": "mit"} | fields)


def test_several_endpoints_are_one_model() -> None:
    one, several = spec(base_url=A), spec(base_urls=[A, B])
    assert several.endpoint_urls == (A, B)
    assert one.identity() == several.identity()
    assert (as_model(several).base_url, as_model(several).base_urls) == (A, (B,))
    assert as_model(one).base_urls == ()


def test_the_environment_wins_and_may_name_several(monkeypatch: pytest.MonkeyPatch) -> None:
    found = spec(base_url=A, base_url_env="OT_TEST_URL")
    assert found.endpoint_urls == (A,)
    monkeypatch.setenv("OT_TEST_URL", f"{B}, {A}")
    assert found.endpoint_urls == (B, A)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({}, "needs base_url"),
        ({"base_urls": []}, "needs base_url"),
        ({"base_url": A, "base_urls": [B]}, "give one of the two"),
        ({"base_urls": [A, A + "/"]}, "names an address twice"),
        ({"base_urls": [A, "10.0.0.2:8000"]}, "'10.0.0.2:8000' is no http address"),
        ({"base_url": "http://host:port/v1"}, "is no http address"),
        ({"base_urls": [A, B], "mode": "batch"}, "speaks to one endpoint"),
        ({"engine": "transformers", "base_urls": [A]}, "belongs to engine: openai"),
    ],
)
def test_nonsense_is_refused(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        spec(**fields)
