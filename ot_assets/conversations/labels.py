"""What people can say of a message: the fifteen labels of Open-Assistant, the sets that its tasks offer, and emojis.

Belongs here: names and what each means. A value is a number from 0 to 1. Of a likert scale with five buttons button i (from 0)
is stored as i / 4; `toxicity` and `violence` are asked the other way round ("polite", "harmless"), so 1 is the worst.
Source: Open-Assistant, `oasst_shared/schemas/protocol.py` (TextLabel, EmojiCode) and `backend/oasst_backend/config.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Role = Literal["prompter", "assistant"]

YES_NO = ("spam", "fails_task")
FLAGS = (
    "lang_mismatch", "pii", "not_appropriate", "hate_speech", "sexual_content", "moral_judgement", "political_content",
)  # fmt: skip
LIKERT = ("quality", "toxicity", "humor", "helpfulness", "creativity", "violence")
LABELS = (*YES_NO, *FLAGS, *LIKERT)
"""All that a label may be."""
INVERTED = frozenset({"toxicity", "violence"})
"""Asked the other way round: the page shows 1 - value."""
MANDATORY = ("spam",)
"""What every answer to a labelling task must say."""

_PROMPTER = (
    "spam", "lang_mismatch", "quality", "creativity", "humor", "toxicity", "violence", "not_appropriate", "pii",
    "hate_speech", "sexual_content",
)  # fmt: skip
OFFERED: Mapping[Role, tuple[str, ...]] = {
    "prompter": _PROMPTER,
    "assistant": ("spam", "fails_task", "lang_mismatch", "quality", "helpfulness", *_PROMPTER[3:]),
}
"""What a labelling task asks of a message of this role. The other labels are only given freely."""

VOTES = ("+1", "-1")
"""Emojis that exclude each other; a person's own message gets none from them."""
RED_FLAG = "red_flag"
SKIPS: Mapping[str, str] = {
    "reply_as_assistant": "_skip_reply",
    "reply_as_prompter": "_skip_reply",
    "label_prompt": "_skip_labeling",
    "label_reply": "_skip_labeling",
    "rank_replies": "_skip_ranking",
}
"""Skipped task -> what the original notes it as beside a message's emojis, a person once; nobody sends these as emojis."""
SKIP_REPLY = "_skip_reply"
EMOJIS = (*VOTES, RED_FLAG, "100", "rofl", "clap", "diamond", "heart_eyes", "disappointed", "poop", "skull")
