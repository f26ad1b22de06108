"""Which files are read, in which order they stand, and what happens to those that are in the way."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from ot_assets.registry import RegistryErrors, load_registry, registry, remember_keys
from ot_assets.registry.check import check
from resources.errors import UserError
from tests.registry.house import MODEL, SOURCE, TEACHER, House


def test_loads(house: House) -> None:
    found = house.load()
    assert list(found.sources) == ["sums"]
    assert found.sources["sums"].key == "sums"
    assert found.recipes["first"].sources == ("sums",)
    assert found.folder("sources", "sums") == house.folder / "sources"
    assert found.model_of("tutor") == found.models["tiny"]


def test_adds_to_the_shipped_one(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OT_REGISTRY", str(house.folder))
    registry.cache_clear()
    found = registry()
    registry.cache_clear()
    assert "openthoughts3" in found.recipes
    assert list(found.sources)[-1] == "sums"


def test_folder_that_is_not_there(house: House, tmp_path: Path) -> None:
    with pytest.raises(RegistryErrors, match="does not exist"):
        load_registry(tmp_path / "nowhere", record=house.record)


def test_file_for_a_folder(house: House, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RegistryErrors, match="is a file"):
        load_registry(tmp_path / "file", record=house.record)


def test_key_taken_by_the_shipped_registry(house: House) -> None:
    house.write("teachers/qwq-32b.yaml", TEACHER)
    report = check(house.folder, record=house.record)
    assert [p.file.name for p in report.errors] == ["qwq-32b.yaml"]
    assert "is taken by" in report.errors[0].message


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("source/more.yaml", "did you mean 'sources'"),
        ("recpies/more.yaml", "did you mean 'recipes'"),
        ("more.yaml", "outside the sections"),
        ("sources/more.yml", "rename it to more.yaml"),
    ],
)
def test_yaml_that_nobody_would_read(house: House, name: str, word: str) -> None:
    path = house.write(name, SOURCE.replace("{seed}", "7"))
    problem = house.only()
    assert problem.file == path
    assert word in problem.message


def test_other_files_are_left_alone(house: House) -> None:
    house.write("README.md", "mine")
    house.write("data/rows.jsonl", "{}")
    house.write("sources/.#sums.yaml", "editor's lock")
    house.write("sources/sums.yaml~", "backup")
    house.write(".git/config.yaml", "x")
    assert list(house.load().sources) == ["sums"]


def test_bad_key(house: House) -> None:
    house.write("sources/My Sums.yaml", SOURCE.replace("{seed}", "7"))
    assert "small letters" in house.only().message


def test_unreadable_file(house: House) -> None:
    (house.folder / "sources" / "gone.yaml").symlink_to(house.folder / "nowhere")
    assert "cannot be read" in house.only().message


def test_shipped_key_without_yaml_and_yaml_without_key(house: House) -> None:
    (house.shipped / "keys.yaml").write_text("models: [lost]\n")
    (house.shipped / "models").mkdir()
    (house.shipped / "models" / "extra.yaml").write_text(MODEL)
    messages = [problem.message for problem in house.problems()]
    assert any("'lost' has no models/lost.yaml" in message for message in messages)
    assert any("'extra' is not in keys.yaml" in message for message in messages)


def test_retired_shipped_key_is_refused(house: House) -> None:
    (house.shipped / "keys.yaml").write_text("retired: [teachers/tutor]\n")
    assert "is retired" in house.only().message


def test_order_is_shipped_first_then_recorded(house: House) -> None:
    house.write("sources/beta.yaml", SOURCE.replace("{seed}", "2"))
    remember_keys(house.load(), house.record)
    house.write("sources/alpha.yaml", SOURCE.replace("{seed}", "3"))
    assert list(house.load().sources) == ["beta", "sums", "alpha"]
    remember_keys(house.load(), house.record)
    house.write("sources/aaa.yaml", SOURCE.replace("{seed}", "4"))
    assert list(house.load().sources) == ["beta", "sums", "alpha", "aaa"]


def test_loading_writes_nothing(house: House) -> None:
    house.load()
    assert not house.record.parent.exists()


def test_a_key_that_is_gone_is_retired_and_may_come_back_as_it_was(house: House) -> None:
    path = house.write("sources/beta.yaml", SOURCE.replace("{seed}", "2"))
    remember_keys(house.load(), house.record)
    path.unlink()
    found = house.load()
    assert found.retired["sources"] == ("beta",)
    assert ["'beta' is no longer registered" in warning.message for warning in found.warnings] == [True]
    remember_keys(found, house.record)
    assert house.load().warnings == ()
    house.write("sources/beta.yaml", SOURCE.replace("{seed}", "5"))
    assert list(house.load().sources) == ["beta", "sums"]


def test_a_retired_key_is_not_used_for_something_else(house: House) -> None:
    path = house.write("sources/beta.yaml", SOURCE.replace("{seed}", "2"))
    remember_keys(house.load(), house.record)
    path.unlink()
    remember_keys(house.load(), house.record)
    house.write(
        "sources/beta.yaml",
        "description: x\ndomain: math\nlicence: MIT\norigin: {kind: files, paths: [a.jsonl]}\ncolumns: {question: q}\n",
    )
    assert "was a procedural before" in house.only().message


def test_damaged_record_is_named_and_kept(house: House) -> None:
    house.record.parent.mkdir()
    house.record.write_text("{")
    problem = house.only()
    assert problem.file == house.record
    assert house.record.read_text() == "{"


def test_errors_pickle(house: House) -> None:
    house.write("models/tiny.yaml", "")
    with pytest.raises(RegistryErrors) as caught:
        house.load()
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value)
    assert again.problems == caught.value.problems


def test_unknown_key_asks_back(house: House) -> None:
    with pytest.raises(UserError, match="did you mean 'sums'"):
        house.load().source("sum")


def test_model_written_out_in_a_teacher(house: House) -> None:
    house.write(
        "teachers/quick.yaml",
        "description: Quick.\nmodel: {engine: scripted, model: quick, licence: MIT}\n",
    )
    found = house.load()
    assert found.model_of("quick") is not None
    assert found.all_models["quick"].key == "quick"


def test_model_written_out_must_not_hide_another(house: House) -> None:
    house.write("teachers/tiny.yaml", "description: x\nmodel: {engine: scripted, model: other, licence: MIT}\n")
    assert "models/ has a model 'tiny' already" in house.only().message
