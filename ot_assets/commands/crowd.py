"""`ot crowd`: the web page on which people contribute, and who may sign in to it."""

from __future__ import annotations

import socket
from pathlib import Path

from ot_assets.commands.output import console, errors, print_json
from ot_assets.conversations.crowd.desk import Desk
from ot_assets.conversations.crowd.gate import Gate
from ot_assets.conversations.crowd.people import People
from ot_assets.conversations.events import Refused
from ot_assets.conversations.languages import key_of
from ot_assets.conversations.state import FINAL
from ot_assets.registry import registry
from ot_assets.registry.specs.conversation import ConversationSpec
from ot_assets.registry.specs.crowd import CrowdSettings
from resources.artifacts.locks import holder, try_hold
from resources.contributions.book import TaskBook
from resources.contributions.log import EventLog
from resources.contributions.writing import family
from resources.errors import UserError
from resources.home import Home

PORT = 8100
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_AT_ONCE = 200
"""Requests that are answered at the same time; more are told to come back."""


def serve(*, host: str, port: int, language: str) -> None:
    """Serves a language's page until Ctrl-C. UserError where the assets would fold other events than the page does."""
    import uvicorn

    from ot_assets.conversations.crowd.app import make_app

    home, spec = Home.from_env(), spec_of(language)
    _check_page(spec)
    folder, people = crowd_folder(home), people_of(home)
    with try_hold(folder / f"{spec.key}.lock", f"the page of {spec.key}") as free:
        if not free:
            raise UserError(
                f"the page of {spec.key} is up already: {holder(folder / f'{spec.key}.lock')}",
                fix="use that one, or end it first: only one process may hand out tasks",
            )
        taken = listening(host, port)
        log = EventLog.of(home)
        desk = desk_of(spec, log)
        with desk.look() as live:
            trees = sum(live.fold.language.states.values())
            too_few = few(len(people.all()), live.fold.settings)
        app = make_app(desk, people, Gate.of(folder / "key"))
        address = f"http://{f'[{host}]' if ':' in host else host}:{taken.getsockname()[1]}"
        console.print(
            f"{spec.key}: {address}  ({trees} trees in {log.where}). Ctrl-C ends it.", markup=False, soft_wrap=True
        )
        if not people.all():
            console.print("nobody is invited yet: ot crowd invite NAME", markup=False)
        elif too_few:
            errors.print(too_few, markup=False, soft_wrap=True)
        if host not in _LOOPBACK:
            errors.print(
                "others can reach this address, and tokens go over the wire as they are: put a proxy with TLS before it that "
                "hands on the Host header",
                markup=False,
                soft_wrap=True,
            )
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, server_header=False, limit_concurrency=_AT_ONCE, lifespan="off"
        )
        try:
            uvicorn.Server(config).run(sockets=[taken])
        except KeyboardInterrupt:
            pass  # the usual end; what was answered stands in the log
        finally:
            log.close()


def invite(
    name: str, *, again: bool, moderator: bool, by: str | None, language: str, url: str | None, as_json: bool
) -> None:
    """Makes a token for a person and prints their link, once."""
    home = Home.from_env()
    people = people_of(home)
    spec = spec_of(language) if moderator else None
    chosen = people.named(by).user_id if by else None
    with EventLog.of(home) as log:
        if spec is not None:
            _may_name(desk_of(spec, log), chosen)
        person, token = people.invite(name, again=again)
        if spec is not None:
            _make_moderator(desk_of(spec, log), person.user_id, chosen)
    link = f"{(url or f'http://127.0.0.1:{PORT}').rstrip('/')}/sign-in#{token}"
    if as_json:
        print_json({"user_id": person.user_id, "name": person.name, "link": link, "moderator": moderator})
        return
    console.print(f"{person.name} ({person.user_id}) signs in with this link; it is shown once:", markup=False)
    console.print(link, markup=False, soft_wrap=True, style="bold")


def spec_of(language: str) -> ConversationSpec:
    """The conversations of a language. UserError where the registry has none."""
    return registry().conversation(key_of(language))


def few(people: int, rules: CrowdSettings) -> str | None:
    """What to tell where so many people can never bring every tree to its end; None where they can.

    Nobody ranks replies of which one is theirs, replies to a message twice, or reviews what they wrote.
    """
    ranking = rules.max_children_count + rules.num_required_rankings
    needs = max(ranking, 1 + max(rules.num_reviews_reply, rules.num_reviews_initial_prompt))
    if people >= needs:
        return None
    return (
        f"{people} people cannot finish every tree under these rules, {needs} can: invite more, or set "
        "num_required_rankings, max_children_count, num_reviews_* lower"
    )


def crowd_folder(home: Home) -> Path:
    """Where the page keeps its own files."""
    return home.path / "crowd"


def people_of(home: Home) -> People:
    """Those who were invited."""
    return People(crowd_folder(home) / "people.jsonl")


def desk_of(spec: ConversationSpec, log: EventLog) -> Desk:
    """The desk of a language over the house's log."""
    return Desk(spec.language, spec.settings, log, TaskBook(log, spec.language))


def listening(host: str, port: int) -> socket.socket:
    """A socket at the address. UserError where it cannot be had."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        raise UserError(
            f"port {port} on {host} cannot be used: {error.strerror or error}",
            fix=f"stop what uses it, or choose another: ot crowd --port {port + 1 if port < 65535 else port - 1}",
        ) from error


def _check_page(spec: ConversationSpec) -> None:
    """Raises where the assets fold other events than those that the page keeps: it would show trees that never come to be."""
    others = registry().conversations.values()
    sisters = [
        one.key
        for one in others
        if one.key != spec.key and one.house_log and family(one.language) == family(spec.language)
    ]
    why = None
    if not spec.house_log:
        why = "house_log: false, so that they never read what it keeps"
    elif spec.logs:
        why = f"they read {', '.join(spec.logs)} beside it"
    elif at_work := sorted({state for one in spec.imports for state in one.states} - {"ready_for_export", *FINAL}):
        why = f"they import trees that are still worked on ({', '.join(at_work)})"
    elif sisters:
        why = f"{', '.join(sisters)} would share its log"
    if why is not None:
        raise UserError(
            f"{spec.key}: what the page keeps would not be what the assets fold: {why}",
            fix="house_log: true, no logs: (`ot contribute` those files first), imports of finished trees only, and one "
            "language of a family (pt or pt-br)",
        )


def _may_name(desk: Desk, by: str | None) -> None:
    """Raises before anybody is invited where the moderator could not be named."""
    with desk.look() as live:
        moderators = live.fold.settings.moderators
    if moderators and by not in moderators:
        raise UserError(
            f"moderators are named already ({', '.join(moderators)}), and only they may name another",
            fix="say which of them does: --by NAME",
        )


def _make_moderator(desk: Desk, user_id: str, by: str | None) -> None:
    with desk.look() as live:
        moderators = live.fold.settings.moderators
    if user_id in moderators:
        return
    try:
        desk.change(by, {"moderators": [*moderators, user_id]})
    except Refused as refused:
        raise UserError(f"{user_id} was invited, but is no moderator: {refused.note}", fix="try again") from None
