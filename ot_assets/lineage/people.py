"""What was trained on a person's words: training sets and students, in every version that is still there.

Belongs here: `trained_on`. Contract: an example counts where the person wrote any message of its thread, or the prompt or the
best reply behind its question; which trees a training set was made from is what its manifest recorded. A version that is lost
or damaged is named with the reason, since it cannot be said to hold nothing. Raises nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from ot_assets.distillation.thread_examples import SOURCE
from resources.artifacts import Artifact, ArtifactStore, Manifest, Partition
from resources.errors import UserError


@dataclass(frozen=True)
class TrainedOn:
    """A training set with examples of a person, and the students made from it."""

    partition: Partition
    artifact_id: str
    examples: int
    students: tuple[str, ...]
    reason: str = ""
    """Why it could not be looked into."""


def trained_on(store: ArtifactStore, user_id: str) -> list[TrainedOn]:
    """Every training set that holds something of the person, with its students."""
    found = []
    for manifest in _versions(store, "training_set"):
        at = Partition(manifest.partition)
        students = tuple(
            one.artifact_id
            for one in _versions(store, "student_model")
            if any(i.asset == "training_set" and i.artifact_id == manifest.artifact_id for i in one.inputs)
        )
        try:
            examples = _examples(store, manifest, user_id)
        except (UserError, OSError, pl.exceptions.PolarsError) as error:
            found.append(TrainedOn(at, manifest.artifact_id, 0, students, str(error).splitlines()[0]))
            continue
        if examples:
            found.append(TrainedOn(at, manifest.artifact_id, examples, students))
    return found


def _versions(store: ArtifactStore, asset: str) -> Iterator[Manifest]:
    for partition in store.partitions(asset):
        yield from store.history(asset, partition)


def _examples(store: ArtifactStore, training: Manifest, user_id: str) -> int:
    """Examples of the training set that hold words of the person."""
    at = Partition(training.partition)
    total = 0
    for one in training.inputs:
        here = Partition(one.partition)
        if one.asset == "sft_threads":
            threads = store.get(one.asset, here, one.artifact_id)
            theirs = _messages(store, threads, user_id)
            held = pl.col("message_ids").list.eval(pl.element().is_in(theirs)).list.any()
            replies = threads.scan().filter(held).select(pl.col("message_ids").list.last()).collect().to_series()
            source = SOURCE + here["language"]
            total += _count(
                store, training, at, pl.col("source_row").is_in(replies.implode()) & (pl.col("source") == source)
            )
        elif one.asset == "screened_questions":
            total += _asked(store, training, store.get(one.asset, here, one.artifact_id), user_id)
        elif one.asset == "traces":
            for above in store.get(one.asset, here, one.artifact_id).manifest.inputs:
                if above.asset == "screened_questions":
                    made = store.get(above.asset, Partition(above.partition), above.artifact_id)
                    total += _asked(store, training, made, user_id)
    return total


def _asked(store: ArtifactStore, training: Manifest, screened: Artifact, user_id: str) -> int:
    """Examples whose question is a prompt of the person, or was answered by a reply of theirs."""
    rows: list[str] = []
    for one in screened.manifest.inputs:
        if one.asset != "sourced_questions":
            continue
        for above in store.get(one.asset, Partition(one.partition), one.artifact_id).manifest.inputs:
            if above.asset == "prompts":
                prompts = store.get(above.asset, Partition(above.partition), above.artifact_id)
                theirs = _messages(store, prompts, user_id)
                held = pl.col("message_id").is_in(theirs) | pl.col("best_id").is_in(theirs)
                rows += prompts.scan().filter(held).select("message_id").collect().to_series().to_list()
    if not rows:
        return 0
    source = screened.partition["source"]
    own = pl.col("source_row").str.splitn(":", 2).struct.field("field_1")  # the rest is the message's id
    mine = (pl.col("source") == source) & own.is_in(rows)
    return _count(store, training, Partition(training.partition), mine)


def _count(store: ArtifactStore, training: Manifest, at: Partition, fits: pl.Expr) -> int:
    rows = store.get("training_set", at, training.artifact_id).scan()
    return int(rows.filter(fits).select(pl.len()).collect().item())


def _messages(store: ArtifactStore, below: Artifact, user_id: str) -> list[str]:
    """Messages of the person in the trees that an artifact was made from."""
    for one in below.manifest.inputs:
        if one.asset == "conversation_trees":
            trees = store.get(one.asset, Partition(one.partition), one.artifact_id)
            mine = trees.scan().filter(pl.col("user_id") == user_id).select("message_id").collect()
            return mine.to_series().to_list()
    return []
