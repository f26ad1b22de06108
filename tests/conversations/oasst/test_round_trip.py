"""Published, imported, folded and published again: the same, whatever the trees hold."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ot_assets.conversations.events import Event
from ot_assets.conversations.fold import Fold
from ot_assets.conversations.labels import LABELS
from ot_assets.conversations.oasst.filtering import Wanted
from ot_assets.conversations.oasst.published import DETOXIFY
from ot_assets.conversations.oasst.writing import Form, export
from ot_assets.conversations.rows import tree_rows
from ot_assets.conversations.shelf import Shelf
from ot_assets.registry.specs.crowd import CrowdSettings
from tests.conversations.oasst.files import ALL, flat, folded, lines, message, parquet, read_lines, tree

FORMS: tuple[Form, ...] = ("trees", "messages", "parquet")
SUFFIX = {"trees": ".jsonl.gz", "messages": ".jsonl", "parquet": ".parquet"}
STATES = ("ready_for_export", "aborted_low_grade", "halted_by_moderator", "scoring_failed")
LOST = ("event_id", "decided_by", "edited", "ranking_count", "skips")
"""What no published form holds."""

unit = st.floats(0, 1, allow_subnormal=False)
words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=30).filter(
    str.strip
)
names = st.text(st.characters(codec="utf-8", categories=["L", "N"]), min_size=1, max_size=8)


@st.composite
def messages(draw: st.DrawFn, name: str) -> list[dict[str, Any]]:
    """A tree of some messages as it might be published."""
    language = draw(st.sampled_from(["en", "pt-BR", "uk-UA", "zh"]))
    rows: list[dict[str, Any]] = []
    for number in range(draw(st.integers(1, 8))):
        parent = draw(st.sampled_from(rows)) if rows else None
        rows.append(
            message(
                f"{name}-{number}",
                parent and parent["message_id"],
                role="assistant" if parent and parent["role"] == "prompter" else "prompter",
                user_id=draw(st.one_of(names, st.none())),
                text=draw(words),
                lang=language,
                created_date=f"2023-0{draw(st.integers(1, 9))}-05T14:23:50.{draw(st.integers(0, 999)):03d}+00:00",
                review_count=draw(st.integers(0, 5)),
                review_result=draw(st.sampled_from([True, True, True, False, None])),
                deleted=draw(st.integers(0, 9)) == 0 or bool(parent and parent["deleted"]),
                synthetic=draw(st.integers(0, 9)) == 0,
                model_name=draw(st.one_of(st.none(), words)),
                emojis=draw(
                    st.one_of(
                        st.none(), st.dictionaries(st.sampled_from(["+1", "-1", "_skip_reply"]), st.integers(1, 9))
                    )
                ),
                labels=draw(
                    st.one_of(
                        st.none(),
                        st.dictionaries(
                            st.sampled_from(LABELS), st.fixed_dictionaries({"value": unit, "count": st.integers(1, 9)})
                        ),
                    )
                ),
                detoxify=draw(st.one_of(st.none(), st.fixed_dictionaries(dict.fromkeys(DETOXIFY, unit)))),
            )
        )
    for parent in rows:
        replies = [row for row in rows if row["parent_id"] == parent["message_id"]]
        ranked = draw(st.permutations(replies))[: draw(st.integers(0, len(replies)))]
        for rank, row in enumerate(ranked):
            row["rank"] = rank
    return rows


@st.composite
def forests(draw: st.DrawFn) -> list[tuple[list[dict[str, Any]], str]]:
    return [
        (draw(messages(f"{draw(names)}{number}")), draw(st.sampled_from(STATES)))
        for number in range(draw(st.integers(1, 3)))
    ]


def published(folder: Path, forest: list[tuple[list[dict[str, Any]], str]], form: Form) -> Path:
    """The forest as somebody else would have written it."""
    if form == "trees":
        return lines(folder / "in.jsonl.gz", [tree(*rows, state=state) for rows, state in forest])
    said = [row for rows, state in forest for row in flat(rows, rows[0]["message_id"], state)]
    return parquet(folder / "in.parquet", said) if form == "parquet" else lines(folder / "in.jsonl", said)


@given(forests(), st.sampled_from(FORMS), st.sampled_from(FORMS), st.sampled_from([None, "secret"]))
@settings(deadline=None, max_examples=20)
def test_what_is_published_comes_back_the_same(forest: Any, first: Form, second: Form, seed: str | None):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows, out = folded(read_lines(published(folder, forest, first)))
        assert out == [] and len(rows) == sum(len(tree) for tree, _ in forest)
        export(rows, folder / f"one{SUFFIX[second]}", second, wanted=ALL, seed=seed)
        again, out = folded(read_lines(folder / f"one{SUFFIX[second]}"))
        assert out == [] and len(again) == len(rows)
        if seed is None:
            assert again.drop(LOST).equals(rows.drop(LOST))
        export(again, folder / f"two{SUFFIX[second]}", second, wanted=ALL)
        assert (folder / f"one{SUFFIX[second]}").read_bytes() == (folder / f"two{SUFFIX[second]}").read_bytes()


@given(forests(), st.sampled_from(FORMS), st.booleans(), st.booleans(), st.booleans())
@settings(deadline=None, max_examples=10)
def test_what_is_published_is_what_an_import_takes(
    forest: Any, form: Form, deleted: bool, unreviewed: bool, synthetic: bool
):
    """The filter of what is read and of what is written is one: what was left out would not have been taken."""
    wanted = Wanted(deleted=deleted, unreviewed=unreviewed, synthetic=synthetic)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        whole = published(folder, forest, form)
        rows, _ = folded(read_lines(whole))
        taken, _ = folded(read_lines(whole, wanted))
        export(rows, folder / "all.jsonl", "messages", wanted=wanted)
        export(taken, folder / "taken.jsonl", "messages", wanted=wanted)
        assert (folder / "all.jsonl").read_bytes() == (folder / "taken.jsonl").read_bytes()
        strictly = read_lines(folder / "all.jsonl", wanted)
        assert all(line.event is not None for line in strictly)


def grown() -> pl.DataFrame:
    """Two trees that five people grew, reviewed and ranked, as the crowd's own events make them."""
    shelf = Shelf(
        CrowdSettings(goal_tree_size=4, num_reviews_initial_prompt=1, num_reviews_reply=1, num_required_rankings=2)
    )
    fold, at = Fold("en", shelf), iter(range(10**12, 10**13, 1000))

    def said(kind: str, **fields: Any) -> None:
        moment = next(at)
        refused = fold.apply(Event(f"e{moment}", kind, moment, "en", **fields))
        assert refused is None, refused

    for tree_id in ("t1", "t2"):
        said("prompt_submitted", user_id="u1", tree_id=tree_id, message_id=tree_id, text=f"Prompt {tree_id}?")
        review = {"labels": {"spam": 0.0, "quality": 0.75}, "task_id": "x"}
        said("labels_submitted", user_id="u2", tree_id=tree_id, message_id=tree_id, **review)
        replies = [f"{tree_id}-{user}" for user in ("u2", "u3", "u4")]
        for user, reply in zip(("u2", "u3", "u4"), replies, strict=True):
            said(
                "reply_submitted",
                user_id=user,
                tree_id=tree_id,
                message_id=reply,
                parent_id=tree_id,
                role="assistant",
                text=f"Reply of {user} in {tree_id}",
            )
            said("labels_submitted", user_id="u1", tree_id=tree_id, message_id=reply, **review)
            said(
                "labels_submitted", user_id="u5", tree_id=tree_id, message_id=reply, labels={"humor": 1.0, "spam": 0.25}
            )
        for user in ("u1", "u5"):
            order = (replies[2], replies[0], replies[1])
            said(
                "ranking_submitted",
                user_id=user,
                tree_id=tree_id,
                parent_id=tree_id,
                ranking=order,
                shown=tuple(replies),
            )
        said("emoji_added", user_id="u5", tree_id=tree_id, message_id=replies[0], emoji="clap")
    return pl.concat([rows.messages for rows in tree_rows(shelf.trees())])


@pytest.mark.parametrize("form", FORMS)
def test_trees_that_people_grew_come_back_from_every_form(tmp_path: Path, form: Form):
    rows = grown()
    assert set(rows["tree_state"]) == {"ready_for_export"}
    one, two = tmp_path / f"one{SUFFIX[form]}", tmp_path / f"two{SUFFIX[form]}"
    got = export(rows, one, form, seed="secret")
    assert (got.trees, got.messages) == (2, 8)
    again, out = folded(read_lines(one, Wanted()))
    assert out == []
    export(again, two, form)
    assert one.read_bytes() == two.read_bytes()
    best = again.filter(pl.col("rank") == 0)
    assert sorted(best["text"]) == ["Reply of u4 in t1", "Reply of u4 in t2"]
    means = {one["name"]: (one["value"], one["count"]) for one in best["labels"][0]}
    assert means == {"spam": (0.125, 2), "quality": (0.75, 1), "humor": (1.0, 1)}
