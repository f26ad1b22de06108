from __future__ import annotations

from pathlib import Path

import pytest

from ot_assets.graph import World
from ot_assets.registry import registry
from ot_assets.report.build import RecipeReport, build_report
from tests.endtoend.house import House
from tests.report.small import build_small, make_up_to_training, tokenizer_only, without_suites


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> House:
    """The small recipe, made up to its training set. Look at it, and change nothing in it."""
    folder = tmp_path_factory.mktemp("small")
    house = build_small(folder, tokenizer_only(folder / "base"))
    with without_suites():
        done = make_up_to_training(house, "small")
    assert done.ok, [step.reasons for step in done.steps]
    return house


@pytest.fixture(scope="session")
def report(small: House) -> RecipeReport:
    with small.entered():
        return build_report(World(registry(), small.store), "small", None)


@pytest.fixture
def copied(small: House, tmp_path: Path) -> House:
    """A copy that may be changed."""
    return small.copy(tmp_path / "copy")
