"""`ot contribute`: events of a file into the house's log; `ot contribute purge`: a person out of it."""

from __future__ import annotations

import gzip
import json
import sys
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

from ot_assets.commands.crowd import desk_of, people_of
from ot_assets.commands.output import console, print_json
from ot_assets.conversations.crowd.desk import clock
from ot_assets.conversations.events import Refused, parse, to_line, written
from ot_assets.conversations.languages import matches
from ot_assets.conversations.purging import hashed
from ot_assets.lineage.people import trained_on
from ot_assets.registry import registry
from ot_assets.registry.specs.conversation import ConversationSpec
from resources.artifacts import ArtifactStore
from resources.contributions.log import Behind, EventLog
from resources.errors import UserError
from resources.home import Home

_CHUNK = 1_000
_TOLD = 20
"""Refused lines that are printed; --json names all."""
_TRIES = 20
_NOTES = {
    "another": ("another_event", "the log has another event with this id"),
    "out_of_order": (
        "out_of_order",
        "the log holds later events of this language, so it would never count: take in files of before first, then serve the "
        "page; a language without a page can have the file under `logs:` of the conversation's YAML",
    ),
}


@dataclass
class Result:
    """What became of a file's lines."""

    lines: int = 0
    taken: int = 0
    there: int = 0
    """Stood in the log already."""
    refused: list[dict[str, Any]] = field(default_factory=list)
    """line, rule, reason."""
    languages: Counter[str] = field(default_factory=Counter)

    def refuse(self, line: int, rule: str, reason: str) -> None:
        """Notes a line that was not taken."""
        self.refused.append({"line": line, "rule": rule, "reason": reason})


def run(file: str, *, as_json: bool) -> int:
    """Appends a file's events; 1 where a line was refused."""
    with EventLog.of(Home.from_env()) as log, _opened(file) as stream:
        result = contribute(log, stream, now=clock())
    unread = _unread(result)
    if as_json:
        said = {"lines": result.lines, "taken": result.taken, "there": result.there, "refused": result.refused}
        print_json({**said, "unread_languages": unread})
        return int(bool(result.refused))
    there = f", {result.there:,} stood there already" if result.there else ""
    told = f"{result.taken:,} of {result.lines:,} events taken{there}, {len(result.refused):,} refused"
    console.print(told, markup=False)
    for one in result.refused[:_TOLD]:
        console.print(f"  line {one['line']}: {one['rule']}: {one['reason']}", markup=False, soft_wrap=True)
    if len(result.refused) > _TOLD:
        console.print(f"  and {len(result.refused) - _TOLD:,} more; --json names all", markup=False)
    for language, count in unread.items():
        console.print(
            f"  {count:,} events are in {language}, which no conversation of the registry reads", markup=False
        )
    return int(bool(result.refused))


def contribute(log: EventLog, lines: Iterable[bytes], *, now: int) -> Result:
    """Takes lines of JSON into a log; `now` in milliseconds: later events are refused."""
    result = Result()
    checked = _checked(lines, result, now)
    while chunk := list(islice(checked, _CHUNK)):
        for (number, line), done in zip(chunk, log.append([line for _, line in chunk]), strict=True):
            if done.said == "added":
                result.taken += 1
                result.languages[line["language"]] += 1
            elif done.said == "there":
                result.there += 1
            else:
                result.refuse(number, *_NOTES[done.said])
    result.refused.sort(key=lambda one: int(one["line"]))
    return result


def purge(person: str, *, by: str | None, as_json: bool) -> None:
    """Takes a person's events out of the log for good, and notes that they are to be in no later asset."""
    home = Home.from_env()
    people = people_of(home)
    known = next((one for one in people.all() if person in (one.name, one.user_id)), None)
    user_id = known.user_id if known else person
    chosen = people.named(by).user_id if by else None
    with EventLog.of(home) as log:
        plans = _plans(log, user_id, chosen)
        gone = _purge(log, user_id, plans)
        languages = [plan.language for plan in plans]
    if known:
        people.remove(known.user_id)
    taught = trained_on(ArtifactStore(home.artifacts), user_id)
    if as_json:
        said = {"user_id": user_id, "events": gone, "languages": languages}
        print_json({**said, "trained_on": [{**asdict(one), "partition": one.partition.as_dict()} for one in taught]})
        return
    if gone:
        console.print(f"{gone:,} events of {person} are gone from {log.where}", markup=False, soft_wrap=True)
    else:
        console.print(f"{person} has sent nothing to this log; other logs drop them from now on", markup=False)
    for one in taught:
        students = ", ".join(one.students) or "no student"
        what = one.reason or f"{one.examples:,} examples of theirs"
        line = f"training_set[{one.partition}] {one.artifact_id}: {what}; trained on it: {students}"
        console.print(line, markup=False, soft_wrap=True)
    console.print(
        "make the assets again: ot conversations fold, then the recipes that read them; ot gc --delete removes old versions",
        markup=False,
        soft_wrap=True,
    )


@dataclass(frozen=True)
class _Plan:
    """What a language notes when a person is purged."""

    language: str
    by: str | None
    """In whose name; None for nobody's."""
    own: bool = False
    """Whether the log as it stands takes the purged person's word alone, as one of those who names them does."""
    moderators: Sequence[str] | None = None
    """Who moderates from then on; None where that comes of itself."""

    def notes(self, user_id: str, at: str) -> list[dict[str, Any]]:
        """The lines."""
        first = user_id if self.own else self.by
        said: list[tuple[str | None, dict[str, Any]]] = [
            (first, {"kind": "user_purged", "about_user": hashed(user_id)})
        ]
        if self.moderators is not None:
            named = {"kind": "config_changed", "settings": {"moderators": list(self.moderators)}}
            # The first is for who reads the log as it stands; once the person is purged it goes, and the second counts.
            said += [(first, named), (self.by, named)] if self.own else [(self.by, named)]
        common = {"at": at, "language": self.language}
        return [{"event_id": uuid4().hex, **common, **one, **({"user_id": by} if by else {})} for by, one in said]


def _purge(log: EventLog, user_id: str, plans: Iterable[_Plan]) -> int:
    for _ in range(_TRIES):
        notes = []
        for plan in plans:
            at = written(max(clock(), log.place(plan.language).at))
            notes += plan.notes(user_id, at)
        try:
            notes.sort(key=lambda note: note["at"])
            return log.purge(user_id, notes, uncounted=_uncounted(log, user_id))
        except Behind:
            continue  # somebody contributed meanwhile
    raise UserError("the log is being written to without a pause", fix="try again")


def _uncounted(log: EventLog, user_id: str) -> set[str]:
    """The person's own notes of purges that no language's fold took: they were no moderator when they sent them."""
    took: set[str] = set()
    refused: set[str] = set()
    for spec in registry().conversations.values():
        with desk_of(spec, log).look() as live:
            for _, line in log.read(spec.language):
                if line["kind"] == "user_purged" and line.get("user_id") == user_id:
                    known = live.fold.shelf.knows_event(line["event_id"])
                    (took if known else refused).add(line["event_id"])
    return refused - took


def _plans(log: EventLog, user_id: str, by: str | None) -> list[_Plan]:
    """Every language in which the purge is noted; UserError where only a moderator's word counts, and none gave it."""
    plans = {language: _Plan(language, _signer(user_id, by)) for language in log.languages(user_id)}
    for spec in registry().conversations.values():
        plans[spec.language] = _plan(spec, log, user_id, by)
    return [plan for _, plan in sorted(plans.items())]


def _plan(spec: ConversationSpec, log: EventLog, user_id: str, by: str | None) -> _Plan:
    """As `_plans`, of one language. With a moderator goes what they said of who moderates: the others are named anew."""
    desk, signer = desk_of(spec, log), _signer(user_id, by)
    with desk.look() as live:
        before, shut = live.fold.settings.moderators, live.fold.language.disabled
    if signer in shut:
        raise UserError(
            f"{spec.key}: {signer} is shut out, so their word does not count", fix="say another's: --by NAME"
        )
    if user_id in spec.settings.moderators:
        raise UserError(
            f"{spec.key}: its YAML names {user_id} as a moderator",
            fix=f"take them off settings.moderators of {spec.key}.yaml, restart the page, and try again",
        )
    stands, after = desk.moderators_without(user_id)
    # Whose word counts once the person is out: it is then that the notes are read.
    if (after and signer not in after) or (before and not after and by not in before):
        raise UserError(
            f"{spec.key}: only a moderator's word counts there ({', '.join(after or before)})",
            fix="say whose: --by NAME",
        )
    left = [one for one in before if one != user_id]
    own = bool(stands) and signer not in stands and user_id in stands
    return _Plan(spec.language, signer, own, None if left == list(after) and not own else left)


def _signer(user_id: str, by: str | None) -> str | None:
    return None if by == user_id else by


def _checked(lines: Iterable[bytes], result: Result, now: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """Events in their usual form; what is none goes to the result."""
    number = 0
    try:
        for number, raw in enumerate(lines, 1):
            if not raw.strip():
                continue
            result.lines += 1
            try:
                event = parse(json.loads(raw))
                if event.at > now:
                    raise Refused("from_the_future", f"it is of {written(event.at)}, now is {written(now)}")
            except Refused as refused:
                result.refuse(number, refused.rule, refused.note)
            except (ValueError, RecursionError) as error:
                result.refuse(number, "not_an_event", f"the line is no JSON: {error}")
            else:
                yield number, to_line(event)
    except (EOFError, OSError, zlib.error) as error:
        result.refuse(number + 1, "torn_file", f"the file cannot be read further: {error}")


@contextmanager
def _opened(file: str) -> Iterator[Iterable[bytes]]:
    if file == "-":
        yield sys.stdin.buffer
        return
    with ExitStack() as stack:
        try:
            raw = stack.enter_context(Path(file).open("rb"))
        except OSError as error:
            raise UserError(
                f"{file} cannot be read: {error.strerror}", fix="name a file of events as JSON lines, or -"
            ) from None
        yield stack.enter_context(gzip.GzipFile(fileobj=raw)) if file.endswith(".gz") else raw


def _unread(result: Result) -> dict[str, int]:
    read = [spec.language for spec in registry().conversations.values() if spec.house_log]
    found = result.languages.items()
    return {tag: count for tag, count in found if not any(matches(tag, one) for one in read)}
