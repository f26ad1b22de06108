"""Trees of elsewhere, whose ids hold what addresses give a meaning to."""

from __future__ import annotations

import html
import re
from pathlib import Path
from urllib.parse import quote

from resources.contributions.log import EventLog
from tests.conversations.crowd.site import LANGUAGE, served


def test_a_tree_of_elsewhere_is_moderated_whatever_its_id(tmp_path: Path):
    with served(tmp_path, {}) as site:
        name = 'a/b#c?d=e&f%20g"h é'
        at = site.lines()[-1]["at"] if site.lines() else "2026-01-01T00:00:00.000+00:00"
        line = {"event_id": "odd", "kind": "prompt_submitted", "at": at, "language": LANGUAGE, "user_id": "elsewhere"}
        with EventLog(f"sqlite:///{site.folder / 'home' / 'crowd' / 'events.sqlite'}") as log:
            (done,) = log.append([{**line, "tree_id": name, "message_id": name, "text": "an odd prompt"}])
            assert done.said == "added"
        moderator = site.moderator()
        listed = moderator.get("/moderate?state=initial_prompt_review").text
        found = re.search(r'<a href="([^"]+)" dir="auto">an odd prompt</a>', listed)
        assert found and "an odd prompt" in moderator.get(html.unescape(found[1])).text
        fields = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', moderator.page)
        form = {key: html.unescape(value) for key, value in fields}
        assert form["tree"] == form["message"] == name
        done = moderator.post("/moderate/tree", {**form, "action": "delete"})
        assert done.status_code == 303
        assert "Bring back" in moderator.get(done.headers["location"]).text
        moderator.post("/reports", {**form, "message": name, "why": "odd"})
        moderator.post("/moderate/tree", {**form, "action": "undelete"})
        reported = re.search(r'<h3><a href="(/moderate/tree[^"]+)">', moderator.get("/moderate").text)
        assert reported and "an odd prompt" in moderator.get(html.unescape(reported[1])).text
        assert "an odd prompt" in moderator.get(f"/moderate?find={quote(name)}").text
