"""Token counts by the student's own tokenizer and chat template: what training will really see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ot_assets.asking import weights_folder
from ot_assets.distillation.training_examples import Conversation, CountTokens, TokenCount
from ot_assets.registry import RecipeSpec

if TYPE_CHECKING:
    from ot_assets.step import Step


def counter(recipe: RecipeSpec, step: Step) -> CountTokens:
    """Counts with the tokenizer of the recipe's student; loads it at the first call."""
    base = step.registry.model(recipe.student.base)

    def count(conversations: Sequence[Conversation]) -> Sequence[TokenCount]:
        from resources.chat import chat_tokenizer

        if not conversations:
            return []
        tokenizer = chat_tokenizer(weights_folder(base, step.services.home))
        found = tokenizer.examples([c.prompt for c in conversations], [c.completion for c in conversations])
        return [TokenCount(len(tokens.prompt), len(tokens.completion)) for tokens in found]

    return count
