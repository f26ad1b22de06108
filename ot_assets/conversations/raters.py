"""A rater model: what the true label of each message is, given that some persons err more than others.

Belongs here: the model of A. P. Dawid and A. M. Skene ("Maximum likelihood estimation of observer error-rates using the
EM algorithm", Journal of the Royal Statistical Society C 28, 1979), as crowd-kit fits it, on one label of `LabelRows`
at a time; and its form with one error rate a person (`one_coin`), for crowds in which most persons gave few labels.
Yes-or-no labels are two classes, the others the five buttons of the likert scale; a value between two is the nearer
one. Contract: who labelled a message twice counts once, by the answer to a task before a free label. `estimate` is the
expected value of the label, beside `mean`, which takes everybody for equally right. An error rate has Wilson's
interval, since the model itself is sure of persons of whom it saw three answers. The result depends on the rows alone,
not on their order. Raises nothing for frames of the schemas; without rows of the label it is an empty model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from ot_assets.conversations.intervals import wilson
from ot_assets.conversations.labels import FLAGS, YES_NO

TWO_VALUED = (*YES_NO, *FLAGS)
"""Labels that are yes or no; the others are buttons of a likert scale."""

Model = Literal["dawid_skene", "one_coin"]
Floats = npt.NDArray[np.float64]
_STEPS = 100
"""Steps of the EM algorithm at most."""
_SEEN = 1e-6
"""Less than this of an answer is rounding."""


@dataclass(frozen=True)
class RaterModel:
    """What a model makes of one label."""

    label: str
    model: Model
    classes: tuple[float, ...]
    """The label's values that were seen, ascending."""
    prior: tuple[float, ...]
    """How often each is the true one."""
    messages: pl.DataFrame
    """message_id, count, mean, estimate, likely (the likeliest value), sure (how likely it is)."""
    raters: pl.DataFrame
    """user_id, count, error (share of the answers that are not the true class), low, high, bias (mean of what was said
    less what is true), and for yes or no: false_yes (of those where no is true), false_no. Most answers first."""
    confusion: pl.DataFrame
    """user_id, true, said, share: of the answers where `true` is true, how many say `said`."""
    steps: int


def rater_model(
    labels: pl.DataFrame, label: str, *, model: Model = "dawid_skene", tasks_only: bool = True
) -> RaterModel:
    """Fits the model to rows of `LabelRows`."""
    given = _answers(labels, label, tasks_only)
    if given.is_empty():
        return _empty(label, model)
    classes = np.unique(given["class"].to_numpy())
    likely, prior, steps = _fitted(given, classes, model)
    scale = 1 if label in TWO_VALUED else 4
    values = classes / scale
    messages = (
        given.group_by("message", maintain_order=True)
        .agg(pl.col("message_id").first(), count=pl.len().cast(pl.Int64), mean=pl.col("value").mean())
        .with_columns(
            estimate=pl.Series(likely @ values),
            likely=pl.Series(values[likely.argmax(axis=1)]),
            sure=pl.Series(likely.max(axis=1)),
        )
        .drop("message")
    )
    raters, confusion = _raters(given, likely, classes, values, two=scale == 1)
    return RaterModel(
        label, model, tuple(map(float, values)), tuple(map(float, prior)), messages, raters, confusion, steps
    )


def _answers(labels: pl.DataFrame, label: str, tasks_only: bool) -> pl.DataFrame:
    """One row a message and person, ordered by them: message, person and class as whole numbers from 0."""
    scale = 1 if label in TWO_VALUED else 4
    return (
        labels.filter(pl.col("name") == label, pl.col("task") | (not tasks_only))
        .sort("message_id", "user_id", "task", "at", "event_id", descending=[False, False, True, True, True])
        .unique(["message_id", "user_id"], keep="first", maintain_order=True)
        .select(
            "message_id",
            "user_id",
            "value",
            (pl.col("value") * scale + 0.5).floor().cast(pl.Int64).alias("class"),
            message=pl.col("message_id").rle_id().cast(pl.Int64),
            person=pl.col("user_id").rank("dense").cast(pl.Int64) - 1,
        )
    )


def _fitted(given: pl.DataFrame, classes: npt.NDArray[np.int64], model: Model) -> tuple[Floats, Floats, int]:
    """Message x class: how likely; class: how often; and the steps that it took."""
    if len(classes) == 1:  # there is nothing to tell apart
        return np.ones((given["message"].n_unique(), 1)), np.ones(1), 0
    import pandas as pd
    from crowdkit.aggregation import DawidSkene, OneCoinDawidSkene

    rows = pd.DataFrame(
        {
            "task": given["message"].to_numpy(),
            "worker": given["person"].to_numpy(),
            "label": given["class"].to_numpy(),
        }
    )
    fit: Any = (DawidSkene if model == "dawid_skene" else OneCoinDawidSkene)(n_iter=_STEPS)
    fit.fit(rows)
    likely = fit.probas_.sort_index()[list(classes)].to_numpy(dtype=np.float64, na_value=0.0)
    likely = likely / likely.sum(axis=1, keepdims=True)
    return likely, likely.mean(axis=0), len(fit.loss_history_)


def _raters(
    given: pl.DataFrame, likely: Floats, classes: npt.NDArray[np.int64], values: Floats, *, two: bool
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Who erred how much, by the model's own view of what is true."""
    names = given.select("person", "user_id").unique().sort("person")["user_id"]
    person, message = given["person"].to_numpy(), given["message"].to_numpy()
    said = np.searchsorted(classes, given["class"].to_numpy())
    many, kinds = len(names), len(values)
    counts = np.zeros((many, kinds, kinds))
    for true in range(kinds):
        flat = np.bincount(person * kinds + said, weights=likely[message, true], minlength=many * kinds)
        counts[:, true, :] = flat.reshape(many, kinds)
    answers = counts.sum(axis=(1, 2))
    right = np.trace(counts, axis1=1, axis2=2) / answers
    moved = (counts * (values[None, None, :] - values[None, :, None])).sum(axis=(1, 2)) / answers
    shares = np.divide(counts, counts.sum(axis=2, keepdims=True), out=np.full_like(counts, np.nan), where=_any(counts))
    low, high = wilson(pl.col("error"), pl.col("count"))
    found = pl.DataFrame(
        {"user_id": names, "count": np.rint(answers).astype(np.int64), "error": (1 - right).clip(0, 1)}
    )
    found = found.with_columns(low=low, high=high, bias=pl.Series(moved))
    if two:
        both = len(values) == 2
        found = found.with_columns(
            false_yes=pl.Series(shares[:, 0, 1] if both else [None] * many, dtype=pl.Float64, nan_to_null=both),
            false_no=pl.Series(shares[:, 1, 0] if both else [None] * many, dtype=pl.Float64, nan_to_null=both),
        )
    confusion = pl.DataFrame(
        {
            "user_id": names.gather(np.repeat(np.arange(many), kinds * kinds)),
            "true": np.tile(np.repeat(values, kinds), many),
            "said": np.tile(values, many * kinds),
            "share": pl.Series(shares.ravel(), nan_to_null=True),
        }
    )
    return found.sort("count", "user_id", descending=[True, False]), confusion


def _any(counts: Floats) -> npt.NDArray[np.bool_]:
    """Where a person saw anything of a true class: elsewhere they have no rate."""
    return np.broadcast_to(counts.sum(axis=2, keepdims=True) > _SEEN, counts.shape)


def _empty(label: str, model: Model) -> RaterModel:
    texts, floats, whole = pl.String, pl.Float64, pl.Int64
    messages = {
        "message_id": texts,
        "count": whole,
        "mean": floats,
        "estimate": floats,
        "likely": floats,
        "sure": floats,
    }
    raters = {"user_id": texts, "count": whole, **dict.fromkeys(("error", "low", "high", "bias"), floats)}
    if label in TWO_VALUED:
        raters |= {"false_yes": floats, "false_no": floats}
    confusion = {"user_id": texts, "true": floats, "said": floats, "share": floats}
    empty = [pl.DataFrame(schema=schema) for schema in (messages, raters, confusion)]
    return RaterModel(label, model, (), (), empty[0], empty[1], empty[2], 0)
