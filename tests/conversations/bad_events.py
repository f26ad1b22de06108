"""Events that must be refused, made from what a synthetic crowd has done so far, each with the rule that refuses it.

Belongs here: one function a fault. A fault that cannot be made yet (there is no ballot to repeat) returns None.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ot_assets.conversations.events import Event, to_line

if TYPE_CHECKING:
    from tests.conversations.synthetic import Crowd

Made = Event | None


def made(crowd: Crowd, *, lines: bool) -> tuple[Any, str]:
    """A bad event and its rule; as a line where it is not even an event; None where it cannot be made yet."""
    names = [*FAULTS, *LINES] if lines else list(FAULTS)
    rule = names[int(crowd.random.random() * len(names))]
    if rule in FAULTS:
        return FAULTS[rule](crowd), rule.split(":")[0]
    return LINES[rule](crowd), rule.split(":")[0]


def _message(crowd: Crowd) -> dict[str, Any]:
    """Ids of some message that is not deleted."""
    tree, message = _some(crowd)
    return {"tree_id": tree.tree_id, "message_id": message.message_id}


def _some(crowd: Crowd) -> tuple[Any, Any]:
    assert crowd.last is not None
    tree = crowd.fold.shelf.tree(crowd.last.tree_id or "")
    if tree is None:
        tree = next(crowd.trees())
    return tree, next((one for one in tree.messages.values() if not one.deleted), tree.root)


def _out_of_order(crowd: Crowd) -> Made:
    return crowd.named("prompt_submitted", user_id="late", tree_id="late", message_id="late", text="late")._replace(
        at=crowd.fold.language.last_at - 1
    )


def _repeated(crowd: Crowd) -> Made:
    return crowd.last._replace(at=crowd.at) if crowd.last else None


def _unknown_tree(crowd: Crowd) -> Made:
    return crowd.named("emoji_added", user_id="u", tree_id="nowhere", message_id="nowhere", emoji="clap")


def _unknown_message(crowd: Crowd) -> Made:
    if not crowd.last:
        return None
    return crowd.named("emoji_added", user_id="u", tree_id=_some(crowd)[0].tree_id, message_id="nowhere", emoji="clap")


def _own_label(crowd: Crowd) -> Made:
    if not crowd.last:
        return None
    tree, message = _some(crowd)
    if message.user_id in crowd.fold.language.disabled:
        return None
    ids = {"tree_id": tree.tree_id, "message_id": message.message_id}
    return crowd.named("labels_submitted", user_id=message.user_id, labels={"spam": 0.0}, task_id="t", **ids)


def _own_vote(crowd: Crowd) -> Made:
    event = _own_label(crowd)
    return event and event._replace(kind="emoji_added", labels=None, task_id=None, emoji="+1")


def _second_label(crowd: Crowd) -> Made:
    for event in (crowd.last,):
        if event and event.kind == "labels_submitted" and event.task_id:
            tree = crowd.fold.shelf.tree(event.tree_id or "")
            if tree and not tree.messages[event.message_id or ""].deleted:
                return event._replace(event_id=crowd.named("x").event_id, at=crowd.at)
    return None


def _missing_label(crowd: Crowd) -> Made:
    if not crowd.last:
        return None
    tree, message = _some(crowd)
    if message.deleted:
        return None
    ids = {"tree_id": tree.tree_id, "message_id": message.message_id}
    return crowd.named("labels_submitted", user_id="nobody", labels={"quality": 1.0}, task_id="t", **ids)


def _second_ballot(crowd: Crowd) -> Made:
    event = crowd.last
    if event is None or event.kind != "ranking_submitted":
        return None
    tree = crowd.fold.shelf.tree(event.tree_id or "")
    late = crowd.fold.settings.late_ballots != "refuse"
    if tree is None or tree.state not in (("ranking", "ready_for_export") if late else ("ranking",)):
        return None
    return event._replace(event_id=crowd.named("x").event_id, at=crowd.at)


def _not_ranking(crowd: Crowd) -> Made:
    if not crowd.last:
        return None
    tree, _ = _some(crowd)
    if tree.state not in ("initial_prompt_review", "growing", "prompt_lottery_waiting", "halted_by_moderator"):
        return None
    return crowd.named(
        "ranking_submitted",
        user_id="u",
        tree_id=tree.tree_id,
        parent_id=tree.tree_id,
        ranking=("a", "b"),
        shown=("b", "a"),
    )


def _prompt(crowd: Crowd, text: str) -> Made:
    name = crowd.named("x").event_id
    return crowd.named("prompt_submitted", user_id="nobody", tree_id=name, message_id=name, text=text)


def _blank(crowd: Crowd) -> Made:
    return _prompt(crowd, " \n\t ")


def _long(crowd: Crowd) -> Made:
    return _prompt(crowd, "long " * 20_000)


def _known(crowd: Crowd) -> Made:
    if not crowd.last:
        return None
    tree = _some(crowd)[0]
    return crowd.named(
        "prompt_submitted", user_id="nobody", tree_id=tree.tree_id, message_id=tree.tree_id, text=f"x {crowd.number}"
    )


def _wrong_role(crowd: Crowd) -> Made:
    if not crowd.last:
        return None
    tree, message = _some(crowd)
    name = crowd.named("x").event_id
    return crowd.named(
        "reply_submitted", user_id="nobody", tree_id=tree.tree_id, message_id=name, parent_id=message.message_id,
        role=message.role, text="no",
    )  # fmt: skip


def _moderator(crowd: Crowd) -> Made:
    if not crowd.last or not crowd.fold.settings.moderators:
        return None
    return crowd.named("tree_halted", user_id="nobody", tree_id=_some(crowd)[0].tree_id)


def _settings(crowd: Crowd) -> Made:
    moderators = crowd.fold.settings.moderators
    return crowd.named("config_changed", user_id=moderators[0] if moderators else None, settings={"goal_tree_size": -1})


FAULTS: Mapping[str, Callable[[Crowd], Made]] = {
    "out_of_order": _out_of_order,
    "repeated": _repeated,
    "unknown_tree": _unknown_tree,
    "unknown_message": _unknown_message,
    "own_message:label": _own_label,
    "own_message:vote": _own_vote,
    "second_label": _second_label,
    "missing_label": _missing_label,
    "second_ballot": _second_ballot,
    "not_ranking": _not_ranking,
    "blank_text": _blank,
    "text_too_long": _long,
    "known_message": _known,
    "wrong_role": _wrong_role,
    "not_a_moderator": _moderator,
    "bad_settings": _settings,
}
"""Rule (what follows a colon only tells two of one rule apart) -> an event that the fold refuses by it."""


def _line(crowd: Crowd, **fields: Any) -> Any:
    good = crowd.named("labels_submitted", user_id="u", tree_id="t", message_id="m", labels={"spam": 0.0})
    return {**to_line(good), **fields}


LINES: Mapping[str, Callable[[Crowd], Any]] = {
    "not_an_event": lambda crowd: _line(crowd, kind="wish_made"),
    "bad_field:time": lambda crowd: _line(crowd, at="yesterday"),
    "bad_field:zone": lambda crowd: _line(crowd, at="2023-04-01T12:00:00"),
    "bad_field:unknown": lambda crowd: _line(crowd, colour="red"),
    "bad_field:missing": lambda crowd: _line(crowd, message_id=None),
    "label_out_of_range": lambda crowd: _line(crowd, labels={"spam": 1.5}),
    "unknown_label": lambda crowd: _line(crowd, labels={"niceness": 1.0}),
    "not_a_permutation": lambda crowd: _line(
        crowd,
        kind="ranking_submitted",
        message_id=None,
        labels=None,
        parent_id="m",
        ranking=["a", "a"],
        shown=["a", "b"],
    ),
}
"""The same for lines that `events.parse` refuses."""
