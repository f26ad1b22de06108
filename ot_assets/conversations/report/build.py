"""A report on conversations as one value: everything that the page shows.

Belongs here: putting figures, estimates and pictures together, and how many rows of each are shown. Contract: computed
from the frames alone; `settings` say how points are counted; the same frames, settings, time and seed give the same
report (as far as `topics` does). Raises nothing for frames of the schemas, empty ones included.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl

from ot_assets.conversations import statistics as figures_of
from ot_assets.conversations.estimates import overall, spam_rates
from ot_assets.conversations.points import explained, points, streaks
from ot_assets.conversations.raters import RaterModel, rater_model
from ot_assets.conversations.report.pictures import Band, TreePicture, Whisker, bands, tree_picture, whiskers
from ot_assets.conversations.rows import TreeRows
from ot_assets.conversations.topics import Embed, Topics, embedded_topics, topics
from ot_assets.conversations.tree_view import one_tree, plain
from ot_assets.registry.specs.crowd import CrowdSettings
from ot_assets.report.histograms import Histogram, histogram
from ot_assets.report.texts import Shown, shown

PEOPLE = 20
"""Persons that are named in each table."""
LANGUAGES = 12
"""Languages whose topics are shown."""
DRAWN = 3
"""Trees that are drawn."""
FEW_ANSWERS = 10
"""Below so many answers a person's error rate is not shown."""
Row = Mapping[str, Any]


@dataclass(frozen=True)
class StateBar:
    """A language's trees by state."""

    language: str
    trees: int
    bands: tuple[Band, ...]


@dataclass(frozen=True)
class Person:
    """One of the busiest: what they did and what points they have for it."""

    did: Row
    score: int
    level: int
    streak: int
    parts: tuple[str, ...]


@dataclass(frozen=True)
class ConversationReport:
    """What stands on the page, section by section."""

    title: str
    figures: Mapping[str, int | float]
    states: tuple[StateBar, ...]
    messages: tuple[Row, ...]
    trees: tuple[TreePicture, ...]
    means: tuple[Whisker, ...]
    distributions: tuple[Row, ...]
    spam: RaterModel
    raters: tuple[Row, ...]
    spammers: tuple[Row, ...]
    concentration: figures_of.Concentration
    people: tuple[Person, ...]
    agreement: figures_of.Agreement
    rankers: tuple[Row, ...]
    topics: tuple[tuple[str, Topics], ...]
    examples: Mapping[str, Shown]
    """Tree -> the prompt of a topic's example."""
    waits: tuple[Row, ...]
    completion: figures_of.Completion
    histograms: Mapping[str, Histogram]
    refused: tuple[Row, ...] | None


def build_report(
    rows: TreeRows,
    *,
    title: str,
    ledger: pl.DataFrame | None = None,
    now: datetime | None = None,
    settings: CrowdSettings | None = None,
    embed: Embed | None = None,
    draw: Sequence[str] | None = None,
    seed: int = 42,
) -> ConversationReport:
    """The report. `ledger`: the refused events; `now`: when points are counted, None for the time of the last thing
    done; `embed`: gives topics by k-means over embeddings of the prompts, without it they are by LDA; `draw`: trees to
    draw, None for the largest that are ready and one that is not.
    """
    people = figures_of.contributions(rows)
    agreement, completion = figures_of.agreement(rows), figures_of.completion(rows)
    spam = rater_model(rows.labels, "spam")
    found = _topics(rows, embed, seed)
    drawn = _to_draw(rows) if draw is None else draw
    return ConversationReport(
        title=plain(title),
        figures=figures_of.figures(rows),
        states=_states(rows),
        messages=tuple(figures_of.messages_by_role_and_depth(rows).to_dicts()),
        trees=tuple(_drawn(rows, tree) for tree in drawn),
        means=whiskers(overall(rows)),
        distributions=tuple(figures_of.label_distributions(rows).to_dicts()),
        spam=spam,
        raters=_raters(spam),
        spammers=tuple(_named(spam_rates(rows, spam).filter(pl.col("rate") > 0).head(PEOPLE))),
        concentration=figures_of.concentration(people),
        people=_people(rows, people, now, settings or CrowdSettings()),
        agreement=agreement,
        rankers=tuple(_named(agreement.rankers.head(PEOPLE))),
        topics=found,
        examples=_examples(rows, found),
        waits=tuple(figures_of.waits(rows).head(PEOPLE).to_dicts()),
        completion=completion,
        histograms=_histograms(agreement, completion, people),
        refused=None if ledger is None else tuple(_named(figures_of.refused(ledger))),
    )


def _states(rows: TreeRows) -> tuple[StateBar, ...]:
    found: dict[str, dict[str, int]] = {}
    for language, state, trees in figures_of.trees_by_state(rows).select("language", "state", "trees").iter_rows():
        found.setdefault(language, {})[state] = trees
    return tuple(StateBar(language, sum(counts.values()), bands(counts)) for language, counts in found.items())


def _to_draw(rows: TreeRows) -> list[str]:
    """The largest trees that are ready, and the largest that is not."""
    order = rows.trees.sort("messages", "tree_id", descending=[True, False])
    ready = pl.col("state") == "ready_for_export"
    done, others = order.filter(ready)["tree_id"].to_list(), order.filter(~ready)["tree_id"].to_list()
    return (done[: DRAWN - 1] + others)[:DRAWN]


def _drawn(rows: TreeRows, tree_id: str) -> TreePicture:
    one = one_tree(rows, tree_id)
    return tree_picture(one.messages, one.trees.row(0, named=True))


def _raters(spam: RaterModel) -> tuple[Row, ...]:
    """Those who err most, of those with enough answers."""
    worst = spam.raters.filter(pl.col("count") >= FEW_ANSWERS).sort("error", "user_id", descending=[True, False])
    return tuple(_named(worst.head(PEOPLE)))


def _people(rows: TreeRows, people: pl.DataFrame, now: datetime | None, settings: CrowdSettings) -> tuple[Person, ...]:
    busiest = people.head(PEOPLE)
    counted = points(rows, now=now, good_rankings=settings.good_rankings)
    total = counted.standings.filter(pl.col("window") == "total")
    standings = {user: (score, level) for user, score, level in total.select("user_id", "score", "level").iter_rows()}
    days = dict(streaks(rows, now=now).select("user_id", "days").iter_rows())
    made = []
    for did, shown_as in zip(busiest.to_dicts(), _named(busiest), strict=True):
        user = did["user_id"]
        score, level = standings.get(user, (0, 1))
        made.append(Person(shown_as, score, level, days.get(user, 0), tuple(explained(counted, user))))
    return tuple(made)


def _named(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Rows whose texts hold nothing that is not seen."""
    return [
        {key: plain(value) if isinstance(value, str) else value for key, value in row.items()}
        for row in frame.to_dicts()
    ]


def _topics(rows: TreeRows, embed: Embed | None, seed: int) -> tuple[tuple[str, Topics], ...]:
    languages = rows.trees.group_by("language").len().sort("len", "language", descending=[True, False])["language"]
    if embed is None:
        return tuple((one, topics(rows, language=one, seed=seed)) for one in languages.head(LANGUAGES))
    return tuple((one, embedded_topics(rows, embed, language=one, seed=seed)) for one in languages.head(LANGUAGES))


def _examples(rows: TreeRows, found: Sequence[tuple[str, Topics]]) -> dict[str, Shown]:
    wanted = {topic.examples[0] for _, one in found for topic in one.topics if topic.examples}
    prompts = rows.messages.filter(pl.col("message_id").is_in(list(wanted)))
    return {tree: shown(text) for tree, text in prompts.select("message_id", "text").iter_rows()}


def _histograms(
    agreement: figures_of.Agreement, completion: figures_of.Completion, people: pl.DataFrame
) -> dict[str, Histogram]:
    """The pictures that there is anything to draw of."""
    series = {
        "people": ("Contributions of one person", "contributions", people["all"].to_numpy()),
        "agreement": (
            "Ballots and the merged order",
            "(1 + tau) / 2",
            agreement.ballots["agreement"].drop_nulls().to_numpy(),
        ),
        "completion": ("From the prompt to ready", "hours", np.array(completion.each)),
    }
    made = {
        name: histogram(title, unit, {"all": values.astype(np.float64)})
        for name, (title, unit, values) in series.items()
    }
    return {name: one for name, one in made.items() if one is not None}
