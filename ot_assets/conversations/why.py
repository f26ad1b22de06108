"""Why a message was accepted or not, and why it has its rank, in a terminal.

Belongs here: `why_view`, which takes the rows apart again: the reviews up to the one that decided and their sum, later
ones, the ballots on the message's siblings, and how often each was put before each. Contract: the sums are those of the
fold (`machine.acceptance`, `merging.margins`), from the same rows; thresholds and the way of merging are those of the
settings handed in, which may have changed since. Texts are shown as `tree_view` shows them. Fails with UserError for an
id that no row has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from string import ascii_lowercase
from typing import Any

import polars as pl
from rich.console import Group, RenderableType
from rich.text import Text

from ot_assets.conversations.merging import margins
from ot_assets.conversations.rows import TreeRows
from ot_assets.conversations.tree_view import cut, find_message, one_tree, plain, result_words, table, when
from ot_assets.registry.specs.crowd import CrowdSettings

_JUDGING = ("spam", "lang_mismatch")
"""The labels that decide; all others are only kept."""
_CUT = 60


def why_view(rows: TreeRows, message_id: str, settings: CrowdSettings | None = None) -> RenderableType:
    """The reviews that decided on a message, and the ballots and margins behind its rank."""
    settings = settings or CrowdSettings()
    message = find_message(rows, message_id)
    one = one_tree(rows, message["tree_id"])
    words, colour = result_words(message)
    head = Text()
    head.append(plain(message_id), style="bold").append(f"  {message['role']} {plain(message['user_id'])}")
    head.append(f"  {words}", style=colour).append("  deleted" if message["deleted"] else "", style="bold red")
    head.append(
        f"\nin tree {plain(message['tree_id'])} ({message['tree_state']}), brought by {plain(message['event_id'])}"
    )
    head.append(f" at {when(message['created_at'])}\n", style="dim")
    return Group(
        head, Text(plain(message["text"])), Text(""), *_reviews(one, message, settings), *_rank(one, message, settings)
    )


def _reviews(one: TreeRows, message: Mapping[str, Any], settings: CrowdSettings) -> list[RenderableType]:
    """The answers to labelling tasks, in their order, and what they came to."""
    given = _answers(one.labels, message["message_id"])
    if not given:
        brought = message["review_result"] is not None
        return [
            Text("no reviews here" + ("; its result came with an import" if brought else ""), style="dim"),
            Text(""),
        ]
    made = table("review", "by", "when", *(f"#{name}" for name in _JUDGING), "other labels", "")
    decided = next((n for n, answer in enumerate(given) if answer["event_id"] == message["decided_by"]), None)
    for number, answer in enumerate(given):
        values = answer["values"]
        others = " ".join(f"{name} {value:g}" for name, value in values.items() if name not in _JUDGING)
        judging = [f"{values[name]:g}" if name in values else "" for name in _JUDGING]
        said = "decided" if number == decided else "later" if decided is not None and number > decided else ""
        made.add_row(
            Text(plain(answer["event_id"])), Text(plain(answer["user_id"])), when(answer["at"]), *judging, others, said
        )
    counted = given if decided is None else given[: decided + 1]
    return [made, _sum(counted, message, settings, decided is not None), Text("")]


def _sum(
    counted: Sequence[Mapping[str, Any]], message: Mapping[str, Any], settings: CrowdSettings, decided: bool
) -> Text:
    """1 - (mean spam + mean lang_mismatch), in words."""
    values = [answer["values"] for answer in counted]
    said = [one["spam"] for one in values if "spam" in one]
    spam = sum(said) / max(1, len(said))
    mismatch = sum(one.get("lang_mismatch", 0.0) for one in values) / len(values)
    prompt = message["parent_id"] is None
    threshold = settings.acceptance_threshold_initial_prompt if prompt else settings.acceptance_threshold_reply
    needed = settings.num_reviews_initial_prompt if prompt else settings.num_reviews_reply
    share = 1 - (spam + mismatch)
    text = f"1 - (mean spam {spam:.3f} + mean lang_mismatch {mismatch:.3f}) = {share:.3f}; accepted above {threshold:g}"
    if not decided:
        left = needed - len(counted)
        text += f"; {left} more review{'' if left == 1 else 's'} needed" if left > 0 else ""
    elif (share > threshold) != message["review_result"]:
        text += "; the settings were others when it was decided"
    return Text(text)


def _rank(one: TreeRows, message: Mapping[str, Any], settings: CrowdSettings) -> list[RenderableType]:
    """The ballots on the replies to the same message, and the margins between these replies."""
    if message["parent_id"] is None:
        return [Text("a prompt has no rank", style="dim")]
    siblings = one.messages.filter(pl.col("parent_id") == message["parent_id"])
    ballots = one.ballots.filter(pl.col("parent_id") == message["parent_id"]).to_dicts()
    if not ballots:
        brought = message["rank"] is not None
        return [
            Text("no ballots here" + (f"; rank {message['rank']} came with an import" if brought else ""), style="dim")
        ]
    named = [name for ballot in ballots for name in ballot["ranking"]]
    ids = [*siblings["message_id"].to_list(), *sorted(set(named) - set(siblings["message_id"]))]
    letters = dict(zip(ids, _letters(len(ids)), strict=True))
    common = sorted(set(ballots[0]["ranking"]).intersection(*(ballot["ranking"] for ballot in ballots[1:])))
    return [
        _legend(siblings, letters, message["message_id"], set(common)),
        Text(""),
        _cast(ballots, letters),
        Text(""),
        *_margins(ballots, common, letters, siblings, settings),
    ]


def _legend(siblings: pl.DataFrame, letters: Mapping[str, str], asked: str, common: set[str]) -> RenderableType:
    made = table("", "#rank", "reply", "by", "text", "")
    for row in siblings.filter(pl.col("message_id").is_in(list(letters))).iter_rows(named=True):
        name = row["message_id"]
        why = "" if name in common else "not on all ballots, so not ranked"
        style = "bold" if name == asked else ""
        rank = "" if row["rank"] is None else str(row["rank"])
        text = Text(cut(plain(row["text"]), _CUT))
        made.add_row(letters[name], rank, Text(plain(name)), Text(plain(row["user_id"])), text, why, style=style)
    return made


def _cast(ballots: Sequence[Mapping[str, Any]], letters: Mapping[str, str]) -> RenderableType:
    made = table("ballot", "by", "when", "order", "")
    for ballot in ballots:
        order = " > ".join(letters[name] for name in ballot["ranking"])
        note = "says that they cannot be ranked; counts all the same" if ballot["not_rankable"] else ""
        made.add_row(Text(plain(ballot["event_id"])), Text(plain(ballot["user_id"])), when(ballot["at"]), order, note)
    return made


def _margins(
    ballots: Sequence[Mapping[str, Any]],
    common: Sequence[str],
    letters: Mapping[str, str],
    siblings: pl.DataFrame,
    settings: CrowdSettings,
) -> list[RenderableType]:
    """Each pair by its margin; those that the merged order goes against are told."""
    if len(common) < 2:
        return [Text("fewer than two replies stand on all ballots: nothing is ranked", style="dim")]
    ranks = {name: rank for name, rank in siblings.select("message_id", "rank").iter_rows() if rank is not None}
    orders = [[name for name in ballot["ranking"] if name in set(common)] for ballot in ballots]
    margin = margins(common, orders)
    made = table("pair", "#for", "#against", "#margin", "")
    pairs = [
        (-abs(margin[i][j]), *((i, j) if margin[i][j] >= 0 else (j, i)))
        for i in range(len(common))
        for j in range(i + 1, len(common))
    ]
    for negative, i, j in sorted(pairs):
        first, second, by = common[i], common[j], -negative
        behind = first in ranks and second in ranks and ranks[first] > ranks[second]
        note = "a tie" if by == 0 else "the merged order has it the other way round" if behind else ""
        made.add_row(
            f"{letters[first]} > {letters[second]}",
            str((len(orders) + by) // 2),
            str((len(orders) - by) // 2),
            str(by),
            note,
        )
    rule = "; ties go to the smaller id" if settings.rank == "ranked_pairs" else ""
    return [
        made,
        Text(
            f"merged by {settings.rank}, the largest margin first{rule}" if rule else f"merged by {settings.rank}",
            style="dim",
        ),
    ]


def _answers(labels: pl.DataFrame, message_id: str) -> list[dict[str, Any]]:
    """Answers to labelling tasks, in the order in which they came: event_id, user_id, at, values."""
    mine = labels.filter(pl.col("message_id") == message_id, pl.col("task"))
    found: dict[str, dict[str, Any]] = {}
    for row in mine.iter_rows(named=True):
        answer = found.setdefault(row["event_id"], {**row, "values": {}})
        answer["values"][row["name"]] = row["value"]
    return list(found.values())


def _letters(count: int) -> list[str]:
    """a, b, ... z, a1, b1, ..."""
    return [ascii_lowercase[n % 26] + (str(n // 26) if n >= 26 else "") for n in range(count)]
