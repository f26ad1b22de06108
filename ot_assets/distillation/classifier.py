"""A fastText classifier of texts (Joulin et al. 2016), trained on what is like what we want and what is not.

Belongs here: training and scoring; who is scored is in `fasttext_filter` (answers) and `curation.scores` (questions). The
library is floret, which trains as fastText does and, unlike its wheels, stands beside numpy 2 and beside the language model's
own fastText. Contract: one thread and a seed, so the same samples give the same scores; a classifier that was kept gives them
too. Samples are put in an order that the seed decides, since fastText learns from them one after the other. Memory holds the
vectors (dim x buckets x 4 bytes) and a place a sample. Fails with `UserError` where a class has no samples, where no word is
frequent enough, or where the training diverges.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ot_assets.curation.draws import draw_order
from resources.errors import UserError

_LABELS = {"positives": "__label__positive", "negatives": "__label__negative"}


class Settings(Protocol):
    """What fastText is told; an answer filter's step or a score's spec."""

    @property
    def dim(self) -> int: ...  # noqa: D102
    @property
    def epochs(self) -> int: ...  # noqa: D102
    @property
    def learning_rate(self) -> float: ...  # noqa: D102
    @property
    def word_ngrams(self) -> int: ...  # noqa: D102
    @property
    def min_count(self) -> int: ...  # noqa: D102
    @property
    def buckets(self) -> int: ...  # noqa: D102


@dataclass(frozen=True)
class Classifier:
    """Scores texts from 0 (like the negatives) to 1 (like the positives)."""

    score: Callable[[str], float | None]
    """None for a text without a word that it learnt: runs of unknown words say nothing."""
    samples: dict[str, int]
    """How many of each class it saw; empty for one that was kept."""


def trained(
    step: Settings,
    positives: Iterable[str],
    negatives: Iterable[str],
    seed: int,
    *,
    who: str = "answer_filter: fasttext",
    keep: Path | None = None,
) -> Classifier:
    """Trains on the samples with the step's settings. `who` names it in messages; `keep` is a file for `kept`."""
    with tempfile.TemporaryDirectory(prefix="ot-fasttext-") as folder:
        written = Path(folder, "written.txt")
        starts, counts = _write(written, {"positives": positives, "negatives": negatives})
        for name, number in counts.items():
            if not number:
                raise UserError(f"{who} has no {name} to learn from", fix=f"name files, traces or sources with {name}")
        mixed = Path(folder, "mixed.txt")
        _mix(written, mixed, starts, seed)
        model = _train(step, mixed, seed, who)
        if keep is not None:
            _save(model, keep)
        return Classifier(_scoring(model), counts)


def kept(path: Path) -> Classifier:
    """A classifier that `trained` kept: the very same scores."""
    import floret

    return Classifier(_scoring(floret.load_model(str(path))), {})


def _write(path: Path, classes: dict[str, Iterable[str]]) -> tuple[list[int], dict[str, int]]:
    """Writes a line a sample; returns where each line starts and how many there are of each class."""
    starts: list[int] = []
    counts: dict[str, int] = {}
    with path.open("wb") as file:
        for name, texts in classes.items():
            before = len(starts)
            for text in texts:
                starts.append(file.tell())
                file.write(f"{_LABELS[name]} {one_line(text)}\n".encode("utf-8", "replace"))
            counts[name] = len(starts) - before
    return starts, counts


def _mix(written: Path, mixed: Path, starts: list[int], seed: int) -> None:
    with written.open("rb") as lines, mixed.open("wb") as out:
        for place in draw_order(seed, "fasttext", map(str, range(len(starts)))):
            lines.seek(starts[place])
            out.write(lines.readline())


def _train(step: Settings, path: Path, seed: int, who: str) -> Any:
    import floret

    try:
        model = floret.train_supervised(
            input=str(path),
            dim=step.dim,
            epoch=step.epochs,
            lr=step.learning_rate,
            wordNgrams=step.word_ngrams,
            minCount=step.min_count,
            bucket=step.buckets,
            loss="softmax",
            seed=seed % 2**31,
            thread=1,
            verbose=0,
        )
    except (ValueError, RuntimeError) as error:
        raise UserError(
            f"{who}: the classifier cannot be trained: {error}",
            fix="more samples, or a smaller learning_rate",
        ) from None
    if not _words(model):
        raise UserError(
            f"{who}: no word stands {step.min_count} times in the samples, so nothing can be learnt",
            fix="more samples, or a smaller min_count",
        )
    return model


def _save(model: Any, path: Path) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".tmp-") as folder:
        made = Path(folder, path.name)
        model.save_model(str(made))
        made.replace(path)


def _scoring(model: Any) -> Callable[[str], float | None]:
    words = _words(model)

    def score(text: str) -> float | None:
        line = one_line(text)
        if words.isdisjoint(line.split(" ")):
            return None
        # The wrapper's own predict copies arrays in a way that numpy 2 refuses.
        said = {label: chance for chance, label in model.f.predict(f"{line}\n", 2, 0.0, "strict")}
        return min(1.0, float(said.get(_LABELS["positives"], 0.0))) if said else None

    return score


def _words(model: Any) -> frozenset[str]:
    """The words that it learnt."""
    return frozenset(model.words) - {"</s>"}


def one_line(text: str) -> str:
    """A text as fastText reads one: a line, without what it would take for a label."""
    return " ".join(text.split()).replace("__label__", "label")
