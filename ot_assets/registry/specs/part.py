"""``Part`` of a recipe: rows drawn from some sources, then cut down step by step.

Belongs here: which sources, how many rows of each, and the steps. Numbers that depend on the recipe (its ``rows``, its named
rankings) are filled in by ``RecipeSpec.exact_parts``. Fails with pydantic's ``ValidationError``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from ot_assets.registry.specs.base import Domain, Key, Rows, Seed
from ot_assets.registry.specs.growing import Growing
from ot_assets.registry.specs.quotas import apportion, sized_shares
from ot_assets.registry.specs.score import Score
from ot_assets.registry.specs.select import Step, keeps_rows, rows_of, score_of


class Draw(Growing):
    """One source of a part, and its share of the part's rows or its own number of rows."""

    later: ClassVar[frozenset[str]] = frozenset({"rows"})

    source: Key = Field(description="Key in sources/.")
    share: float | None = Field(default=None, gt=0, le=1, description="Absent in all = equal shares.")
    rows: Rows | Literal["all"] | None = Field(
        default=None, description="Rows of this source, instead of a share of the part's rows; all = every row of it."
    )


class Part(Growing):
    """Rows drawn from some sources, then cut down step by step."""

    later: ClassVar[frozenset[str]] = frozenset({"top", "ranking", "temperature", "ratio", "answers_per_question"})

    domain: Domain = Field(description="Domain of the rows it makes; what `ot plan` counts by.")
    sources: tuple[Draw, ...] = Field(min_length=1, description="Where its rows come from.")
    top: int | None = Field(
        default=None, gt=0, description="Only the first so many sources of the ranking; the others are not read."
    )
    ranking: Key | tuple[Key, ...] = Field(
        default=(),
        description="Sources, best first: keys, or the name of one of the recipe's rankings; absent = as listed.",
    )
    rows: Rows | Literal["all"] = Field(default="all", description="Rows to draw before the steps; all = every row.")
    temperature: float | None = Field(
        default=None,
        gt=0,
        description="Shares by size: a source's share is proportional to (its rows) ** (1 / temperature). 1 = by size; "
        "more is nearer to equal shares.",
    )
    fill: Literal["none", "repeat", "error"] = Field(
        default="none",
        description="A source smaller than its share: take less (and warn), repeat it, or refuse. `error` also refuses "
        "when fewer rows reach a step than it is to keep.",
    )
    seed: Seed | None = Field(default=None, description="Seed of its draws; absent = the recipe's.")
    select: tuple[Step, ...] = Field(default=(), description="Steps, in order.")
    ratio: float | None = Field(
        default=None, gt=0, description="Its part of the recipe's rows, such as 850 beside 250 and 100."
    )
    answers_per_question: int | None = Field(
        default=None, gt=0, le=10_000, description="Answers asked of each teacher; absent = the recipe's."
    )

    @model_validator(mode="after")
    def _sources_fit(self) -> Part:
        names = [draw.source for draw in self.sources]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"source {', '.join(twice)} is named twice")
        if self.top is not None and self.top > len(names):
            raise ValueError(f"top: {self.top}, but the part lists only {len(names)} sources")
        if self.top is None and self.ranking:
            raise ValueError("ranking is for top: how many of its sources are taken")
        if isinstance(self.ranking, tuple) and self.ranking:
            unranked = [name for name in names if name not in self.ranking]
            if unranked:
                raise ValueError(f"ranking does not name {', '.join(unranked)}")
        return self

    @model_validator(mode="after")
    def _shares_fit(self) -> Part:
        shares = [draw.share for draw in self.sources if draw.share is not None]
        fixed = [draw.rows for draw in self.sources if draw.rows is not None]
        ways = {
            "share": shares,
            "rows of a source": fixed,
            "temperature": [self.temperature] if self.temperature else [],
        }
        said = [name for name, values in ways.items() if values]
        if len(said) > 1:
            raise ValueError(f"say in one way how much each source gives, not by {' and by '.join(said)}")
        if shares and len(shares) != len(self.sources):
            raise ValueError("either every source has a share or none has (then they are equal)")
        if fixed and len(fixed) != len(self.sources):
            raise ValueError("either every source has rows or none has")
        if shares and abs(sum(shares) - 1) > 1e-6:
            raise ValueError(f"the shares must sum to 1, not {sum(shares):.10g}")
        if (shares or self.temperature) and self.rows == "all":
            raise ValueError(f"{said[0]} needs rows: a number; `all` takes every row of every source")
        if fixed and self.rows != "all":
            raise ValueError("each source says its own rows, so the part says none")
        if self.top is not None and (shares or fixed):
            raise ValueError(f"top: gives equal shares (or by temperature), so sources say no {said[0]}")
        return self

    @model_validator(mode="after")
    def _steps_shrink(self) -> Part:
        left = self.drawn
        for number, step in enumerate(self.select, 1):
            rows = rows_of(step)
            if keeps_rows(step) and rows is None and number < len(self.select):
                raise ValueError(f"step {number} says no rows: only the last step may leave them to the recipe")
            if rows is None:
                continue
            if left is not None and rows > left:
                raise ValueError(f"step {number} keeps {rows:,} rows, but at most {left:,} reach it")
            left = rows
        return self

    @property
    def drawn(self) -> int | None:
        """Rows that it draws at most; None where that depends on the sources."""
        if self.rows != "all":
            return self.rows
        fixed = [draw.rows for draw in self.sources if isinstance(draw.rows, int)]
        return sum(fixed) if len(fixed) == len(self.sources) else None

    @property
    def most(self) -> int | None:
        """Rows that its steps leave at most; None where nothing says a number."""
        numbers = [rows for step in self.select if (rows := rows_of(step)) is not None]
        return numbers[-1] if numbers else self.drawn

    @property
    def used(self) -> tuple[Draw, ...]:
        """The sources that it draws from: all, or the top of the ranking, best first."""
        if self.top is None:
            return self.sources
        order = self.ranking if isinstance(self.ranking, tuple) and self.ranking else [d.source for d in self.sources]
        places = {source: place for place, source in enumerate(order)}
        return tuple(sorted(self.sources, key=lambda draw: places[draw.source])[: self.top])

    def quotas(self, sizes: Mapping[str, int] | None = None) -> dict[str, int | None] | None:
        """Rows wanted of each source in use (None = every row of it); None when the part takes all rows of all.

        They sum to ``rows`` (see ``quotas``). ``sizes`` (rows of each source) is needed for ``temperature`` alone; `KeyError`
        without.
        """
        draws = self.used
        if any(draw.rows is not None for draw in draws):
            return {draw.source: None if draw.rows == "all" else draw.rows for draw in draws}
        if self.rows == "all":
            return None
        shares = [draw.share or 1 / len(draws) for draw in draws]
        if self.temperature is not None:
            shares = sized_shares([(sizes or {})[draw.source] for draw in draws], self.temperature)
        return {draw.source: rows for draw, rows in zip(draws, apportion(self.rows, shares), strict=True)}

    @property
    def scores(self) -> tuple[Score, ...]:
        """Scores that its steps read, each once, in order."""
        return tuple(dict.fromkeys(score for step in self.select if (score := score_of(step)) is not None))
