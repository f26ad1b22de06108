"""`ot crowd invite`, `ot contribute` and its purge, and what they leave in the state folder."""

from __future__ import annotations

import gzip
import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ot_assets.commands import contribute, crowd
from ot_assets.conversations.collecting import collect
from ot_assets.conversations.crowd.gate import Gate
from ot_assets.conversations.crowd.people import People
from ot_assets.conversations.events import parse
from ot_assets.conversations.folding import fold_all
from ot_assets.conversations.logs import Line
from ot_assets.conversations.purging import hashed
from ot_assets.registry import registry
from ot_assets.registry.specs.crowd import CrowdSettings
from resources.contributions.log import EventLog
from resources.errors import UserError
from resources.home import Home

NL = "2026-01-01T00:00:00.000+00:00"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """A state folder and a registry with a language."""
    place = tmp_path / "registry" / "conversations"
    place.mkdir(parents=True)
    spec = {"description": "A test.", "language": "nl", "licence": "CC0-1.0"}
    (place / "nl.yaml").write_text(yaml.safe_dump(spec))
    monkeypatch.setenv("OT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OT_REGISTRY", str(tmp_path / "registry"))
    monkeypatch.delenv("OT_CROWD_URL", raising=False)
    registry.cache_clear()
    yield Home.from_env()
    registry.cache_clear()


def event(name: str, **more: Any) -> dict[str, Any]:
    said = {"event_id": name, "kind": "prompt_submitted", "at": NL, "language": "nl", "user_id": "ann"}
    return {**said, "tree_id": name, "message_id": name, "text": f"prompt {name}", **more}


def lines(home: Home, language: str = "nl") -> list[dict[str, Any]]:
    with EventLog.of(home) as log:
        return [line for _, line in log.read(language)]


def invite(name: str, **more: Any) -> None:
    said = {"again": False, "moderator": False, "by": None, "language": "nl", "url": None, "as_json": True}
    crowd.invite(name, **{**said, **more})


def test_a_link_is_told_once_and_only_a_hash_is_kept(home: Home, capsys: pytest.CaptureFixture[str]):
    invite("Ann Öz", url="https://crowd.example/")
    said = json.loads(capsys.readouterr().out)
    address, _, token = said["link"].partition("#")
    assert address == "https://crowd.example/sign-in" and len(token) >= 43
    file = home.path / "crowd" / "people.jsonl"
    assert token not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    people = People(file)
    person = people.by_token(token)
    assert person is not None and person.user_id == said["user_id"] and "ann" not in person.user_id.lower()
    assert people.by_token(token + "x") is None and people.by_token("") is None
    invite("Ann Öz", again=True)
    again = json.loads(capsys.readouterr().out)
    assert again["user_id"] == said["user_id"]
    assert people.by_token(token) is None and people.by_token(again["link"].partition("#")[2]) is not None


@pytest.mark.parametrize(("name", "more"), [("", {}), ("x" * 81, {}), ("a\tb\x07", {}), ("Nobody", {"again": True})])
def test_names_that_are_none(home: Home, name: str, more: dict[str, Any]):
    with pytest.raises(UserError):
        invite(name, **more)


def test_a_name_is_taken_once(home: Home):
    invite("Ann")
    with pytest.raises(UserError, match="was invited on"):
        invite("  Ann ")
    (home.path / "crowd" / "people.jsonl").write_text("nonsense\n")
    with pytest.raises(UserError, match=r"people\.jsonl:1 names no person"):
        invite("Ben")


def test_the_first_moderator_names_the_next(home: Home, capsys: pytest.CaptureFixture[str]):
    invite("Ann", moderator=True)
    ann = json.loads(capsys.readouterr().out)["user_id"]
    with pytest.raises(UserError, match="moderators are named already"):
        invite("Ben", moderator=True)
    assert len(People(home.path / "crowd" / "people.jsonl").all()) == 1
    invite("Ben", moderator=True, by="Ann")
    ben = json.loads(capsys.readouterr().out)["user_id"]
    assert [(line["kind"], line["settings"]) for line in lines(home)] == [
        ("config_changed", {"moderators": [ann]}), ("config_changed", {"moderators": [ann, ben]}),
    ]  # fmt: skip
    with pytest.raises(UserError, match="no conversation 'xx'"):
        invite("Cat", moderator=True, language="xx")


def test_a_key_is_made_once_and_is_whole(tmp_path: Path):
    one, other = Gate.of(tmp_path / "key"), Gate.of(tmp_path / "key")
    assert one.form_token("x") == other.form_token("x")
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["key"]
    assert not one.meant(one.form_token(""), "") and not one.meant("x", None)


def test_events_of_a_file_are_taken_or_refused_with_line_and_reason(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    rows: list[Any] = [
        event("a"), "", event("b"), event("a"), event("a", text="another"), event("c", at="2999-01-01T00:00:00Z"),
        event("d", at="2025-01-01T00:00:00Z"), {"kind": "nothing"}, event("e", labels={"spam": 1}),
        event("f", text="x" * 100_001), event("g", language="fy"), [1], event("h"),
    ]  # fmt: skip
    raw = [one if isinstance(one, str) else json.dumps(one) for one in rows]
    file = tmp_path / "events.jsonl"
    file.write_bytes("\n".join([*raw, "{", "[" * 100_000]).encode() + b"\n\xff\xfe")
    assert contribute.run(str(file), as_json=True) == 1
    said = json.loads(capsys.readouterr().out)
    assert (said["lines"], said["taken"], said["there"]) == (15, 4, 1)
    assert [(one["line"], one["rule"]) for one in said["refused"]] == [
        (5, "another_event"), (6, "from_the_future"), (7, "out_of_order"), (8, "not_an_event"), (9, "bad_field"),
        (10, "text_too_long"), (12, "not_an_event"), (14, "not_an_event"), (15, "not_an_event"), (16, "not_an_event"),
    ]  # fmt: skip
    assert said["unread_languages"] == {"fy": 1}
    assert [line["event_id"] for line in lines(home)] == ["a", "b", "h"]
    assert contribute.run(str(file), as_json=False) == 1
    told = capsys.readouterr().out
    assert "0 of 15 events taken, 5 stood there already, 10 refused" in told and "line 7: out_of_order" in told


def test_a_packed_file_is_read_as_far_as_it_goes(home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    file = tmp_path / "events.jsonl.gz"
    file.write_bytes(gzip.compress("\n".join(json.dumps(event(str(n))) for n in range(50)).encode()))
    assert contribute.run(str(file), as_json=True) == 0
    assert len(lines(home)) == 50
    torn = tmp_path / "torn.jsonl.gz"
    torn.write_bytes(gzip.compress("\n".join(json.dumps(event(f"t{n}")) for n in range(5000)).encode())[:-200])
    capsys.readouterr()
    assert contribute.run(str(torn), as_json=True) == 1
    said = json.loads(capsys.readouterr().out)
    assert said["taken"] > 100 and said["refused"][-1]["rule"] == "torn_file"
    with pytest.raises(UserError, match="cannot be read"):
        contribute.run(str(tmp_path / "nowhere.jsonl"), as_json=True)


def test_events_come_from_standard_input_too(home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    file = tmp_path / "in"
    file.write_text(json.dumps(event("a")))
    with file.open() as stream:
        monkeypatch.setattr("sys.stdin", stream)
        assert contribute.run("-", as_json=False) == 0
    assert [line["event_id"] for line in lines(home)] == ["a"]


def test_a_purge_takes_a_person_out_of_log_and_list(home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    invite("Ann")
    ann = json.loads(capsys.readouterr().out)
    file = tmp_path / "events.jsonl"
    file.write_text(
        "\n".join(json.dumps(event(name, user_id=user)) for name, user in (("a", ann["user_id"]), ("b", "ben")))
    )
    contribute.run(str(file), as_json=False)
    contribute.purge("Ann", by=None, as_json=False)
    assert [line["kind"] for line in lines(home)] == ["prompt_submitted", "user_purged"]
    (english,) = lines(home, "en")  # the registry's other languages may have logs elsewhere that name the person
    assert english["kind"] == "user_purged" and english["about_user"].startswith("sha256:")
    assert People(home.path / "crowd" / "people.jsonl").by_token(ann["link"].partition("#")[2]) is None
    for place in (home.path / "crowd").iterdir():
        assert ann["user_id"].encode() not in place.read_bytes()


def test_only_a_moderators_word_purges_where_one_is_named(home: Home, capsys: pytest.CaptureFixture[str]):
    invite("Ann", moderator=True)
    with pytest.raises(UserError, match="only a moderator's word counts"):
        contribute.purge("ben", by=None, as_json=True)
    capsys.readouterr()
    contribute.purge("ben", by="Ann", as_json=True)
    assert json.loads(capsys.readouterr().out)["languages"] == ["en", "nl"]


@pytest.mark.parametrize("by", ["Ann", "Cat"])
def test_a_moderator_who_is_purged_leaves_the_others_in_place(
    home: Home, capsys: pytest.CaptureFixture[str], tmp_path: Path, by: str
):
    invite("Ann", moderator=True)
    ann = json.loads(capsys.readouterr().out)["user_id"]
    invite("Cat", moderator=True, by="Ann")
    cat = json.loads(capsys.readouterr().out)["user_id"]
    contribute.purge("Ann", by=by, as_json=True)
    spec = crowd.spec_of("nl")
    with EventLog.of(home) as log:
        with crowd.desk_of(spec, log).look() as live:
            assert live.fold.settings.moderators == (cat,)
            assert hashed(ann) in live.fold.language.disabled
        rows = [Line("log", str(n), parse(line), None) for n, line in log.read("nl")]
    folded = fold_all(spec, [collect(rows, "nl").events], tmp_path / "folds")
    assert folded.shelf.settings.moderators == (cat,)
    invite("Dan", moderator=True, by="Cat")  # the house goes on
    contribute.purge("Dan", by="Cat", as_json=True)


def test_a_moderator_who_was_named_by_who_is_purged_stays_one(home: Home, capsys: pytest.CaptureFixture[str]):
    named = {}
    for name, by in (("Dan", None), ("Ann", "Dan"), ("Cat", "Ann")):
        invite(name, moderator=True, by=by)
        named[name] = json.loads(capsys.readouterr().out)["user_id"]
    for by in ("Ann", "Cat"):  # once Ann is out, what she said is, and by the log only Dan's word counts
        with pytest.raises(UserError, match=named["Dan"]):
            contribute.purge("Ann", by=by, as_json=True)
    contribute.purge("Ann", by="Dan", as_json=True)
    with EventLog.of(home) as log, crowd.desk_of(crowd.spec_of("nl"), log).look() as live:
        assert live.fold.settings.moderators == (named["Dan"], named["Cat"])


def test_a_moderator_of_the_yaml_is_taken_off_it_first(home: Home, tmp_path: Path):
    write(tmp_path, settings={"moderators": ["ann"]})
    with pytest.raises(UserError, match="YAML names ann"):
        contribute.purge("ann", by=None, as_json=True)
    write(tmp_path)
    contribute.purge("ann", by=None, as_json=True)
    assert [line["kind"] for line in lines(home)] == ["user_purged"]


def write(folder: Path, language: str = "nl", **more: Any) -> None:
    spec = {"description": "A test.", "language": language, "licence": "CC0-1.0", **more}
    (folder / "registry" / "conversations" / f"{language.lower()}.yaml").write_text(yaml.safe_dump(spec))
    registry.cache_clear()


@pytest.mark.parametrize(
    ("more", "sister", "why"),
    [
        ({"logs": ["events/*.jsonl"]}, None, "events"), ({"house_log": False}, None, "house_log: false"),
        ({}, "nl-BE", "nl-be"),
        ({"imports": [{"files": ["t.jsonl.gz"], "states": ["growing", "ready_for_export"]}]}, None, "(growing)"),
    ],
)  # fmt: skip
def test_a_page_that_would_show_what_the_assets_do_not_fold_is_not_served(
    home: Home, tmp_path: Path, more: dict[str, Any], sister: str | None, why: str
):
    write(tmp_path, **more)
    if sister:
        write(tmp_path, sister)
    with pytest.raises(UserError, match="would not be what the assets fold") as refused:
        crowd.serve(host="127.0.0.1", port=0, language="nl")
    assert why in str(refused.value)


def test_a_sister_that_reads_another_log_is_none(home: Home, tmp_path: Path):
    write(tmp_path, "nl-BE", house_log=False)
    taken = crowd.listening("127.0.0.1", 0)
    with pytest.raises(UserError, match="cannot be used"):
        crowd.serve(host="127.0.0.1", port=taken.getsockname()[1], language="nl")
    taken.close()


def test_a_team_that_is_too_small_for_its_rules_is_told(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("uvicorn.Server.run", lambda *_, **__: None)
    for name in ("Ann", "Ben", "Cat", "Dan", "Eva"):
        invite(name)
    crowd.serve(host="127.0.0.1", port=0, language="nl")
    assert "5 people cannot finish every tree under these rules, 6 can" in " ".join(capsys.readouterr().err.split())
    invite("Fay")
    crowd.serve(host="127.0.0.1", port=0, language="nl")
    assert "cannot finish" not in capsys.readouterr().err
    assert crowd.few(4, CrowdSettings()) and crowd.few(3, CrowdSettings(num_required_rankings=1, max_children_count=1))
    assert crowd.few(4, CrowdSettings(num_required_rankings=1)) is None


def test_a_port_that_is_taken_is_told(home: Home):
    taken = crowd.listening("127.0.0.1", 0)
    port = taken.getsockname()[1]
    with pytest.raises(UserError, match=f"port {port} on 127.0.0.1"):
        crowd.serve(host="127.0.0.1", port=port, language="nl")
    taken.close()
