"""From a raw reply to reasoning and answer.

Belongs here: where the reasoning ends and the answer begins. Contract: `split` is total and pure, so replies that are
stored can be parsed again at no cost. The rules, in order:

1. The endpoint gave the reasoning in a field of its own: it is taken as it is, and the text is the answer. 2. The
teacher has no reasoning tags: the text is the answer. 3. The text holds the closing tag: what stands before the first
one is reasoning, what follows it is the answer. The opening tag may be missing, because the chat templates of QwQ and
R1 write it into the prompt. Later closing tags stay in the answer. Text before an opening tag, if there is any, is
put before the answer: it was said aloud. 4. Only the opening tag is there: the reply ended while it reasoned. All
after it is reasoning, there is no answer. 5. No tag at all: a reply that was cut is reasoning without end, since the
opening tag may stand in the prompt; one that ended by itself is an answer without reasoning.

White space around both parts is stripped; a part of nothing but white space is None.
"""

from __future__ import annotations

from dataclasses import dataclass

from ot_assets.registry.specs.base import Tags
from resources.generation.reply import Reply


@dataclass(frozen=True, slots=True)
class Parsed:
    """Reasoning and answer of a reply; `closed` is whether the reasoning came to its end (true where there is none)."""

    reasoning: str | None
    answer: str | None
    closed: bool


def parse(reply: Reply, tags: Tags | None) -> Parsed:
    """Reasoning and answer of a reply of a teacher with these tags (None: it has none)."""
    cut = reply.finish_reason != "stop"
    if reply.reasoning is not None and reply.reasoning.strip():
        answer = _part(reply.text)
        return Parsed(_part(reply.reasoning), answer, answer is not None or not cut)
    return split(reply.text, tags, cut=cut)


def split(text: str, tags: Tags | None, *, cut: bool = False) -> Parsed:
    """Reasoning and answer of a text; `cut` says that the reply did not end by itself."""
    if tags is None:
        return Parsed(None, _part(text), True)
    before, closing, after = text.partition(tags.close)
    if closing:
        aloud, opening, thought = before.partition(tags.open)
        if not opening:
            aloud, thought = "", before
        said = [part for part in (aloud.strip(), after.strip()) if part]
        return Parsed(_part(thought), "\n\n".join(said) or None, True)
    aloud, opening, thought = text.partition(tags.open)
    if opening:
        return Parsed(_part(aloud + thought if aloud.strip() else thought), None, False)
    if cut:
        return Parsed(_part(text), None, False)
    return Parsed(None, _part(text), True)


def join(reasoning: str | None, answer: str | None, tags: Tags | None, *, closed: bool = True) -> str:
    r"""The inverse of `split`: `<think>\n…\n</think>\n\n answer`, as students are taught to write.

    Without reasoning or without tags it is the answer alone. Reasoning that never closed stays open and has no answer.
    """
    if tags is None or reasoning is None:
        return answer or ""
    if not closed:
        return f"{tags.open}\n{reasoning}"
    return f"{tags.open}\n{reasoning}\n{tags.close}" + (f"\n\n{answer}" if answer else "")


def _part(text: str) -> str | None:
    return text.strip() or None
