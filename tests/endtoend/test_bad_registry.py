"""Registry files with mistakes: every command refuses them with the same words, naming file, line, field and value."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.endtoend.house import FILES_SOURCE, House, generated, sums


@pytest.fixture
def small(tmp_path: Path) -> House:
    house = House(tmp_path)
    house.rows("mine.jsonl", sums(3))
    house.write("sources/mine", FILES_SOURCE)
    return house


def refused(house: House, *told: str) -> str:
    said = house.ot("check")
    assert said.code == 1
    assert "Traceback" not in said.text
    for text in told:
        assert text in said.text
    same = house.ot("run", "demo")
    assert same.code == 1
    for text in told:
        assert text in same.err
    assert "ot check" in same.err
    assert not house.home.exists(), "a refused registry leaves no trace"
    return said.text


def test_a_yaml_slip(small: House):
    (small.registry / "sources/mine.yaml").write_text("description: Sums\norigin: {kind: files\nlicence: MIT\n")
    refused(small, "registry/sources/mine.yaml:")


def test_an_unknown_key_with_the_nearest_known_one(small: House):
    small.edit("sources/mine", {"licens": "MIT"})
    refused(small, "registry/sources/mine.yaml:", "licens", "did you mean 'licence'?")


def test_a_name_of_nothing_with_the_nearest_known_one(small: House):
    small.write("teachers/cool", {"description": "x", "model": "smollm2-135m-instrut"})
    refused(small, "registry/teachers/cool.yaml:2: model:", "did you mean 'smollm2-135m-instruct'?")


def test_a_key_that_is_shipped_already(small: House):
    small.write("sources/chain-sum", generated(3, seed=1))
    refused(small, "registry/sources/chain-sum.yaml:1: key:", "'chain-sum' is taken by", "choose another")


def test_a_key_twice_in_one_file(small: House):
    file = small.registry / "sources/mine.yaml"
    file.write_text(file.read_text() + "licence: MIT\n")
    refused(small, "registry/sources/mine.yaml:", "licence")


def test_two_sources_that_read_the_same_rows(small: House):
    small.write("sources/again", FILES_SOURCE)
    refused(small, "reads the same rows as source 'again'", "keep one of the two")


def test_every_problem_at_once(small: House):
    small.edit("sources/mine", {"licence": "free", "verifier": "maths"})
    small.write("teachers/cool", {"description": "x", "model": "nobody", "sampling": {"temperature": 9}})
    text = refused(small, "licence", "verifier", "did you mean 'math'?", "nobody", "temperature")
    assert text.count("registry/") >= 4


def test_a_registry_folder_that_is_not_there(tmp_path: Path):
    said = House(tmp_path).ot("check")
    assert said.code == 1
    assert "does not exist" in said.text
    assert "Traceback" not in said.text
