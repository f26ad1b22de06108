"""What the fold knows at one moment: messages, trees, persons, and what a language holds beside them.

Belongs here: plain records with slots (there are hundreds of thousands of them) and the questions that can be answered from one
of them alone. Contract: only the fold changes them; a message's place is its `message_id` in its tree, children stand in the
order in which they came. Nothing here raises.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any

from ot_assets.conversations.labels import SKIP_REPLY
from ot_assets.conversations.urn import Urn

ACTIVE = ("initial_prompt_review", "growing", "ranking", "ready_for_scoring")
INACTIVE = (
    "ready_for_export", "scoring_failed", "aborted_low_grade", "halted_by_moderator", "backlog_ranking",
    "prompt_lottery_waiting",
)  # fmt: skip
STATES = (*ACTIVE, *INACTIVE)
"""The ten states of a tree."""
FINAL = ("ready_for_export", "scoring_failed", "aborted_low_grade", "halted_by_moderator")
"""States that a tree leaves by a moderator's event only. The two others that are inactive wait."""


class _Plain:
    """Is pickled as its values in their order: half the time and three quarters of the room that slots by name take."""

    __slots__ = ()

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        kind: Any = type(self)
        if (values := _VALUES.get(kind)) is None:
            values = _VALUES[kind] = attrgetter(*(one.name for one in fields(kind)))
        return kind, values(self)


_VALUES: dict[type, Callable[[Any], tuple[Any, ...]]] = {}


@dataclass(slots=True)
class Labelled(_Plain):
    """One person's labels of a message."""

    user_id: str
    event_id: str
    at: int
    values: Mapping[str, float]
    task: bool
    """Whether they answered a labelling task; free labels and reports did not."""


@dataclass(slots=True)
class Ballot(_Plain):
    """One person's order of the replies to a message."""

    user_id: str
    event_id: str
    at: int
    parent_id: str
    ranking: tuple[str, ...]
    """The best first."""
    shown: tuple[str, ...]
    not_rankable: bool


@dataclass(slots=True)
class Message(_Plain):
    """One message of a tree."""

    message_id: str
    parent_id: str | None
    user_id: str
    event_id: str
    at: int
    role: str
    text: str
    depth: int
    synthetic: bool = False
    model_name: str | None = None
    edited: bool = False
    deleted: bool = False
    children: list[str] = field(default_factory=list)
    labelled: list[Labelled] = field(default_factory=list)
    review_count: int = 0
    review_result: bool | None = None
    """None: not judged yet."""
    decided_by: str | None = None
    """The event after which it was judged."""
    ranking_count: int = 0
    rank: int | None = None
    """0 is the best of its siblings."""
    emojis: dict[str, list[str]] = field(default_factory=dict)
    """Emoji, or a skip as `labels.SKIPS` calls it -> the persons."""
    imported: Mapping[str, object] | None = None
    """Sums that came with an import: `labels` (name -> value and count), `emojis` (name -> count), `detoxify`."""

    @property
    def accepted(self) -> bool:
        """Whether it counts: judged well and not deleted."""
        return self.review_result is True and not self.deleted

    @property
    def skips(self) -> int:
        """Persons who would not reply to it."""
        return len(self.emojis.get(SKIP_REPLY, ()))


@dataclass(slots=True)
class Step(_Plain):
    """One change of a tree's state, and why."""

    at: int
    event_id: str
    before: str | None
    after: str
    why: str


@dataclass(slots=True)
class Tree(_Plain):
    """A tree. Its limits were written into it when it was made."""

    tree_id: str
    language: str
    state: str
    origin: str
    goal: int
    max_depth: int
    max_children: int
    messages: dict[str, Message] = field(default_factory=dict)
    ballots: list[Ballot] = field(default_factory=list)
    history: list[Step] = field(default_factory=list)
    won_at: int | None = None
    """When it was drawn in the lottery."""

    @property
    def root(self) -> Message:
        """The prompt; its id is the tree's."""
        return self.messages[self.tree_id]

    @property
    def active(self) -> bool:
        """Whether people work on it."""
        return self.state in ACTIVE

    @property
    def size(self) -> int:
        """Accepted messages, the prompt included."""
        return sum(message.accepted for message in self.messages.values())

    def children(self, message: Message) -> list[Message]:
        """Its replies, in the order in which they came."""
        return [self.messages[child] for child in message.children]

    def below(self, message: Message) -> Iterator[Message]:
        """A message and everything under it, parents first."""
        waiting = [message]
        while waiting:
            one = waiting.pop()
            yield one
            waiting.extend(reversed(self.children(one)))

    def above(self, message: Message) -> Iterator[Message]:
        """A message's parent, its parent, and so on to the root."""
        while message.parent_id is not None:
            message = self.messages[message.parent_id]
            yield message

    def ballots_of(self, parent_id: str) -> list[Ballot]:
        """The ballots on the replies to one message."""
        return [ballot for ballot in self.ballots if ballot.parent_id == parent_id]


@dataclass(slots=True)
class Person(_Plain):
    """What the fold must know of one person. Points and streaks are counted from rows (`points`)."""

    user_id: str
    recent: list[tuple[int, str]] = field(default_factory=list)
    """Time and digest of the texts that they sent lately, against doubles."""


@dataclass(slots=True)
class Language:
    """What trees of one language share; see `lottery` for the two queues."""

    last_at: int = 0
    """Time of the last event that counted."""
    states: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STATES, 0))
    """How many trees are in each state."""
    open: dict[str, None] = field(default_factory=dict)
    """Trees that people work on (`ACTIVE`), as a set that keeps its order: that in which they came to be so."""
    waiting: dict[str, list[str]] = field(default_factory=dict)
    """Author -> their prompts that wait for the lottery and are not deleted, in the order in which they came to wait."""
    firsts: deque[tuple[int, str]] = field(default_factory=deque)
    """Time and author of every reply that a ballot put first within the last month."""
    wins: dict[str, int] = field(default_factory=dict)
    """How often each author stands in `firsts`."""
    urn: Urn = field(default_factory=Urn)
    """The authors of `waiting`, as the lottery weighs them."""
    backlog: list[str] = field(default_factory=list)
    """Trees that wait for ranking."""
    disabled: set[str] = field(default_factory=set)
    """Persons whose prompts are never drawn."""
