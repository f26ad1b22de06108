"""Chat messages as tokens of a model's own tokenizer: counting them, and where the prompt ends and the completion
starts.

What belongs here: loading a tokenizer that can chat, and `ChatTokenizer`, which renders messages with the model's own
chat template. The training set counts with it and the trainer trains on it, so both see the same tokens. transformers
is imported when a tokenizer is loaded, never with this module.

How it fails: `UserError` for a folder without a tokenizer, a tokenizer without a chat template, and a template that
renders a prompt differently once the completion follows it (the student would be trained on another prompt than it is
asked with).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from resources.errors import UserError

Messages = Sequence[Mapping[str, str]]
"""Turns of a chat, each with `role` and `content`."""
_SHOWN = 60


@dataclass(frozen=True)
class ChatTokens:
    """An example as token ids. Prompt and completion together are the whole chat, as the template renders it."""

    prompt: tuple[int, ...]
    completion: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.prompt) + len(self.completion)


@dataclass(frozen=True)
class ChatTokenizer:
    """A tokenizer with a chat template. `raw` is the transformers tokenizer, `name` what messages call it."""

    name: str
    raw: Any

    def render(self, messages: Messages, *, answering: bool = True) -> str:
        """The chat as text; with `answering` it ends where the assistant's answer starts."""
        turns = [dict(turn) for turn in messages]
        return str(self.raw.apply_chat_template(turns, tokenize=False, add_generation_prompt=answering))

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of rendered chats; no special token is added, since the template has written them."""
        if not texts:
            return []
        found: list[list[int]] = self.raw(list(texts), add_special_tokens=False)["input_ids"]
        return found

    def count(self, messages: Messages, *, answering: bool = True) -> int:
        """Tokens of a chat, template included; with `answering` as it is sent to be answered."""
        return len(self.ids([self.render(messages, answering=answering)])[0])

    def examples(self, prompts: Sequence[Messages], completions: Sequence[Messages]) -> list[ChatTokens]:
        """Examples as tokens, prompt and completion apart, in the order given. Raises `UserError` for a template
        mismatch.
        """
        # Many examples answer the same question; its prompt is rendered and cut into tokens once.
        texts = [self.render(prompt) for prompt in _distinct(prompts)]
        starts = dict(zip(map(_turns, _distinct(prompts)), self.ids(texts), strict=True))
        whole = [
            self.render([*prompt, *completion], answering=False)
            for prompt, completion in zip(prompts, completions, strict=True)
        ]
        tokens: list[ChatTokens] = []
        for row, (prompt, full) in enumerate(zip(prompts, self.ids(whole), strict=True)):
            start = starts[_turns(prompt)]
            if full[: len(start)] != start:
                raise self._mismatch(row, start, full)
            tokens.append(ChatTokens(tuple(start), tuple(full[len(start) :])))
        return tokens

    def _mismatch(self, row: int, start: list[int], full: list[int]) -> UserError:
        same = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(start, full, strict=False)))
        alone, together = self.raw.decode(start[same:])[:_SHOWN], self.raw.decode(full[same:])[:_SHOWN]
        return UserError(
            f"{self.name}: the chat template renders the prompt differently once an answer follows (example {row}): "
            f"after {same} equal tokens comes {alone!r} in the prompt alone but {together!r} with the answer",
            fix="use a base whose template only appends turns, or put a changed chat_template.jinja into its folder",
        )


def _turns(messages: Messages) -> tuple[tuple[tuple[str, str], ...], ...]:
    """Messages as something that can be a key."""
    return tuple(tuple(turn.items()) for turn in messages)


def _distinct(prompts: Sequence[Messages]) -> list[Messages]:
    """Each prompt once, in order."""
    return list({_turns(prompt): prompt for prompt in prompts}.values())


@lru_cache(maxsize=4)
def chat_tokenizer(model: str | Path, revision: str | None = None) -> ChatTokenizer:
    """The chat tokenizer in a local folder, or of a hub id at a revision. Kept for the process.

    Raises `UserError` when there is no tokenizer or when it has no chat template.
    """
    from transformers import AutoTokenizer

    name = str(model)
    try:
        raw = (
            AutoTokenizer.from_pretrained(name, revision=revision) if revision else AutoTokenizer.from_pretrained(name)
        )
    except (OSError, ValueError) as error:
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise UserError(
            f"{name}: no tokenizer can be loaded: {first}", fix="name a model folder or hub id that has one"
        ) from error
    if not raw.chat_template:
        raise UserError(
            f"{name}: its tokenizer has no chat template, so it cannot be asked or trained in chat form",
            fix="use the instruct (chat) version of the model, or put a chat_template.jinja into its folder",
        )
    return ChatTokenizer(name, raw)


def count_tokens(tokenizer: ChatTokenizer, messages: Messages) -> int:
    """Tokens of a chat as it is sent to be answered, template included."""
    return tokenizer.count(messages)
