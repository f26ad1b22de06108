"""``CrowdSettings``: the rules by which conversation trees grow, are reviewed and ranked.

Belongs here: the settings of Open-Assistant's message tree state machine, with its defaults
(``backend/oasst_backend/config.py``), and a switch for each of its known faults, by default repaired. A
``config_changed`` event sets any of them from then on, and all trees that people work on are looked at again, as the
original does when it starts with other settings. Size limits are written into a tree when it is made, so that a later
change does not touch it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from ot_assets.registry.specs.base import Seed, Spec, Text

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
Positive = Annotated[int, Field(ge=1, le=1_000_000)]
Method = Literal["ranked_pairs", "borda", "bradley_terry", "plackett_luce"]


class CrowdSettings(Spec):
    """How a language's trees are made of its events."""

    max_active_trees: Count = Field(default=10, description="Trees that may grow at once; more wait for the lottery.")
    max_initial_prompt_review: Count = Field(
        default=100, description="Prompts under review at which no more are asked for."
    )
    max_prompt_lottery_waiting: Count = Field(
        default=250, description="Waiting prompts at which no more are asked for."
    )
    max_tree_depth: Count = Field(
        default=3, description="Depth of the deepest reply; the prompt has depth 0. (Open-Assistant's servers: 5.)"
    )
    max_children_count: Count = Field(
        default=3, description="Replies to one message, rejected and deleted ones not counted."
    )
    num_prompter_replies: Count = Field(default=1, description="The same for replies to an assistant message.")
    goal_tree_size: Positive = Field(
        default=12,
        description="Accepted messages at which a tree stops growing, prompt included. (Open-Assistant's servers: 15.)",
    )
    random_goal_tree_size: bool = Field(
        default=False, description="Draw each tree's goal between min_goal_tree_size and the goal."
    )
    min_goal_tree_size: Positive = Field(default=5, description="Least goal that is drawn.")
    num_reviews_initial_prompt: Positive = Field(default=3, description="Reviews after which a prompt is judged.")
    num_reviews_reply: Positive = Field(default=3, description="Reviews after which a reply is judged.")
    acceptance_threshold_initial_prompt: Share = Field(
        default=0.6, description="A prompt is accepted above this: 1 - (mean spam + mean lang_mismatch)."
    )
    acceptance_threshold_reply: Share = Field(default=0.6, description="The same for replies.")
    num_required_rankings: Positive = Field(
        default=3, description="Ballots that each message with several replies needs."
    )
    rank_prompter_replies: bool = Field(default=False, description="Rank replies of prompters too.")
    p_activate_backlog_tree: Share = Field(
        default=0.1, description="Chance that a tree of the backlog becomes active when another one ends."
    )
    min_active_rankings_per_lang: Count = Field(
        default=0, description="Below so many messages whose replies wait for ballots the backlog gives a tree anyway."
    )
    lonely_children_count: Count = Field(default=2, description="Replies below which a started message is preferred.")
    p_lonely_child_extension: Share = Field(default=0.75, description="How often such a message is preferred.")
    max_pending_tasks_per_user: Count = Field(
        default=8, description="Open tasks of a person within pending_tasks_seconds."
    )
    pending_tasks_seconds: Count = Field(default=300, description="How long an open task counts as pending.")
    task_validity_minutes: Count = Field(default=2880, description="How long a handed-out task can be answered.")
    auto_mod_red_flags: Count = Field(
        default=4, description="Red flags that delete a reply or abort a tree; 0 = never."
    )
    auto_mod_max_skip_reply: Count = Field(default=25, description="Skips of a reply task that halt a tree; 0 = never.")
    p_full_labeling_initial_prompt: Share = Field(
        default=1.0, description="How often a prompt's labels are all asked for."
    )
    p_full_labeling_reply_assistant: Share = Field(default=1.0, description="The same for an assistant's reply.")
    p_full_labeling_reply_prompter: Share = Field(
        default=0.25,
        description="The same for a prompter's reply. (The original's task code sets 0.1 whatever it says.)",
    )
    message_max_characters: Positive = Field(default=2000, description="Longest message.")
    duplicate_minutes: Count = Field(
        default=120, description="For so long a person cannot send the same text again; 0 = can."
    )
    moderators: tuple[Text, ...] = Field(
        default=(),
        description="Ids of those who may delete, edit, halt and so on; none named = all who are not disabled may.",
    )
    rank: Method = Field(default="ranked_pairs", description="How ballots become one order.")
    seed: Seed = Field(
        default=42, description="Of the lottery, the backlog and goals, together with language and event."
    )
    draws: Literal["seed", "logged"] = Field(
        default="seed",
        description="Who draws in the lottery and from the backlog: chance by the seed, as soon as there is room; or only the "
        "log's own lottery_drawn events.",
    )
    lottery_weights: Literal["ranked_first", "uniform"] = Field(
        default="ranked_first",
        description="An author's weight in the lottery: 1 + replies of theirs that ballots of the last month put first; or all "
        "alike, as before May 2023.",
    )
    recheck: Literal["always", "original"] = Field(
        default="always",
        description="When a tree's conditions are looked at: after every event that touches it; or, as the original does, "
        "growth after labels and the end of ranking after ballots only, so that a tree with nothing to rank waits for ever, "
        "and so does one whose prompt was deleted.",
    )
    late_replies: Literal["refuse", "keep"] = Field(
        default="refuse",
        description="Replies to a tree that is ranked or ready, or beyond its caps: refused; or, as the original does, kept "
        "without review or rank, so that trees exceed their goal.",
    )
    late_ballots: Literal["merge", "keep", "refuse"] = Field(
        default="merge",
        description="Ballots after a tree's scoring: merged anew, kept beside the old ranks (as the original), refused.",
    )
    reopen_rejected: bool = Field(
        default=True,
        description="Ask again for replies where all were rejected or deleted; the original never does (its query loses them).",
    )
    good_rankings: Literal["agreement", "never"] = Field(
        default="agreement",
        description="Points for a ballot that agrees with the merged order ((1 + tau) / 2 > 0.5); the original counts none.",
    )

    def changed(self, values: Mapping[str, Any]) -> CrowdSettings:
        """These settings with some others. Raises pydantic's ``ValidationError``."""
        return type(self).model_validate({**self.model_dump(), **values})
