"""Conversations: contributions as they came, trees as they were folded, and what is taught from them."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from schemas.base import MAX_TEXT, DataSchema
from schemas.distillation import MESSAGES

TIME = pl.Datetime("ms", "UTC")
NAMED_VALUES = pl.List(pl.Struct({"name": pl.String, "value": pl.Float64}))
NAMED_MEANS = pl.List(pl.Struct({"name": pl.String, "value": pl.Float64, "count": pl.Int64}))
NAMED_COUNTS = pl.List(pl.Struct({"name": pl.String, "count": pl.Int64}))
NAMES = pl.List(pl.String)
ROLES = ("prompter", "assistant")
SPLITS = ("train", "validation")
STATES = (
    "initial_prompt_review", "growing", "ranking", "ready_for_scoring", "ready_for_export", "scoring_failed",
    "aborted_low_grade", "halted_by_moderator", "backlog_ranking", "prompt_lottery_waiting",
)  # fmt: skip


class Contributions(DataSchema):
    """One event a row, in the order in which the fold takes them; which fields a kind has is the events' schema to say."""

    class Config:
        unique = ["event_id"]

    event_id: str = pa.Field(str_length={"min_value": 1}, description="Id of the event")
    kind: str = pa.Field(description="prompt_submitted, labels_submitted, ranking_submitted, ...")
    at: TIME = pa.Field(description="When it happened")  # type: ignore[valid-type]
    language: str = pa.Field(description="Language tag")
    user_id: str = pa.Field(nullable=True, description="Who did it; null for what nobody did, such as an import")
    tree_id: str = pa.Field(nullable=True, description="The tree that it is about: the id of its prompt")
    message_id: str = pa.Field(nullable=True, description="The message that it makes or is about")
    parent_id: str = pa.Field(nullable=True, description="The message that is replied to, or whose replies are ranked")
    role: str = pa.Field(nullable=True, isin=ROLES, description="Of a reply")
    text: str = pa.Field(nullable=True, description="What was written, or a moderator's or reporter's words")
    labels: NAMED_VALUES = pa.Field(nullable=True, description="Label -> value from 0 to 1")  # type: ignore[valid-type]
    ranking: NAMES = pa.Field(nullable=True, description="Message ids, the best first")  # type: ignore[valid-type]
    shown: NAMES = pa.Field(nullable=True, description="Message ids in the order shown")  # type: ignore[valid-type]
    not_rankable: bool = pa.Field(nullable=True, description="Whether the ranker said that they cannot be ranked")
    emoji: str = pa.Field(nullable=True, description="Name of an emoji")
    task: str = pa.Field(nullable=True, description="The task that was skipped")
    task_id: str = pa.Field(nullable=True, description="The task that this answers; null for what was done freely")
    synthetic: bool = pa.Field(nullable=True, description="Whether a model wrote the text")
    model_name: str = pa.Field(nullable=True, description="Which model")
    about_user: str = pa.Field(nullable=True, description="The person that a moderator's event is about")
    settings: str = pa.Field(nullable=True, description="JSON: settings that change")
    tree: str = pa.Field(nullable=True, description="JSON: an imported tree")
    log: str = pa.Field(description="The log that it stood in")
    log_row: str = pa.Field(description="Its row there")


class Messages(DataSchema):
    """One message a row, trees by id, each in depth-first order with siblings by rank: the order of the published files."""

    class Config:
        unique = ["message_id"]

    message_id: str = pa.Field(description="Id of the message")
    tree_id: str = pa.Field(description="Its tree: the id of the prompt")
    parent_id: str = pa.Field(nullable=True, description="The message that it replies to; null for a prompt")
    user_id: str = pa.Field(description="Who wrote it")
    event_id: str = pa.Field(description="The event that brought it")
    created_at: TIME = pa.Field(description="When it was written")  # type: ignore[valid-type]
    role: str = pa.Field(isin=ROLES, description="prompter or assistant")
    language: str = pa.Field(description="Language tag")
    text: str = pa.Field(str_length={"min_value": 1, "max_value": MAX_TEXT}, description="The text as it is now")
    depth: int = pa.Field(ge=0, description="0 for the prompt")
    tree_state: str = pa.Field(isin=STATES, description="State of its tree")
    review_count: int = pa.Field(ge=0, description="Answers to labelling tasks")
    review_result: bool = pa.Field(nullable=True, description="Whether it was accepted; null while that is open")
    decided_by: str = pa.Field(nullable=True, description="The event that decided it")
    deleted: bool = pa.Field(description="Whether it is deleted")
    synthetic: bool = pa.Field(description="Whether a model wrote it")
    model_name: str = pa.Field(nullable=True, description="Which model")
    edited: bool = pa.Field(description="Whether a moderator changed its text")
    rank: int = pa.Field(nullable=True, ge=0, description="0 for the best of its siblings; null where not ranked")
    ranking_count: int = pa.Field(ge=0, description="Ballots that it stands on")
    skips: int = pa.Field(ge=0, description="Times that replying to it was skipped")
    emojis: NAMED_COUNTS = pa.Field(description="Emoji and how many persons")  # type: ignore[valid-type]
    labels: NAMED_MEANS = pa.Field(description="Label, mean and count, free labels included")  # type: ignore[valid-type]
    detoxify: NAMED_VALUES = pa.Field(description="Scores of a toxicity model, where an import brought them")  # type: ignore[valid-type]


class Trees(DataSchema):
    """One tree a row."""

    class Config:
        unique = ["tree_id"]

    tree_id: str = pa.Field(description="Id of the tree: that of its prompt")
    language: str = pa.Field(description="Language tag")
    state: str = pa.Field(isin=STATES, description="Its state")
    why: str = pa.Field(description="Why it is in this state")
    since_event: str = pa.Field(description="The event that brought it there")
    origin: str = pa.Field(description="crowd or import")
    goal: int = pa.Field(ge=0, description="Accepted messages at which it stops growing")
    max_depth: int = pa.Field(ge=0, description="Its limit of depth")
    max_children: int = pa.Field(ge=0, description="Its limit of replies to one message")
    messages: int = pa.Field(ge=1, description="Messages, whatever became of them")
    accepted: int = pa.Field(ge=0, description="Accepted ones that are not deleted")
    created_at: TIME = pa.Field(description="When its prompt was written")  # type: ignore[valid-type]
    won_at: TIME = pa.Field(nullable=True, description="When it was drawn in the lottery")  # type: ignore[valid-type]
    since: TIME = pa.Field(description="When it came to its state")  # type: ignore[valid-type]


class TreeHistory(DataSchema):
    """One change of a tree's state a row."""

    class Config:
        unique = ["tree_id", "number"]

    tree_id: str = pa.Field(description="The tree")
    number: int = pa.Field(ge=0, description="0 for its first state")
    at: TIME = pa.Field(description="When")  # type: ignore[valid-type]
    event_id: str = pa.Field(description="The event behind it")
    before: str = pa.Field(nullable=True, description="The state before; null for the first")
    after: str = pa.Field(isin=STATES, description="The state after")
    why: str = pa.Field(description="The figures that decided")


class Ballots(DataSchema):
    """One raw ballot a row."""

    class Config:
        unique = ["event_id"]

    event_id: str = pa.Field(description="The event")
    tree_id: str = pa.Field(description="The tree")
    parent_id: str = pa.Field(description="The message whose replies were ranked")
    user_id: str = pa.Field(description="Who ranked")
    at: TIME = pa.Field(description="When")  # type: ignore[valid-type]
    ranking: NAMES = pa.Field(description="Message ids, the best first")  # type: ignore[valid-type]
    shown: NAMES = pa.Field(description="Message ids in the order shown")  # type: ignore[valid-type]
    not_rankable: bool = pa.Field(description="Whether the ranker said that they cannot be ranked")


class LabelRows(DataSchema):
    """One value of one label of one person a row."""

    class Config:
        unique = ["message_id", "user_id", "event_id", "name"]

    event_id: str = pa.Field(description="The event")
    tree_id: str = pa.Field(description="The tree")
    message_id: str = pa.Field(description="The message")
    user_id: str = pa.Field(description="Who labelled")
    at: TIME = pa.Field(description="When")  # type: ignore[valid-type]
    task: bool = pa.Field(description="Whether it answered a labelling task; only these are reviews")
    name: str = pa.Field(description="The label")
    value: float = pa.Field(ge=0, le=1, description="Its value")


class Threads(DataSchema):
    """One chat example a row: TRL's conversational prompt-completion form, the loss on the completion only."""

    class Config:
        unique = ["thread_id"]

    thread_id: str = pa.Field(description="Id of the row: hash of the messages that it holds and of what is learned")
    prompt: MESSAGES = pa.Field(description="Messages that the student is given")  # type: ignore[valid-type]
    completion: MESSAGES = pa.Field(description="The reply that it learns to write")  # type: ignore[valid-type]
    tree_id: str = pa.Field(description="The tree")
    message_ids: NAMES = pa.Field(description="The messages, in order; the last is the completion")  # type: ignore[valid-type]
    event_ids: NAMES = pa.Field(description="The events that brought them")  # type: ignore[valid-type]
    language: str = pa.Field(description="Language tag")
    rank: int = pa.Field(nullable=True, ge=0, description="Rank of the completion among its siblings")
    depth: int = pa.Field(ge=1, description="Depth of the completion in its tree")
    threads: int = pa.Field(ge=1, description="Root-to-leaf threads that run through the completion")
    weight: float = pa.Field(gt=0, description="What the row counts for, as the spec says; 1 where it is trained once")
    split: str = pa.Field(isin=SPLITS, description="By tree")
    licence: str = pa.Field(str_length={"min_value": 1}, description="Licence of the conversations")


class PreferencePairs(DataSchema):
    """One pair of ranked replies a row, as TRL's DPOTrainer and RewardTrainer read them."""

    class Config:
        unique = ["chosen_id", "rejected_id"]

    prompt: MESSAGES = pa.Field(description="The conversation before the replies")  # type: ignore[valid-type]
    chosen: MESSAGES = pa.Field(description="The better reply")  # type: ignore[valid-type]
    rejected: MESSAGES = pa.Field(description="The worse reply")  # type: ignore[valid-type]
    margin: float = pa.Field(
        gt=0,
        description="Gap between the ranks; TRL's RewardTrainer takes it off within the sigmoid, unless it is removed",
    )
    agreement: float = pa.Field(
        nullable=True, ge=0, le=1, description="Share of the ballots with both that say the same; null without ballots"
    )
    ballots: int = pa.Field(ge=0, description="Ballots with both")
    weight: float = pa.Field(
        gt=0,
        le=1,
        description="1 / pairs taken of the message, 1 / C(K, 2) of all of K replies: each message counts for one",
    )
    tree_id: str = pa.Field(description="The tree")
    parent_id: str = pa.Field(description="The message that both reply to")
    chosen_id: str = pa.Field(description="The better reply's id")
    rejected_id: str = pa.Field(description="The worse reply's id")
    event_ids: NAMES = pa.Field(description="The ballots behind the order")  # type: ignore[valid-type]
    language: str = pa.Field(description="Language tag")
    split: str = pa.Field(isin=SPLITS, description="By tree")
    licence: str = pa.Field(str_length={"min_value": 1}, description="Licence of the conversations")


class Prompts(DataSchema):
    """One conversation that waits for a reply a row: what RL samples from, and questions of reasoning recipes."""

    class Config:
        unique = ["message_id"]

    message_id: str = pa.Field(description="The prompter's message that waits for a reply")
    prompt: MESSAGES = pa.Field(description="The conversation up to it")  # type: ignore[valid-type]
    text: str = pa.Field(str_length={"min_value": 1}, description="The message's own text")
    best: str = pa.Field(nullable=True, description="The reply of rank 0, or the only one")
    best_id: str = pa.Field(nullable=True, description="Its id")
    tree_id: str = pa.Field(description="The tree")
    event_id: str = pa.Field(description="The event that brought the message")
    depth: int = pa.Field(ge=0, description="0 for a prompt that begins a tree")
    language: str = pa.Field(description="Language tag")
    split: str = pa.Field(isin=SPLITS, description="By tree")
    licence: str = pa.Field(str_length={"min_value": 1}, description="Licence of the conversations")
