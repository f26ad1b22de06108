"""From what a person said to a task to the fields of an event.

Belongs here: one function a kind of answer. Contract: an answer must be one to the task as it was handed out (its labels, its
replies); what else is wrong with it is the fold's to say. Pure. Raises `Refused` with rules `missing_label`, `unknown_label`,
`not_a_permutation` and `blank_text`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from ot_assets.conversations.crowd.tasks import REPLIES, Task
from ot_assets.conversations.events import Event, Refused
from ot_assets.conversations.labels import MANDATORY


@dataclass(frozen=True)
class Said:
    """What a person answered. Only what the task asks for is looked at."""

    text: str = ""
    labels: Mapping[str, float] = field(default_factory=dict)
    ranking: Sequence[str] = ()
    """Message ids, the best first."""
    not_rankable: bool = False
    synthetic: bool = False
    """Whether a model wrote the text."""
    model_name: str | None = None


def fields_of(task: Task, said: Said, new_id: str) -> dict[str, Any]:
    """Kind and fields of the event that the answer is; `new_id`: of the message that it makes, if it makes one."""
    if task.kind == "prompt":
        return {"kind": "prompt_submitted", "tree_id": new_id, "message_id": new_id, **_written(said)}
    common = {"tree_id": task.tree_id}
    if task.kind in REPLIES:
        role = task.kind.removeprefix("reply_as_")
        made = {"message_id": new_id, "parent_id": task.message_id, "role": role}
        return {"kind": "reply_submitted", **common, **made, **_written(said)}
    if task.kind == "rank_replies":
        return {"kind": "ranking_submitted", **common, "parent_id": task.message_id, **_ranked(task, said)}
    return {"kind": "labels_submitted", **common, "message_id": task.message_id, "labels": _labelled(task, said)}


def skip_of(task: Task, text: str) -> dict[str, Any]:
    """The event that a skipped task is. A prompt that is not written is none."""
    assert task.message_id is not None
    fields = {"kind": "task_skipped", "tree_id": task.tree_id, "message_id": task.message_id, "task": task.kind}
    return {**fields, "text": text} if text.strip() else fields


def digest(event: Event) -> str:
    """A hash of what an event says, whoever says it and whenever."""
    return _digest(event.kind, event.text, event.labels, event.ranking, bool(event.not_rankable))


def digest_of(kind: str, said: Said) -> str:
    """`digest` of the event of this kind that the answer would be."""
    if kind == "labels_submitted":
        return _digest(kind, None, said.labels, None, False)
    if kind == "ranking_submitted":
        return _digest(kind, None, None, said.ranking, said.not_rankable)
    return _digest(kind, said.text, None, None, False)


def _digest(
    kind: str, text: str | None, labels: Mapping[str, float] | None, ranking: Sequence[str] | None, flag: bool
) -> str:
    pairs = None if labels is None else sorted((name, float(value)) for name, value in labels.items())
    said = kind, text, pairs, None if ranking is None else list(ranking), flag
    return blake2b(repr(said).encode(), digest_size=16).hexdigest()


def _written(said: Said) -> dict[str, Any]:
    if not said.text.strip():
        raise Refused("blank_text", "the text is blank")
    fields: dict[str, Any] = {"text": said.text}
    if said.synthetic:
        fields["synthetic"] = True
        if said.model_name:
            fields["model_name"] = said.model_name
    return fields


def _labelled(task: Task, said: Said) -> dict[str, float]:
    for name in MANDATORY:
        if name not in said.labels:
            raise Refused("missing_label", f"the answer must say {name}")
    for name in said.labels:
        if name not in task.labels:
            raise Refused("unknown_label", f"{name} is not asked for")
    return dict(sorted(said.labels.items()))  # as the log gives them back


def _ranked(task: Task, said: Said) -> dict[str, Any]:
    if sorted(said.ranking) != sorted(task.shown):
        raise Refused("not_a_permutation", "the order must hold every reply, each once")
    fields: dict[str, Any] = {"ranking": list(said.ranking), "shown": list(task.shown)}
    if said.not_rankable:
        fields["not_rankable"] = True
    return fields
