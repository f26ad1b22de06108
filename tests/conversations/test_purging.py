"""Who is purged is in no row of `contributions`, whatever the logs hold; and only those purge who may."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ot_assets.conversations.collecting import Collected, collect, events_of
from ot_assets.conversations.fold import Fold
from ot_assets.conversations.logs import line_of
from ot_assets.conversations.purging import hashed
from ot_assets.conversations.shelf import Shelf
from ot_assets.registry.specs.crowd import CrowdSettings
from tests.conversations.acting import imported

ANN = {"kind": "user_purged", "about_user": "ann"}
NAMED = {"moderators": ["mod"]}


def prompt(name: str = "p", user: str = "ann") -> dict[str, Any]:
    return {"kind": "prompt_submitted", "user_id": user, "tree_id": name, "message_id": name, "text": f"prompt {name}"}


def given(tree: Any) -> dict[str, Any]:
    return {"kind": "tree_imported", "tree_id": "root", "tree": tree}


def collected(*said: dict[str, Any], **settings: Any) -> Collected:
    base = {"at": "2026-01-02T00:00:00Z", "language": "en"}
    lines = [line_of("log", str(n), {**base, "event_id": f"e{n}", **one}) for n, one in enumerate(said)]
    found = collect(lines, "en", moderators=CrowdSettings(**settings))
    assert found.lines == found.events.height + found.ledger.height
    return found


def kinds(found: Collected) -> list[str]:
    return found.events.get_column("kind").to_list()


@pytest.mark.parametrize(
    "tree",
    [
        {"messages": [{"text": "x"}]}, {"messages": 5}, {"messages": [7]}, {}, {"messages": [{"message_id": ["a"]}]},
        {"messages": [{"message_id": "root", "user_id": 7}]}, {"messages": [{"message_id": "root", "parent_id": {}}]},
        {"messages": [{"message_id": "root"}, {"message_id": "b", "parent_id": "root", "rank": "0"}]},
    ],
)  # fmt: skip
def test_an_import_that_is_none_goes_with_any_purge(tree: Any) -> None:
    found = collected(given(tree), prompt(), ANN)
    assert kinds(found) == ["user_purged"]


def test_settings_that_are_none_stop_no_purge() -> None:
    found = collected({"kind": "config_changed", "settings": {"moderators": [5, "ann"]}}, prompt(), ANN)
    assert kinds(found) == ["config_changed", "user_purged"]
    assert json.loads(found.events["settings"][0]) == {"moderators": [5]}


def test_a_root_may_have_a_rank_and_no_parent() -> None:
    tree = imported("root", ("a", "root"), ("b", "root"))
    for row, more in zip(tree["messages"], ({"rank": 0}, {"rank": 0, "user_id": "ann"}, {"rank": 1}), strict=True):
        row.update(more)
    assert "parent_id" not in tree["messages"][0]
    found = collected(given(tree), ANN)
    event = next(events_of(found.events))
    assert event.tree is not None
    assert [(row["message_id"], row["rank"]) for row in event.tree["messages"]] == [("root", 0), ("b", 0)]
    assert Fold("en", Shelf(CrowdSettings())).apply(event) is None


def test_only_a_moderators_purge_counts_where_one_is_named() -> None:
    for by in ({"user_id": "mallory"}, {}):
        found = collected(prompt(), {**ANN, **by}, **NAMED)
        assert kinds(found) == ["prompt_submitted", "user_purged"] and not found.rules
    found = collected(prompt(), {**ANN, "user_id": "mod"}, **NAMED)
    assert kinds(found) == ["user_purged"] and found.rules == {"purged": 1}
    assert found.events["about_user"][0] == hashed("ann")


def test_a_purge_that_does_not_count_goes_with_its_sender() -> None:
    mallory = {"kind": "user_purged", "user_id": "mod", "about_user": "mallory"}
    found = collected(prompt(), {**ANN, "user_id": "mallory"}, mallory, **NAMED)
    assert kinds(found) == ["prompt_submitted", "user_purged"]
    assert found.events["about_user"].to_list() == [None, hashed("mallory")]


def test_who_is_a_moderator_is_asked_at_the_moment_of_the_purge() -> None:
    def changed(*names: Any, by: str | None = None) -> dict[str, Any]:
        return {"kind": "config_changed", "settings": {"moderators": list(names)}, **({"user_id": by} if by else {})}

    purge = {**ANN, "user_id": "new"}
    assert kinds(collected(prompt(), changed("new", by="mod"), purge, **NAMED)) == ["config_changed", "user_purged"]
    for before in (changed("new", by="new"), changed("new", 5, by="mod"), changed("other", by="mod")):
        assert "prompt_submitted" in kinds(collected(prompt(), before, purge, **NAMED))
    assert "prompt_submitted" in kinds(collected(prompt(), purge, changed("new", by="mod"), **NAMED))
    assert "prompt_submitted" in kinds(collected(prompt(), changed("mod"), purge))
    assert "prompt_submitted" not in kinds(collected(prompt(), purge, changed("mod")))


def test_a_moderator_who_is_shut_out_purges_nobody() -> None:
    named = {"moderators": ("mod", "other")}
    out = {"kind": "user_disabled", "user_id": "mod", "about_user": "other"}
    purge = {**ANN, "user_id": "other"}
    assert "prompt_submitted" in kinds(collected(prompt(), out, purge, **named))
    back = {"kind": "user_enabled", "user_id": "mod", "about_user": "other"}
    assert "prompt_submitted" not in kinds(collected(prompt(), out, back, purge, **named))
    # Nobody shuts the last moderator out, so their word goes on to count.
    last = {"kind": "user_disabled", "user_id": "mod", "about_user": "mod"}
    assert "prompt_submitted" not in kinds(collected(prompt(), last, {**ANN, "user_id": "mod"}, **NAMED))


def test_a_moderators_version_of_their_words_goes_too() -> None:
    def edited(name: str) -> dict[str, Any]:
        said = {"kind": "message_edited", "user_id": "mod", "message_id": name, "tree_id": "p"}
        return {**said, "text": f"call {name} on 0123"}

    reply = {**prompt("r"), "kind": "reply_submitted", "tree_id": "q", "parent_id": "q", "role": "assistant"}
    tree = imported("root", ("a", "root"), ("b", "a"), ("c", "root"))
    tree["messages"][1]["user_id"] = "ann"
    edits = [edited(name) for name in ("p", "q", "r", "root", "a", "b", "c")]
    found = collected(prompt(), prompt("q", "ben"), reply, given(tree), *edits, {**ANN, "user_id": "mod"}, **NAMED)
    left = found.events.filter(found.events["kind"] == "message_edited")
    assert left["message_id"].to_list() == ["q", "root", "c"]
    assert found.rules == {"purged": 6}
