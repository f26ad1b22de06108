"""What the page says: of tasks, labels, emojis, and of why something was not taken.

Belongs here: words alone, for people who have read no manual. Contract: every task, offered label, emoji and refusal has some.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ot_assets.conversations.labels import FLAGS, INVERTED, LIKERT, RED_FLAG, VOTES, YES_NO

__all__ = [
    "EMOJIS", "NO_TASKS", "OFFERED", "QUESTIONS", "REFUSALS", "ROLES", "STATES", "STEPS", "TASKS", "VOTES", "Question",
    "TaskWords", "refusal", "value_of",
]  # fmt: skip


@dataclass(frozen=True)
class TaskWords:
    """How a task is called, what is to be done, and what its button says."""

    title: str
    short: str
    what: str
    button: str = "Send"


TASKS: Mapping[str, TaskWords] = {
    "prompt": TaskWords(
        "Write a prompt",
        "Begin a conversation with an assistant.",
        "Ask for something that you would like an assistant to do: a question, a text, a plan, some code. It begins a new "
        "conversation, so it must be understood without anything before it. Write nothing that names a private person.",
    ),
    "label_prompt": TaskWords(
        "Label a prompt",
        "Say whether a prompt is fit to begin a conversation.",
        "Read the prompt and answer the questions. Judge the words, not whether you agree with them.",
    ),
    "reply_as_assistant": TaskWords(
        "Reply as the assistant",
        "Answer as a good assistant would.",
        "Write what a helpful, honest and polite assistant would say next. Be right before you are quick: look up what you are "
        "not sure of, and say so where something is not known. Decline what would do harm, and say why.",
    ),
    "reply_as_prompter": TaskWords(
        "Reply as the prompter",
        "Go on as the person who asked.",
        "Write what the person who asked could say next: ask further, correct the assistant, or ask for a change. Stay with "
        "the conversation.",
    ),
    "label_reply": TaskWords(
        "Label a reply",
        "Say how good a reply is.",
        "Read the conversation, then judge the last message alone.",
    ),
    "rank_replies": TaskWords(
        "Rank replies",
        "Put replies in order, the best first.",
        "Put the best reply first. Prefer what is right and helpful to what is long. Move a reply with its buttons, or drag "
        "it.",
        "Send this order",
    ),
}


@dataclass(frozen=True)
class Question:
    """How a label is asked for. Of a scale `low` stands at its first button, `high` at its last."""

    name: str
    form: str
    """`yes_no`, `flag` or `scale`."""
    asks: str
    low: str = ""
    high: str = ""


_ASKED: Mapping[str, tuple[str, ...]] = {
    "spam": ("Is it spam?",),
    "fails_task": ("Does it fail to do what was asked?",),
    "lang_mismatch": ("It is not written in the language of this page",),
    "pii": ("It holds personal data of somebody",),
    "not_appropriate": ("It is not appropriate",),
    "hate_speech": ("It is hate speech",),
    "sexual_content": ("It has sexual content",),
    "moral_judgement": ("It judges morally",),
    "political_content": ("It is political",),
    "quality": ("Quality", "low", "high"),
    "toxicity": ("Tone", "rude", "polite"),
    "humor": ("Humour", "serious", "funny"),
    "helpfulness": ("Helpfulness", "useless", "helpful"),
    "creativity": ("Creativity", "ordinary", "creative"),
    "violence": ("Harm", "violent", "harmless"),
}
_FORMS = {**dict.fromkeys(YES_NO, "yes_no"), **dict.fromkeys(FLAGS, "flag"), **dict.fromkeys(LIKERT, "scale")}
QUESTIONS: Mapping[str, Question] = {name: Question(name, _FORMS[name], *said) for name, said in _ASKED.items()}
STEPS = 5
"""Buttons of a scale."""


def value_of(name: str, step: int) -> float:
    """What a scale's button stores: step / 4, or the other way round where it is asked so."""
    share = step / (STEPS - 1)
    return 1 - share if name in INVERTED else share


EMOJIS: Mapping[str, tuple[str, str]] = {
    "+1": ("👍", "Good"),
    "-1": ("👎", "Bad"),
    "100": ("💯", "Full marks"),
    "clap": ("👏", "Applause"),
    "heart_eyes": ("😍", "Love it"),
    "rofl": ("🤣", "Funny"),
    "diamond": ("💎", "A gem"),
    "disappointed": ("😞", "Disappointing"),
    "poop": ("💩", "Rubbish"),
    "skull": ("💀", "Deadly"),
    RED_FLAG: ("🚩", "Reported"),
}
"""Emoji -> sign and name."""
OFFERED = tuple(name for name in EMOJIS if name != RED_FLAG)
"""Emojis that the page offers; a red flag is given by a report."""

REFUSALS: Mapping[str, str] = {
    "blank_text": "Nothing is written yet.",
    "text_too_long": "The text is too long.",
    "duplicate_text": "You sent the same text a short while ago. Write another.",
    "missing_label": "Say first whether it is spam.",
    "unknown_label": "One of the answers is not asked for here.",
    "label_out_of_range": "One of the answers is not on its scale.",
    "not_a_permutation": "The order must hold every reply once.",
    "bad_field": "The text holds characters that cannot be kept.",
    "answered_before": "This task has its answer already, and the first one stands.",
    "user_disabled": "A moderator has shut you out.",
    "not_a_moderator": "Only moderators may do that.",
    "last_moderator": "Nobody could moderate without them.",
    "own_message": "You wrote this yourself.",
    "unknown_message": "There is no such message.",
    "unknown_tree": "There is no such conversation.",
    "tree_not_growing": "This conversation takes no more replies: it came to its end meanwhile.",
    "parent_full": "This message has all its replies: others were quicker.",
    "parent_not_accepted": "The message that you replied to was deleted meanwhile.",
    "too_deep": "This conversation is as long as it may be.",
    "second_reply": "You have replied to this message before.",
    "second_label": "You have labelled this message before.",
    "second_ballot": "You have ranked these replies before.",
    "message_deleted": "The message was deleted meanwhile.",
    "not_ranking": "These replies are ranked already, or the conversation was stopped.",
    "not_siblings": "The replies do not belong together.",
    "nothing_to_rank": "The replies were deleted meanwhile.",
    "too_few_ranked": "There are not enough replies to rank.",
}
NO_TASKS: Mapping[str, str] = {
    "nothing": "There is nothing of this for you now: what is left waits for somebody else. Look again in a while.",
    "too_many": "You have many tasks open. Finish some of them first; they stand below.",
    "shut_out": "A moderator has shut you out.",
}
STATES: Mapping[str, str] = {
    "initial_prompt_review": "prompt under review",
    "growing": "growing",
    "ranking": "being ranked",
    "ready_for_scoring": "to be scored",
    "ready_for_export": "ready",
    "scoring_failed": "scoring failed",
    "aborted_low_grade": "rejected",
    "halted_by_moderator": "halted",
    "backlog_ranking": "waits for ranking",
    "prompt_lottery_waiting": "waits for the draw",
}
ROLES = {"prompter": "Prompter", "assistant": "Assistant"}


def refusal(rule: str, note: str) -> str:
    """A refusal in words."""
    return REFUSALS.get(rule, note)
