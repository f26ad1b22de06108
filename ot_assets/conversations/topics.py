"""Topics: what conversations are about, as word lists with shares, without any labelled data.

Belongs here: latent Dirichlet allocation (D. M. Blei, A. Y. Ng, M. I. Jordan, 2003) as tomotopy samples it, and k-means
over sentence embeddings of the prompts where an embedding model is at hand. A document is a tree: its prompt and all
replies that are not deleted; what a document's terms are is `terms`' to say, and `Topics.note` says it where they are
no words. There is no stop list for any language: terms that stand in more than `_COMMON` of the documents are left out,
and a topic's words are ordered by relevance (C. Sievert, K. E. Shirley, 2014, lambda 0.6), which puts what is common
everywhere last. Contract: pure, the same for the same rows and seed on one kind of processor (tomotopy has code of its
own for each). Of more than `_TOKENS` terms a sample of the trees is taken. Texts of several languages are split by
language first, not here: topics would be the languages. Too few documents give no topics and say why. Raises nothing
for frames of the schemas.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from ot_assets.conversations.rows import TreeRows
from ot_assets.conversations.terms import Terms, terms_of

TOPICS = 33
"""How many at most; as many as the overview of Open-Assistant's data is said to have."""
FEWEST = 30
"""Documents below which no topics are made."""
_A_TOPIC = 10
"""Documents that there are to be for each topic."""
_TERMS = 3
"""Terms that there are to be for each topic."""
_COMMON = 0.5
_VOCABULARY = 20_000
_WORDS = 10
_RELEVANCE = 0.6
_ROUNDS = 100
_TOKENS = 1_500_000
_ALPHA, _ETA = 0.1, 0.01
Floats = npt.NDArray[np.float64]
Embed = Callable[[Sequence[str]], npt.NDArray[np.float32]]


@dataclass(frozen=True)
class Topic:
    """One topic, the largest first."""

    number: int
    words: tuple[str, ...]
    share: float
    """Of all documents' text (LDA) or of the documents (k-means)."""
    documents: int
    """Those that are of this topic more than of any other."""
    examples: tuple[str, ...]
    """Trees that it stands out in."""


@dataclass(frozen=True)
class Topics:
    """Topics, or why there are none."""

    method: str
    documents: int
    terms: int
    """Different terms that were looked at."""
    topics: tuple[Topic, ...]
    note: str
    """What a reader must know; empty for nothing."""


def topics(rows: TreeRows, *, language: str | None = None, at_most: int = TOPICS, seed: int = 42) -> Topics:
    """Topics by latent Dirichlet allocation."""
    documents = _documents(rows, language)
    found = _counted(documents["text"])
    reason = _too_few(len(documents), found)
    if reason:
        return Topics("lda", len(documents), len(found.names), (), reason)
    import tomotopy

    many = _how_many(len(documents), len(found.names), at_most)
    sizes = np.asarray(found.counts.sum(axis=1)).ravel()
    taken = _sample(sizes, seed)
    # One worker and a seed: the same draws each time.
    model = tomotopy.LDAModel(k=many, alpha=_ALPHA, eta=_ETA, seed=seed)
    names = np.array(found.names, dtype=object)
    for place in taken:
        row = found.counts[[place]]
        model.add_doc(np.repeat(names[row.indices], row.data).tolist())
    model.train(_ROUNDS, workers=1, parallel=tomotopy.ParallelScheme.NONE)
    places = {name: place for place, name in enumerate(model.used_vocabs)}
    column = [places.get(name, -1) for name in found.names]
    by_topic = np.array([model.get_topic_word_dist(topic) for topic in range(many)], np.float64)[:, column]
    by_topic[:, np.array(column) < 0] = 0
    weights = np.zeros((len(documents), many))
    weights[taken] = [document.get_topic_dist() for document in model.docs]
    shares = (weights * sizes[:, None]).sum(axis=0) / sizes[taken].sum()
    overall = np.asarray(found.counts.sum(axis=0)).ravel() / sizes.sum()
    with np.errstate(divide="ignore"):
        relevance = _RELEVANCE * np.log(by_topic) + (1 - _RELEVANCE) * np.log(by_topic / overall)
    return _topics(
        "lda", documents, replace(found, note=_said(found.note, len(taken), sizes)), weights, shares, relevance
    )


def embedded_topics(
    rows: TreeRows, embed: Embed, *, language: str | None = None, at_most: int = TOPICS, seed: int = 42
) -> Topics:
    """Topics by k-means over embeddings of the prompts; `embed` gives one unit vector a text
    (`curation.embedding.embed`).

    A topic's words are those that its prompts' trees have more of than the others, by class-based tf-idf (M.
    Grootendorst, 2022).
    """
    documents = _documents(rows, language)
    found = _counted(documents["text"])
    reason = _too_few(len(documents), found)
    if reason:
        return Topics("k-means", len(documents), len(found.names), (), reason)
    from sklearn.cluster import KMeans

    many = _how_many(len(documents), len(found.names), at_most)
    vectors = np.asarray(embed(documents["prompt"].to_list()), np.float64)
    model = KMeans(many, random_state=seed, n_init=4).fit(vectors)
    member = np.eye(many)[model.labels_]
    near = member * (vectors @ model.cluster_centers_.T + 2)  # examples are those nearest to the middle
    by_topic = np.asarray(found.counts.T @ member).T
    overall = by_topic.sum(axis=0)
    totals = np.maximum(by_topic.sum(axis=1, keepdims=True), 1)
    relevance = by_topic / totals * np.log1p(by_topic.sum() / many / np.maximum(overall, 1))
    relevance[by_topic == 0] = -np.inf
    return _topics("k-means", documents, found, near, member.mean(axis=0), relevance)


def _documents(rows: TreeRows, language: str | None) -> pl.DataFrame:
    """tree_id, prompt, text; by id."""
    messages = rows.messages.filter(~pl.col("deleted"))
    if language is not None:
        messages = messages.filter(pl.col("language") == language)
    return (
        messages.group_by("tree_id", maintain_order=True)
        .agg(prompt=pl.col("text").first(), text=pl.col("text").str.join("\n"))
        .sort("tree_id")
    )


def _counted(texts: pl.Series) -> Terms:
    least = 2 if len(texts) < 1_000 else 5
    return terms_of(texts, at_least=least, at_most=_COMMON, vocabulary=_VOCABULARY)


def _too_few(documents: int, found: Terms) -> str:
    if documents < FEWEST:
        return f"{documents} conversations are too few for topics; {FEWEST} are needed"
    if len(found.names) < 2:
        return "No terms tell these conversations apart: all are rare, or stand in more than half of them"
    return ""


def _sample(sizes: npt.NDArray[np.int64], seed: int) -> npt.NDArray[np.int64]:
    """Documents with any terms, in order; a sample of them where there are too many terms."""
    there = np.flatnonzero(sizes)
    if sizes.sum() > _TOKENS:
        order = np.random.default_rng(seed).permutation(there)
        there = np.sort(order[np.cumsum(sizes[order]) - sizes[order] < _TOKENS])
    return there


def _said(note: str, taken: int, sizes: npt.NDArray[np.int64]) -> str:
    there = int((sizes > 0).sum())
    return f"{note} Made from a sample of {taken:,} of {there:,} conversations.".strip() if taken < there else note


def _how_many(documents: int, terms: int, at_most: int) -> int:
    return max(2, min(at_most, documents // _A_TOPIC, terms // _TERMS))


def _topics(
    method: str, documents: pl.DataFrame, found: Terms, weights: Floats, shares: Floats, relevance: Any
) -> Topics:
    owner = np.where(weights.max(axis=1) > 0, weights.argmax(axis=1), -1)
    ids = documents["tree_id"]
    made = []
    for number, topic in enumerate(sorted(range(len(shares)), key=lambda one: (-shares[one], one))):
        words = np.argsort(-relevance[topic], kind="stable")[:_WORDS]
        mine = np.flatnonzero(owner == topic)
        best = mine[np.argsort(-weights[mine, topic], kind="stable")[:3]]
        names = tuple(found.names[word] for word in words if np.isfinite(relevance[topic, word]))
        made.append(Topic(number, names, float(shares[topic]), len(mine), tuple(ids.gather(best).to_list())))
    return Topics(method, len(documents), len(found.names), tuple(made), found.note)
