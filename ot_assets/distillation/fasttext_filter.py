"""The answer filter that keeps what a fastText classifier finds more like the positives than the negatives.

Belongs here: what is scored and what stays. As in the OpenThoughts3 runs the classifier sees the question and the answer with
its reasoning, and the best stay. Contract: `at_least` first, then `keep` a question, then `rows` in all; ties go to the lower
sample, then to the row that stands first. A text without any known word has no score and comes last.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

import polars as pl

from ot_assets.distillation.aids import Aids, measured, sample_text
from ot_assets.distillation.classifier import trained
from ot_assets.distillation.funnel import Funnel
from ot_assets.registry.specs.answer_filter import FastText, Samples

UNLIKE = "fasttext"


def alike(step: FastText, funnel: Funnel, aids: Aids) -> dict[str, int]:
    """Drops what scores too low; returns how many samples of each class it was learnt from."""

    def texts(samples: tuple[Samples, ...]) -> Iterator[str]:
        return chain.from_iterable(aids.samples(one, step.text, with_question=step.with_question) for one in samples)

    seed = funnel.seed if step.seed is None else step.seed
    classifier = trained(step, texts(step.positives), texts(step.negatives), seed)

    def score(row: dict[str, Any]) -> tuple[float | None]:
        return (classifier.score(sample_text(row, step.text, with_question=step.with_question)),)

    funnel.with_figures(measured(aids, funnel.frame, {"_score": pl.Float64()}, score))
    figure = pl.col("_score")
    if step.at_least is not None:
        note = pl.lit(f"its score; {step.at_least:g} is needed")
        funnel.drop(figure.fill_null(0.0) < step.at_least, UNLIKE, figure=figure, note=note)
    if step.keep is not None:
        funnel.keep(step.keep, -figure, rule=UNLIKE, figure=figure)
    if step.rows is not None:
        funnel.first(step.rows, -figure, pl.col("sample_index"), rule=UNLIKE, said="scored highest", figure=figure)
    funnel.without("_score")
    return classifier.samples
