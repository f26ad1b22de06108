"""A synthetic crowd: made-up persons who write made-up events, for tests and benchmarks. Nothing in it was said by anybody.

Belongs here: `Crowd`, which keeps a fold of its own and looks at it to write the next event, so that the log is one
that persons with a task page could have written: every event counts, unless `bad` asks for others. Persons have
temperaments, messages a hidden worth: careful persons see it, careless ones sometimes, spammers write rubbish and
rank by chance, lazy ones skip. Deterministic by seed. `Crowd.bad` tells which event is to be refused, and by which
rule.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any, NamedTuple

from ot_assets.conversations import machine, submissions
from ot_assets.conversations.events import Event, parse, to_line
from ot_assets.conversations.fold import Fold
from ot_assets.conversations.labels import OFFERED
from ot_assets.conversations.shelf import Shelf
from ot_assets.conversations.state import FINAL, Message, Tree
from ot_assets.registry.specs.crowd import CrowdSettings
from tests.conversations import bad_events


class Temper(NamedTuple):
    """How a kind of person behaves; all but the noise are chances."""

    share: float
    rubbish: float
    """Writes spam."""
    sees: float
    """Labels spam as spam."""
    alarm: float
    """Labels what is none as spam."""
    noise: float
    """Standard deviation of what they take for a reply's worth, which is from 0 to 1."""
    skips: float


TEMPERS = {
    "careful": Temper(0.5, 0.01, 0.98, 0.01, 0.1, 0.01),
    "careless": Temper(0.3, 0.05, 0.7, 0.05, 0.4, 0.03),
    "spammer": Temper(0.05, 0.9, 0.1, 0.3, 5.0, 0.0),
    "lazy": Temper(0.15, 0.05, 0.5, 0.02, 0.6, 0.3),
}
MODERATOR = "moderator"
START = 1_680_000_000_000
_WORDS = [
    "why",
    "what",
    "how",
    "when",
    "please",
    "explain",
    "write",
    "compare",
    "describe",
    "the",
    "a",
    "water",
    "city",
    "number",
    "friend",
    "garden",
    "music",
    "engine",
    "planet",
    "recipe",
    "history",
    "simple",
    "short",
    "three",
    "reasons",
    "story",
    "poem",
    "table",
    "answer",
    "because",
    "first",
    "then",
    "finally",
]


class Crowd:
    """Persons, what they have done so far (`fold`), and what they do next (`events`, `lines`)."""

    def __init__(
        self,
        persons: int = 50,
        *,
        seed: int = 0,
        language: str = "en",
        settings: CrowdSettings | None = None,
        waiting: int = 30,
        moderated: float = 0.01,
        said: float = 0.05,
        bad: float = 0.0,
        seconds: float = 20.0,
    ) -> None:
        """`waiting`: prompts under review or in the lottery below which somebody writes another one. Shares of events:
        `moderated` by a moderator, `said` emojis, reports, free labels and skips, `bad` ones that must be refused.
        `seconds`: mean time from one event to the next.
        """
        self.random = Random(f"crowd {seed} {language}")
        self.language = language
        self.shelf = Shelf(settings or CrowdSettings(moderators=(MODERATOR,)))
        self.fold = Fold(language, self.shelf)
        self.tempers = self._tempered(persons)
        self.persons = list(self.tempers)
        self.waiting, self.moderated, self.said, self.share_bad = waiting, moderated, said, bad
        self.step = int(seconds * 2000)
        self.at = START
        self.number = 0
        self.bad: dict[str, str] = {}
        """Id of an event that is to be refused -> the rule; of a `repeated` one the first counts."""
        self.worth: dict[str, float] = {}
        """Hidden worth of a message; below 0 it is spam."""
        self.last: Event | None = None
        self._texts = [self._text() for _ in range(300)]
        self._labels: dict[tuple[str, str, bool], list[dict[str, float]]] = {
            (name, role, spam): [self._made(temper, role, spam) for _ in range(40)]
            for name, temper in TEMPERS.items()
            for role in OFFERED
            for spam in (False, True)
        }

    def events(self, count: int) -> list[Event]:
        """The next events; those of `bad` are refused by the fold, all others count."""
        return [event for event in self._go(count, lines=False) if isinstance(event, Event)]

    def lines(self, count: int) -> list[Any]:
        """The next events as lines of a log; some of `bad` are not even events."""
        return [to_line(one) if isinstance(one, Event) else one for one in self._go(count, lines=True)]

    def named(self, kind: str, **fields: Any) -> Event:
        """An event of this moment, not yet in the log. Fields are not checked."""
        return Event(self._name(), kind, self.at, self.language, **fields)

    def person(self) -> str:
        """Anybody."""
        return self.persons[int(self.random.random() * len(self.persons))]

    def trees(self) -> Iterator[Tree]:
        """All trees so far."""
        return self.shelf.trees()

    def _go(self, count: int, *, lines: bool) -> Iterator[Any]:
        made, failed = 0, 0
        while made < count:
            chance = self.random.random()
            self.at += 1 + int(chance * self.step)
            if self.share_bad and self.random.random() < self.share_bad:
                one, rule = bad_events.made(self, lines=lines)
                if one is not None:
                    self.bad[one.event_id if isinstance(one, Event) else str(one.get("event_id"))] = rule
                    yield one
                    made += 1
                continue
            event = self._next()
            if event is None:
                failed += 1
                assert failed < 1000, "nothing is left to do; the settings ask for nothing"
                continue
            failed = 0
            refused = self.fold.apply(event)
            assert refused is None, (event, refused.rule, refused.note)
            self.last = event
            yield event
            made += 1

    def _next(self) -> Event | None:
        chance = self.random.random()
        if chance < self.moderated:
            return self._moderate()
        if chance < self.moderated + self.said:
            return self._say()
        language = self.fold.language
        states = language.states
        if states["initial_prompt_review"] + states["prompt_lottery_waiting"] < self.waiting or not language.open:
            return self._prompt()
        tree = self._open()
        if tree.state == "initial_prompt_review":
            return self._review(tree, tree.root)
        return self._grow(tree) if tree.state == "growing" else self._rank(tree)

    def _prompt(self) -> Event | None:
        person = self._free_person(())
        if person is None:
            return None
        name = self._name()
        self._value(name, person)
        return self.named("prompt_submitted", user_id=person, tree_id=name, message_id=name, text=self._said(name))

    def _grow(self, tree: Tree) -> Event | None:
        fold, messages = self.fold, list(tree.messages.values())
        first = int(self.random.random() * len(messages))
        messages = messages[first:] + messages[:first]
        undone = [one for one in messages if one.review_result is not True and machine.outstanding(fold, one)]
        if undone and self.random.random() < 0.7:
            return self._review(tree, undone[0])
        if len(messages) < tree.goal or submissions.missing(fold, tree):
            for message in messages:
                if submissions.extendible(fold, tree, message):
                    return self._reply(tree, message)
        if undone:
            return self._review(tree, undone[0])
        return self.named("tree_halted", user_id=MODERATOR, tree_id=tree.tree_id, text="nobody can reply any more")

    def _reply(self, tree: Tree, parent: Message) -> Event | None:
        person = self._free_person([child.user_id for child in tree.children(parent)])
        if person is None:
            return None
        if self.random.random() < TEMPERS[self.tempers[person]].skips:
            return self._skip(tree, parent, person)
        name = self._name()
        self._value(name, person)
        return self.named(
            "reply_submitted", user_id=person, tree_id=tree.tree_id, message_id=name, parent_id=parent.message_id,
            role=submissions.OTHER[parent.role], text=self._said(name), task_id=f"task {name}",
        )  # fmt: skip

    def _skip(self, tree: Tree, parent: Message, person: str) -> Event:
        task = "reply_as_assistant" if parent.role == "prompter" else "reply_as_prompter"
        ids = {"tree_id": tree.tree_id, "message_id": parent.message_id}
        return self.named("task_skipped", user_id=person, task=task, **ids)

    def _review(self, tree: Tree, message: Message) -> Event | None:
        if message.deleted:
            return None
        person = self._free_person([message.user_id, *(one.user_id for one in message.labelled if one.task)])
        if person is None:
            return None
        pool = self._labels[self.tempers[person], message.role, self._spam(message)]
        labels = dict(pool[int(self.random.random() * len(pool))])
        ids = {"tree_id": tree.tree_id, "message_id": message.message_id}
        return self.named("labels_submitted", user_id=person, labels=labels, task_id=f"task {self.number}", **ids)

    def _rank(self, tree: Tree) -> Event | None:
        missing = [name for name, n in machine.to_rank(self.fold, tree).items() if n]
        if not missing:
            return None
        parent = tree.messages[missing[int(self.random.random() * len(missing))]]
        busy = [child.user_id for child in tree.children(parent)]
        person = self._free_person([*busy, *(one.user_id for one in tree.ballots_of(parent.message_id))])
        if person is None:
            return None
        shown = [child.message_id for child in machine.rankable(self.fold, tree, parent)]
        self.random.shuffle(shown)
        noise = TEMPERS[self.tempers[person]].noise
        seen = {name: self.worth.get(name, 0.5) + self.random.gauss(0, noise) for name in shown}
        ranking = tuple(sorted(shown, key=lambda name: -seen[name]))
        ids = {"tree_id": tree.tree_id, "parent_id": parent.message_id, "task_id": f"task {self.number}"}
        return self.named("ranking_submitted", user_id=person, ranking=ranking, shown=tuple(shown), **ids)

    def _say(self) -> Event | None:
        if not self.fold.language.open:
            return None
        tree = self._open()
        message = self._message(tree)
        person = self._free_person([message.user_id])
        if person is None:
            return None
        ids: dict[str, Any] = {"user_id": person, "tree_id": tree.tree_id, "message_id": message.message_id}
        chance = self.random.random()
        if chance < 0.2:
            return self.named("labels_submitted", labels={"quality": int(self.random.random() * 5) / 4}, **ids)
        if chance < 0.3:
            return self.named("task_skipped", task="label_reply", **ids)
        emoji = "red_flag" if self._spam(message) else ("+1", "-1", "clap")[int(self.random.random() * 3)]
        if person in message.emojis.get(emoji, ()):
            return self.named("emoji_removed", emoji=emoji, **ids)
        if emoji == "red_flag" and chance < 0.5:
            return self.named("report_submitted", text="this is spam", **ids)
        return self.named("emoji_added", emoji=emoji, **ids)

    def _moderate(self) -> Event | None:
        chance, fold = self.random.random(), self.fold
        if chance < 0.05:
            shut = sorted(fold.language.disabled)
            if shut:
                return self.named("user_enabled", user_id=MODERATOR, about_user=shut[0])
            return self.named("user_disabled", user_id=MODERATOR, about_user=self.person())
        if self.last is None or self.last.tree_id is None:
            return None
        tree = fold.shelf.tree(self.last.tree_id)
        assert tree is not None
        message = self._message(tree)
        ids = {"user_id": MODERATOR, "tree_id": tree.tree_id}
        if tree.state in FINAL:
            return self.named("tree_unhalted", **ids) if chance < 0.3 else None
        if message.deleted:
            return self.named("message_undeleted", message_id=message.message_id, **ids)
        if chance < 0.5:
            return self.named("message_deleted", message_id=message.message_id, **ids)
        if chance < 0.7:
            return self.named("tree_halted", **ids)
        return self.named("message_edited", message_id=message.message_id, text=self._said(str(self.number)), **ids)

    def _free_person(self, busy: Any) -> str | None:
        """Somebody who is none of these and may take part."""
        for _ in range(8):
            person = self.person()
            if person not in busy and person not in self.fold.language.disabled:
                return person
        return None

    def _open(self) -> Tree:
        names = list(self.fold.language.open)
        tree = self.fold.shelf.tree(names[int(self.random.random() * len(names))])
        assert tree is not None
        return tree

    def _message(self, tree: Tree) -> Message:
        messages = list(tree.messages.values())
        return messages[int(self.random.random() * len(messages))]

    def _name(self) -> str:
        self.number += 1
        return f"{self.number:08d}"

    def _value(self, name: str, person: str) -> None:
        rubbish = TEMPERS[self.tempers[person]].rubbish
        self.worth[name] = -self.random.random() if self.random.random() < rubbish else self.random.random()

    def _spam(self, message: Message) -> bool:
        return self.worth.get(message.message_id, 0.0) < 0

    def _said(self, name: str) -> str:
        return f"{self._texts[int(self.random.random() * len(self._texts))]} ({name})"

    def _text(self) -> str:
        return " ".join(self.random.choices(_WORDS, k=1 + int(self.random.expovariate(1 / 40)))).capitalize()[:1900]

    def _made(self, temper: Temper, role: Any, spam: bool) -> dict[str, float]:
        bad = self.random.random() < (temper.sees if spam else temper.alarm)
        labels = {name: int(self.random.random() * 5) / 4 for name in OFFERED[role]}
        return {**labels, "spam": float(bad), "lang_mismatch": float(self.random.random() < 0.02)}

    def _tempered(self, persons: int) -> dict[str, str]:
        names, shares = list(TEMPERS), [temper.share for temper in TEMPERS.values()]
        return {f"person{n}": self.random.choices(names, shares)[0] for n in range(persons)}


def parsed(lines: list[Any]) -> list[Event]:
    """The events among lines that are all events."""
    return [parse(line) for line in lines]
