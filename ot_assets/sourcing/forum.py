"""Questions of a forum's dump: title and body as Markdown, the accepted answer as solution, with tags, score and licence.

Dumps are read twice: first for which questions there are and which answers they accepted (their texts go into a file on
disk), then for the questions in their order. Memory holds a number for each question with an accepted answer. A question's
row is its own id, so that `<site>/questions/<id>` leads to it and its authors, as the licence wants. Questions that the
origin's conditions leave out are no part of the source; answers, wikis and other posts are no rows at all.

Contract of a row's columns: question, title, body, solution, gold, tags (`a, b`), score, answers, id, licence. Fails with
UserError: see `places`, `packed` and `posts`.
"""

from __future__ import annotations

import re
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from ot_assets.registry.specs.origin import ForumOrigin
from ot_assets.registry.specs.source import QuestionSet
from ot_assets.sourcing.markup import as_markdown
from ot_assets.sourcing.packed import open_posts
from ot_assets.sourcing.places import Place, find_places
from ot_assets.sourcing.posts import Post, read_posts
from ot_assets.sourcing.rows import RawRow, SourcingContext
from ot_assets.verification.extraction import last_boxed
from resources.errors import UserError

_QUESTION, _ANSWER = 1, 2
_TAG = re.compile(r"<([^<>|]+)>|([^<>|]+)")
_TOLD = 500_000


def read(spec: QuestionSet, origin: ForumOrigin, context: SourcingContext) -> tuple[Iterator[RawRow], dict[str, str]]:
    """All questions of all dumps, and counts of posts, which are filled in as the dumps are read."""
    places = find_places(spec.key, origin.paths, context.base or Path.cwd())
    for place in places:
        if place.suffixes[-1:] not in ([".xml"], [".7z"]):
            raise UserError(
                f"{spec.key}: {place.name} is no dump: .xml, packed or not, or .7z is read",
                fix=f"correct origin.paths in {spec.key}.yaml",
            )
    facts: dict[str, str] = {}
    return (row for place in places for row in _rows(spec, origin, place, context, facts)), facts


def _rows(
    spec: QuestionSet, origin: ForumOrigin, place: Place, context: SourcingContext, facts: dict[str, str]
) -> Iterator[RawRow]:
    with _answers(spec, origin, place, context, facts) as answers, open_posts(place, spec.key) as stream:
        for post in read_posts(stream, place.name, spec.key):
            if post.problem:
                yield RawRow(place.name, post.index, None, post.problem)
            elif post.number("PostTypeId") == _QUESTION:
                yield _question(post, origin, place, answers)
            elif post.number("PostTypeId") is None or post.number("Id") is None:
                yield RawRow(place.name, post.index, None, "it has no Id or no PostTypeId")


def _question(post: Post, origin: ForumOrigin, place: Place, answers: sqlite3.Connection) -> RawRow:
    """A question's row, with its answer."""
    number = post.number("Id")
    if number is None:
        return RawRow(place.name, post.index, None, "a question without an Id")
    if not _wanted(post, origin):
        return RawRow(place.name, post.index, None, left_out=True)
    try:
        title, body = as_markdown(post.values.get("Title", "")), as_markdown(post.values.get("Body", ""))
        solution = _accepted(post, answers)
    except ValueError as error:
        return RawRow(place.name, post.index, None, f"post {number}: {error}")
    values = {
        "question": f"{title}\n\n{body}" if title and body else body,
        "title": title,
        "body": body,
        "solution": solution,
        "gold": last_boxed(solution) if solution and origin.gold == "boxed" else None,
        "tags": ", ".join(_tags(post)),
        "score": post.number("Score"),
        "answers": post.number("AnswerCount"),
        "id": number,
        "licence": "-".join(post.values.get("ContentLicense", "").split()),
    }
    return RawRow(place.name, post.index, values)


def _wanted(post: Post, origin: ForumOrigin) -> bool:
    """Whether a question meets the origin's conditions."""
    tags = set(_tags(post))
    return (
        (origin.min_score is None or (post.number("Score") or 0) >= origin.min_score)
        and (not origin.tags or not tags.isdisjoint(origin.tags))
        and tags.isdisjoint(origin.not_tags)
        and (not origin.accepted_only or post.number("AcceptedAnswerId") is not None)
        and (origin.closed or not post.values.get("ClosedDate"))
    )


def _tags(post: Post) -> list[str]:
    """Tags, written `<a><b>` in older dumps and `|a|b|` in newer ones."""
    return [one or other for one, other in _TAG.findall(post.values.get("Tags", ""))]


def _accepted(post: Post, answers: sqlite3.Connection) -> str | None:
    """The accepted answer as Markdown; None where there is none, or it is not in the dump."""
    found = answers.execute("SELECT body FROM answers WHERE id = ?", (post.number("AcceptedAnswerId"),)).fetchone()
    return (as_markdown(found[0]) or None) if found else None


@contextmanager
def _answers(
    spec: QuestionSet, origin: ForumOrigin, place: Place, context: SourcingContext, facts: dict[str, str]
) -> Iterator[sqlite3.Connection]:
    """Accepted answers of the wanted questions by their id, in a file that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="ot-forum-") as folder, closing(sqlite3.connect(f"{folder}/a.db")) as store:
        store.execute("PRAGMA journal_mode=OFF")
        store.execute("CREATE TABLE answers (id INTEGER PRIMARY KEY, body TEXT)")
        survey = _Survey(spec, origin, place, context, store)
        survey.run()
        for name, count in survey.counts.items():
            facts[name] = str(int(facts.get(name, "0")) + count)
        if survey.unordered and survey.wanted:
            survey.run()
        yield store


class _Survey:
    """The first look at a dump: how many posts there are, and the accepted answers of the wanted questions."""

    def __init__(
        self, spec: QuestionSet, origin: ForumOrigin, place: Place, context: SourcingContext, store: sqlite3.Connection
    ) -> None:
        self._key, self._origin, self._place, self._log, self._store = spec.key, origin, place, context.log, store
        self.wanted: set[int] = set()
        """Accepted answers that have not been met: they stood before their questions, or are not in the dump."""
        self.unordered = False
        """Whether some post has a smaller id than the one before, so that an answer may stand before its question."""
        self.counts = {"posts": 0, "questions": 0, "answers": 0}

    def run(self) -> None:
        """Reads the dump once."""
        self.counts = dict.fromkeys(self.counts, 0)
        last = -1
        with open_posts(self._place, self._key) as stream:
            for post in read_posts(stream, self._place.name, self._key):
                number = post.number("Id")
                if post.problem or number is None:
                    continue
                self.unordered |= number < last or (post.number("ParentId") or 0) > number
                last = number
                self._note(post, number)
        self._store.commit()

    def _note(self, post: Post, number: int) -> None:
        kind, accepted = post.number("PostTypeId"), post.number("AcceptedAnswerId")
        self.counts["posts"] += 1
        self.counts["questions"] += kind == _QUESTION
        self.counts["answers"] += kind == _ANSWER
        if self.counts["posts"] % _TOLD == 0:
            self._log(f"{self._key}: {self.counts['posts']:,} posts of {self._place.name} looked through")
        if kind == _QUESTION and accepted is not None and _wanted(post, self._origin):
            if self._store.execute("SELECT 1 FROM answers WHERE id = ?", (accepted,)).fetchone() is None:
                self.wanted.add(accepted)
        elif kind == _ANSWER and number in self.wanted:
            self._store.execute("INSERT INTO answers VALUES (?, ?)", (number, post.values.get("Body", "")))
            self.wanted.discard(number)
