"""Assets of conversations: from contributions to what is taught."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg

from ot_assets.conversations.publishing import publish_contributions, publish_rows, publish_trees
from ot_assets.stage import stage
from ot_assets.step import Step

_GROUP = "conversations"


@stage("conversation", reads={"conversation_spec": None}, group=_GROUP)
def contributions(step: Step) -> Mapping[str, Any]:
    """Everything that people did in one language, one event a row, in order; what is no event stands in the ledger."""
    return publish_contributions(step, step.registry.conversation(step.partition["language"]))


@stage("conversation", reads={"contributions": None, "conversation_spec": None}, group=_GROUP, may_be_empty=True)
def conversation_trees(step: Step) -> Mapping[str, Any]:
    """Conversation trees with every message, review, ballot and state, folded from the contributions."""
    said, overview = publish_trees(step, step.registry.conversation(step.partition["language"]))
    return {"statistics": dg.MetadataValue.md(overview), **said}


@stage("conversation", reads={"conversation_trees": None, "conversation_spec": None}, group=_GROUP, may_be_empty=True)
def sft_threads(step: Step) -> Mapping[str, Any]:
    """Chat examples: every accepted reply of an assistant with the conversation before it."""
    return publish_rows(step, step.registry.conversation(step.partition["language"]))


@stage("conversation", reads={"conversation_trees": None, "conversation_spec": None}, group=_GROUP, may_be_empty=True)
def preference_pairs(step: Step) -> Mapping[str, Any]:
    """Pairs of ranked replies to one message, for reward models and DPO."""
    return publish_rows(step, step.registry.conversation(step.partition["language"]))


@stage("conversation", reads={"conversation_trees": None, "conversation_spec": None}, group=_GROUP, may_be_empty=True)
def prompts(step: Step) -> Mapping[str, Any]:
    """Conversations that wait for a reply: for RL, and as questions of a source of kind `conversation`."""
    return publish_rows(step, step.registry.conversation(step.partition["language"]))


ASSETS = (contributions, conversation_trees, sft_threads, preference_pairs, prompts)
