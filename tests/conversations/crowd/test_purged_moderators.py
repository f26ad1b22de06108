"""What is left of the purges that a person noted, once they are purged themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ot_assets.commands import contribute
from ot_assets.conversations.collecting import collect
from ot_assets.conversations.logs import HOUSE, line_of
from ot_assets.conversations.purging import hashed
from ot_assets.registry import registry
from resources.contributions.log import EventLog
from resources.home import Home

NL = "2026-01-01T00:00:00.000+00:00"


def event(name: str, kind: str, user: str | None, **more: Any) -> dict[str, Any]:
    said = {"event_id": name, "kind": kind, "at": NL, "language": "nl", **more}
    return said if user is None else {**said, "user_id": user}


def prompt(name: str, user: str) -> dict[str, Any]:
    return event(name, "prompt_submitted", user, tree_id=name, message_id=name, text=f"prompt {name}")


def test_a_purged_moderators_purges_count_on_and_a_forgers_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "registry" / "conversations"
    place.mkdir(parents=True)
    (place / "nl.yaml").write_text(yaml.safe_dump({"description": "A test.", "language": "nl", "licence": "CC0-1.0"}))
    monkeypatch.setenv("OT_REGISTRY", str(tmp_path / "registry"))
    monkeypatch.delenv("OT_CROWD_URL", raising=False)
    registry.cache_clear()
    with EventLog.of(Home(tmp_path / "home")) as log:
        log.append([event("c", "config_changed", None, settings={"moderators": ["mod", "boss"]})])
        log.append([prompt("a", "ann"), prompt("b", "ben"), prompt("m", "mod")])
        log.append([event("forged", "user_purged", "mallory", about_user="ben")])
        for person, by in (("ann", "mod"), ("mod", "boss"), ("mallory", "boss")):
            contribute._purge(log, person, contribute._plans(log, person, by))
        left = [line for _, line in log.read("nl")]
    registry.cache_clear()
    purges = [line for line in left if line["kind"] == "user_purged"]
    assert [line["user_id"] for line in purges] == ["boss"] * 3
    assert {line["about_user"] for line in purges} == {hashed(name) for name in ("ann", "mod", "mallory")}
    elsewhere = [line_of("file", name, prompt(f"{name} again", name)) for name in ("ann", "ben", "mod")]
    found = collect([*elsewhere, *(line_of(HOUSE, str(n), line) for n, line in enumerate(left))], "nl")
    prompts = found.events.filter(found.events["kind"] == "prompt_submitted")
    assert prompts["user_id"].to_list() == ["ben", "ben"]


def test_each_language_is_signed_by_whom_its_own_moderators_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A purge by someone whose own naming goes with the purged person still counts, whatever another language notes."""
    place = tmp_path / "registry" / "conversations"
    place.mkdir(parents=True)
    for language in ("aa", "nl"):
        spec = {"description": "A test.", "language": language, "licence": "CC0-1.0"}
        (place / f"{language}.yaml").write_text(yaml.safe_dump(spec))
    monkeypatch.setenv("OT_REGISTRY", str(tmp_path / "registry"))
    monkeypatch.delenv("OT_CROWD_URL", raising=False)
    registry.cache_clear()
    with EventLog.of(Home(tmp_path / "home")) as log:
        log.append([event("c", "config_changed", None, settings={"moderators": ["first"]}), prompt("a", "ann")])
        log.append([event("p", "user_purged", "first", about_user=hashed("ann"))])
        log.append([event("n", "config_changed", "first", settings={"moderators": ["first", "next"]})])
        contribute._purge(log, "first", contribute._plans(log, "first", "next"))
        left = [line for _, line in log.read("nl")]
    registry.cache_clear()
    again = line_of("file", "1", prompt("again", "ann"))
    found = collect([again, *(line_of(HOUSE, str(n), line) for n, line in enumerate(left))], "nl")
    assert "prompt_submitted" not in found.events["kind"].to_list()
