"""``JudgeSpec``: the model that judges the answers to a source's questions, and how it is asked.

Part of a source's spec, since who can judge is a fact about the questions; recipes share the verdicts. Fails with pydantic's
``ValidationError``.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from ot_assets.registry.specs.base import Key, Spec, Text


def _check(template: str) -> str:
    missing = [name for name in ("{question}", "{answer}") if name not in template]
    if missing:
        raise ValueError(f"a judge's prompt must hold {' and '.join(missing)}")
    return template


JudgePrompt = Annotated[Text, AfterValidator(_check)]
"""Text in which ``{question}``, ``{answer}`` and, where it is wanted, ``{gold}`` are replaced."""


class JudgeSpec(Spec):
    """Who judges, and by how many votes."""

    teacher: Key = Field(description="Key in teachers/: its model, system prompt and sampling settings are used.")
    prompt: JudgePrompt | None = Field(
        default=None, description="User turn with {question}, {answer} and perhaps {gold}; absent = the usual one."
    )
    votes: int = Field(
        default=1, ge=1, le=99, description="Votes an answer; more of one kind decide, a tie decides nothing."
    )
    attempts: int = Field(default=2, ge=1, le=10, description="How often a vote is asked for that does not read.")
