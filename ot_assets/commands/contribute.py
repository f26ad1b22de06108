"""`ot contribute`: events of a file into the house's log; `ot contribute purge`: a person out of it."""

from __future__ import annotations

import gzip
import json
import sys
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
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
        "the log holds later events of this language, so it would never count; name the file under `logs:` of the "
        "conversation's YAML instead",
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
        languages = _purged_languages(log, user_id, chosen)
        gone = _purge(log, user_id, languages, chosen)
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


def _purge(log: EventLog, user_id: str, languages: Iterable[str], by: str | None) -> int:
    for _ in range(_TRIES):
        notes = []
        for language in languages:
            at = written(max(clock(), log.place(language).at))
            note = {"event_id": uuid4().hex, "kind": "user_purged", "at": at, "language": language}
            notes.append({**note, "about_user": hashed(user_id), **({"user_id": by} if by else {})})
        try:
            return log.purge(user_id, sorted(notes, key=lambda note: note["at"]))
        except Behind:
            continue  # somebody contributed meanwhile
    raise UserError("the log is being written to without a pause", fix="try again")


def _purged_languages(log: EventLog, user_id: str, by: str | None) -> list[str]:
    """Every language in which the purge is noted; UserError where only a moderator's word counts, and none gave it."""
    specs = registry().conversations.values()
    for spec in specs:
        with desk_of(spec, log).look() as live:
            moderators = live.fold.settings.moderators
        if moderators and by not in moderators:
            raise UserError(
                f"{spec.key}: only a moderator's word counts there ({', '.join(moderators)})",
                fix="say whose: --by NAME",
            )
    return sorted({*(spec.language for spec in specs), *log.languages(user_id)})


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
