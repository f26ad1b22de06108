"""How lengths and scores are spread, before and after the choice.

Belongs here: bins and counts. Contract: a histogram has one set of edges for all its series; every finite value is in a
bin, what has no value is counted beside (`missing`). Edges are logarithmic where a long tail would flatten the rest.
Memory holds one number a row of a stage, and the ids of those that are scored. Series without a value are left out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from ot_assets.report.asked import asked_for
from ot_assets.report.stages import Stages

BINS = 40
Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Series:
    """One set of rows in the bins of a histogram."""

    name: str
    counts: tuple[int, ...]
    rows: int
    median: float
    missing: int


@dataclass(frozen=True)
class Histogram:
    """`edges` are one more than there are bins, ascending; `log` says that they are spaced so."""

    title: str
    unit: str
    edges: tuple[float, ...]
    log: bool
    series: tuple[Series, ...]


def histograms(stages: Stages, scores: Mapping[str, Collection[str]]) -> list[Histogram]:
    """Lengths of questions, answers and examples, and every score; `scores` names those that the recipe uses, by source."""
    question = pl.col("question").str.len_chars()
    lengths = {
        "screened": _all(stages.screened.values(), question),
        "asked": _all([stages.filtered], question),
    }
    tokens = pl.col("completion_tokens")
    answers = {
        "answered": _values((asked_for(stages, one) for one in stages.traces.values()), tokens),
    }
    examples = {"examples": _all([stages.training], pl.col("prompt_tokens") + pl.col("completion_tokens"))}
    made = [
        histogram("Length of the questions", "characters", lengths),
        histogram("Length of the answers, by the teacher's own count", "tokens", answers),
        histogram("Length of the examples, by the student's tokenizer", "tokens", examples),
        *(histogram(f"Score {name}", name, series) for name, series in _scores(stages, scores).items()),
    ]
    return [one for one in made if one is not None]


def histogram(title: str, unit: str, series: Mapping[str, Values]) -> Histogram | None:
    """Bins over all values of all series; None when there is no value."""
    finite = {name: values[np.isfinite(values)] for name, values in series.items()}
    finite = {name: values for name, values in finite.items() if len(values)}
    if not finite:
        return None
    together = np.concatenate(list(finite.values()))
    edges, log = _edges(together)
    counted = tuple(
        Series(
            name,
            tuple(int(n) for n in np.histogram(values, bins=edges)[0]),
            len(values),
            float(np.median(values)),
            len(series[name]) - len(values),
        )
        for name, values in finite.items()
    )
    return Histogram(title, unit, tuple(float(edge) for edge in edges), log, counted)


def _edges(values: Values) -> tuple[Values, bool]:
    low, high, median = float(values.min()), float(values.max()), float(np.median(values))
    if low == high:
        return np.array([low - 0.5, low + 0.5]), False
    if low > 0 and high > 12 * median:
        edges = np.geomspace(low, high, BINS + 1)
        edges[0], edges[-1] = low, high  # rounding must not lose the ends
        return edges, True
    whole = bool(np.all(values == np.floor(values)))
    if whole and high - low < BINS:
        return np.arange(low, high + 2) - 0.5, False
    return np.linspace(low, high, BINS + 1), False


def _all(artifacts: Iterable[Any], value: pl.Expr) -> Values:
    """The value of every row of the artifacts that are there; NaN where it is null."""
    return _values((artifact.scan() for artifact in artifacts if artifact is not None), value)


def _values(rows: Iterable[pl.LazyFrame], value: pl.Expr) -> Values:
    found = [
        some.select(value.cast(pl.Float64).alias("v")).collect(engine="streaming")["v"].to_numpy() for some in rows
    ]
    return np.concatenate(found).astype(np.float64) if found else np.empty(0)


def _scores(stages: Stages, used: Mapping[str, Collection[str]]) -> dict[str, dict[str, Values]]:
    """Score -> all that were scored, and those of them that are asked."""
    asked = (
        stages.filtered.scan().select("source", "question_id").unique().collect(engine="streaming")
        if stages.filtered
        else None
    )
    parts: dict[str, dict[str, list[Values]]] = {}
    for source, artifact in stages.scores.items():
        for column in artifact.manifest.tables[""].columns:
            if column not in used.get(source, ()):
                continue
            frame = artifact.scan().select("question_id", pl.col(column).cast(pl.Float64)).collect()
            into = parts.setdefault(column, {"scored": [], "asked": []})
            into["scored"].append(frame[column].to_numpy().astype(np.float64))
            if asked is not None:
                mine = asked.filter(pl.col("source") == source).select("question_id")
                met = frame.join(mine, on="question_id", how="semi")
                into["asked"].append(met[column].to_numpy().astype(np.float64))
    return {
        name: {kind: np.concatenate(values) for kind, values in kinds.items() if values}
        for name, kinds in parts.items()
    }
