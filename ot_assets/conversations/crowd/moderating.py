"""What moderators see and do: reported messages, whole trees with their history, persons.

Belongs here: the pages below `/moderate`. Contract: only who the settings name as a moderator sees them; every change is an
event of that moderator's, and one that changes nothing writes nothing. Fails with `Rejected` and `Refused`, which `app`
shows. A tree is named by a field, never by a path: ids of elsewhere hold any character.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from ot_assets.conversations.crowd.people import Person
from ot_assets.conversations.crowd.site import Site, go
from ot_assets.conversations.crowd.views import placed_of, reported_of, trees_of
from ot_assets.conversations.crowd.web import Fields, Rejected
from ot_assets.conversations.events import Refused

_OF_TREES = {"halt": "tree_halted", "unhalt": "tree_unhalted", "retry": "scoring_retried"}
_OF_MESSAGES = {"edit": "message_edited", "delete": "message_deleted", "undelete": "message_undeleted"}
_OF_PERSONS = {"disable": "user_disabled", "enable": "user_enabled"}


class Moderating:
    """The moderators' pages."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._desk = site.desk

    def overview(self, request: Request, person: Person) -> Response:
        """Reports, and trees by state; or the tree of a message that is looked for."""
        self._check(person)
        sought, state = request.query_params.get("find", "").strip(), request.query_params.get("state", "")
        with self._desk.look() as live:
            found = live.message(sought) if sought else None
            if found is not None:
                return go(_at(found[0].tree_id))
            return self._site.page(
                request,
                "moderate",
                person,
                states={name: count for name, count in live.fold.language.states.items() if count},
                reported=reported_of(live),
                state=state,
                trees=trees_of(live, state),
                sought=sought,
            )

    def tree(self, request: Request, person: Person) -> Response:
        """A whole tree, why it is in its state, and what can be done with it."""
        self._check(person)
        with self._desk.look() as live:
            tree = live.tree(request.query_params.get("id", ""))
            if tree is None:
                raise Refused("unknown_tree", "there is no such tree")
            placed = placed_of(live, self._site.people, tree)
            return self._site.page(request, "tree", person, tree=tree, placed=placed)

    def change(self, request: Request, person: Person, fields: Fields) -> Response:
        """A moderator's word on a tree or a message in it."""
        tree_id, action = fields.one("tree"), fields.one("action")
        said: dict[str, Any] = {"tree_id": tree_id}
        if action in _OF_TREES:
            kind = _OF_TREES[action]
            if action != "retry" and fields.text("why").strip():
                said["text"] = fields.text("why")
        elif action in _OF_MESSAGES:
            kind = _OF_MESSAGES[action]
            said["message_id"] = fields.one("message")
            if action == "edit":
                said["text"] = fields.text("text")
        else:
            raise Rejected(400, "There is no such thing to do.")
        self._desk.moderate(person.user_id, kind, said)
        return go(_at(tree_id))

    def persons(self, request: Request, person: Person) -> Response:
        """Everybody who was invited, and what they did."""
        self._check(person)
        with self._desk.look() as live:
            rows: list[Mapping[str, Any]] = [
                {
                    "person": one,
                    "tasks": live.records[one.user_id].tasks if one.user_id in live.records else 0,
                    "out": one.user_id in live.fold.language.disabled,
                    "moderates": one.user_id in live.fold.settings.moderators,
                }
                for one in self._site.people.all()
            ]
        return self._site.page(request, "people", person, rows=rows)

    def shut_out(self, request: Request, person: Person, fields: Fields) -> Response:
        """Shuts a person out, or lets them in again."""
        kind = _OF_PERSONS.get(fields.one("action"))
        other = self._site.people.by_id(fields.one("person"))
        if kind is None or other is None:
            raise Rejected(400, "There is no such person, or nothing like that to do.")
        self._desk.moderate(person.user_id, kind, {"about_user": other.user_id})
        return go("/moderate/people")

    def _check(self, person: Person) -> None:
        if not self._desk.moderates(person.user_id):
            raise Rejected(403, "Only moderators see this page.")


def _at(tree_id: str) -> str:
    """The address of a tree's page."""
    return f"/moderate/tree?id={quote(tree_id, safe='')}"
