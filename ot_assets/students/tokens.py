"""Token counts by the student's own tokenizer and chat template: what training will really see."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ot_assets.asking import weights_folder
from ot_assets.distillation.training_examples import Conversation, CountTokens, TokenCount
from ot_assets.registry import RecipeSpec

if TYPE_CHECKING:
    from ot_assets.step import Step


_CHARACTERS = 1_000_000
"""Text whose tokens are held at once: a token takes some 40 bytes until it is counted, and a trace has up to 32,000."""


def counter(recipe: RecipeSpec, step: Step) -> CountTokens:
    """Counts with the tokenizer of the recipe's student; loads it at the first call."""
    base = step.registry.model(recipe.student.base)

    def count(conversations: Sequence[Conversation]) -> Sequence[TokenCount]:
        from resources.chat import chat_tokenizer

        if not conversations:
            return []
        tokenizer = chat_tokenizer(weights_folder(base, step.services.home))
        counted: list[TokenCount] = []
        for some in slices(conversations):
            found = tokenizer.examples([c.prompt for c in some], [c.completion for c in some])
            counted += [TokenCount(len(tokens.prompt), len(tokens.completion)) for tokens in found]
        return counted

    return count


def slices(conversations: Sequence[Conversation], most: int = _CHARACTERS) -> Iterator[Sequence[Conversation]]:
    """The conversations in order, cut so that each slice has about `most` characters, or is one conversation."""
    start = size = 0
    for place, conversation in enumerate(conversations):
        size += sum(len(turn["content"]) for half in conversation for turn in half)
        if size >= most:
            yield conversations[start : place + 1]
            start, size = place + 1, 0
    if start < len(conversations):
        yield conversations[start:]
