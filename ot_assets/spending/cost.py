"""What a recipe has cost: by asset, partition, source and teacher, and per row that its students learn from.

Two ways of counting, both shown. *Bought* is what the response store holds under the labels of the recipe's partitions, each
reply once, whoever asked for it first and whether it is still used. *Used* are the traces that this recipe wants (its
questions, its number of answers), from the artifacts' own cost column: a trace that several recipes want counts in full for
each of them, so each figure says what the recipe costs by itself, and figures of several recipes do not add up.

A kept row costs: the used traces, and the bought scores and judgements, which are needed whole to choose some. Evaluation
is not in it. Contract: reads only; memory holds a few columns of one source and teacher. What nobody priced is not known
(None), never 0; references were written by nobody who charges and are 0.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import polars as pl

from ot_assets.distillation.requests import wanted_answers
from ot_assets.graph import World, recipe_teacher, source_teacher
from ot_assets.graph import recipe as recipe_at
from ot_assets.spending.stored import Spent, busy_hours, spent_by_purpose
from resources.artifacts import Artifact
from resources.responses.store import ResponseStore

_MAKING = ("question_scores", "verdicts", "training_set")
"""Assets that ask models, beside the traces, to make training rows."""


@dataclass(frozen=True)
class Bill:
    """Replies, tokens, USD (None: not known) and hours of some work. `unpriced` replies are not in `usd`."""

    replies: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    usd: float | None = 0.0
    unpriced: int = 0
    hours: float | None = None

    @property
    def tokens(self) -> int:
        """Prompt and completion tokens."""
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: Bill) -> Bill:
        priced = [one.usd for one in (self, other) if one.usd is not None]
        return Bill(
            self.replies + other.replies,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            sum(priced) if any(priced) or len(priced) == 2 else None,
            self.unpriced + other.unpriced,
        )

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "replies": self.replies,
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "usd": self.usd,
            "unpriced": self.unpriced,
            **({"hours": round(self.hours, 4)} if self.hours is not None else {}),
        }


@dataclass(frozen=True)
class Part:
    """One source with one teacher: the traces that the recipe uses, and the rows that came of them."""

    source: str
    teacher: str
    used: Bill
    kept: int

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "source": self.source,
            "teacher": self.teacher,
            **self.used.to_json(),
            "kept_rows": self.kept,
            **per_row(self.used, self.kept),
        }


@dataclass(frozen=True)
class Cost:
    """The bill of a recipe."""

    recipe: str
    assets: dict[str, Bill]
    partitions: dict[tuple[str, str], Bill]
    parts: tuple[Part, ...]

    @property
    def bought(self) -> Bill:
        """Everything that is stored for it."""
        return added(self.assets.values())

    @property
    def used(self) -> Bill:
        """The traces that it uses."""
        return added(part.used for part in self.parts)

    @property
    def making(self) -> Bill:
        """What its training rows took: used traces, bought scores and judgements."""
        return added([self.used, *(bill for asset, bill in self.assets.items() if asset in _MAKING)])

    @property
    def kept(self) -> int:
        """Rows of its training sets."""
        return sum(part.kept for part in self.parts)

    def along(self, name: str) -> dict[str, tuple[Bill, int]]:
        """Used traces and kept rows by `source` or by `teacher`."""
        keys = dict.fromkeys(str(getattr(part, name)) for part in self.parts)
        return {key: _of([part for part in self.parts if getattr(part, name) == key]) for key in keys}

    def to_json(self) -> dict[str, Any]:
        """What `ot cost --json` prints."""
        return {
            "recipe": self.recipe,
            "bought": self.bought.to_json(),
            "used_traces": self.used.to_json(),
            "kept_rows": self.kept,
            "per_kept_row": per_row(self.making, self.kept),
            "assets": [{"asset": name, **bill.to_json()} for name, bill in self.assets.items()],
            "partitions": [
                {"asset": asset, "partition": at, **bill.to_json()} for (asset, at), bill in self.partitions.items()
            ],
            **{
                f"{name}s": [
                    {name: key, **bill.to_json(), "kept_rows": kept, **per_row(bill, kept)}
                    for key, (bill, kept) in self.along(name).items()
                ]
                for name in ("source", "teacher")
            },
            "parts": [part.to_json() for part in self.parts],
        }


def per_row(bill: Bill, kept: int) -> dict[str, float | None]:
    """USD and tokens a kept row; None where no row was kept, or the cost is not known or not known whole."""
    whole = bill.usd is not None and not bill.unpriced
    return {
        "usd_per_kept_row": bill.usd / kept if kept and whole and bill.usd is not None else None,
        "tokens_per_kept_row": bill.tokens / kept if kept else None,
    }


def added(bills: Iterable[Bill]) -> Bill:
    """The sum; hours are not summed, since work of different kinds may have run at once."""
    return sum(bills, Bill())


def cost_of(world: World, store: ResponseStore | None, recipe: str, teachers: tuple[str, ...]) -> Cost:
    """The bill of a recipe with these teachers; of what is not made yet there is nothing in it."""
    usage = spent_by_purpose(store) if store is not None else []
    mine = [one for one in usage if one.purpose.belongs(world.registry, recipe, teachers)]
    assets = {
        name: _stored(store, [one for one in mine if one.purpose.asset == name])
        for name in dict.fromkeys(one.purpose.asset for one in mine)
    }
    places = dict.fromkeys((one.purpose.asset, one.purpose.partition) for one in mine)
    partitions = {
        place: _stored(None, [one for one in mine if (one.purpose.asset, one.purpose.partition) == place])
        for place in places
    }
    return Cost(recipe, assets, partitions, tuple(_parts(world, recipe, teachers)))


def _stored(store: ResponseStore | None, usage: list[Spent]) -> Bill:
    replies, unpriced = sum(one.replies for one in usage), sum(one.unpriced for one in usage)
    return Bill(
        replies,
        sum(one.prompt_tokens for one in usage),
        sum(one.completion_tokens for one in usage),
        None if replies and unpriced == replies else sum(one.usd for one in usage),
        unpriced,
        busy_hours(store, (one.purpose.text for one in usage)) if store is not None else None,
    )


def _parts(world: World, recipe: str, teachers: tuple[str, ...]) -> Iterable[Part]:
    filtered = world.store.current("filtered_set", recipe_at(recipe))
    if filtered is None:
        return
    for teacher in teachers:
        kept = _kept(world.store.current("training_set", recipe_teacher(recipe, teacher)))
        for source in world.registry.recipe(recipe).sources:
            traces = world.store.current("traces", source_teacher(source, teacher))
            if traces is not None:
                free = world.registry.teacher(teacher).kind == "reference"
                yield Part(source, teacher, _used(filtered, traces, source, free=free), kept.get(source, 0))


def _kept(training: Artifact | None) -> dict[str, int]:
    if training is None:
        return {}
    return dict(training.scan().group_by("source").len().collect().iter_rows())


def _used(filtered: Artifact, traces: Artifact, source: str, *, free: bool) -> Bill:
    """The traces of one partition that a filtered set wants: samples 0 to answers - 1 of its questions."""
    rows = filtered.scan().filter(pl.col("source") == source).select("question_id", "answers_per_question").collect()
    wanted = wanted_answers(rows).lazy()
    found = (
        traces.scan()
        .select("question_id", "sample_index", "prompt_tokens", "completion_tokens", "cost")
        .join(wanted, on="question_id", how="inner")
        .filter(pl.col("sample_index") < pl.col("answers"))
        .select(
            pl.len().alias("replies"),
            pl.col("prompt_tokens").sum(),
            pl.col("completion_tokens").sum(),
            pl.col("cost").sum(),
            pl.col("cost").null_count().alias("unpriced"),
        )
        .collect()
        .row(0, named=True)
    )
    unpriced = 0 if free else int(found["unpriced"])
    nothing = bool(found["replies"]) and unpriced == found["replies"]
    return Bill(
        int(found["replies"]),
        int(found["prompt_tokens"] or 0),
        int(found["completion_tokens"] or 0),
        None if nothing else float(found["cost"] or 0.0),
        unpriced,
    )


def _of(parts: list[Part]) -> tuple[Bill, int]:
    return added(part.used for part in parts), sum(part.kept for part in parts)
