"""Runs a suite on a data set with Great Expectations, and records it for the docs.

Belongs here: the step from a data set to measured figures, and from verdicts to findings. What is judged is the data
set's profile: one row, one column a figure, each exact over all rows (`figures`). So the set may be larger than memory,
and a run takes a fraction of a second once GX is there (`judge` imports it in a process beside, while the step works).
Fails with KeyError for a suite that does not exist. A rule that is broken never raises: it is in the result.
"""

from __future__ import annotations

import html
from pathlib import Path

import polars as pl

from ot_assets.quality.figures import Figure, examples, measure
from ot_assets.quality.judge import verdicts
from ot_assets.quality.judging import Held, Profile
from ot_assets.quality.remembered import Remembered
from ot_assets.quality.result import Finding, SuiteResult
from ot_assets.quality.rules import Bounds, Drift, Rule, SuiteContext, in_words
from ot_assets.quality.suites import suite_for


def run_suite(
    name: str,
    frame: pl.DataFrame | pl.LazyFrame,
    previous: pl.DataFrame | pl.LazyFrame | None = None,
    context: SuiteContext | None = None,
    home: Path | None = None,
) -> SuiteResult:
    """What the suite `name` says of a data set, compared with its previous version where that is given.

    With `home` (the state folder) the validation is recorded there, and `docs.build_docs` shows it.
    """
    context = context or SuiteContext(asset=name)
    rows, before = frame.lazy(), None if previous is None else previous.lazy()
    suite = suite_for(name, context, rows.collect_schema().names())
    remembered = Remembered(name, context, home)
    figures = measure(suite, rows, before, remembered)
    remembered.keep()
    named = {f.rule.name: examples(f, rows, suite.id_column) for f in figures}
    held = tuple(_held(f, named[f.rule.name]) for f in figures if f.judged)
    passed = verdicts(Profile(name, context.run_name, held, str(home) if home else None)) if held else {}
    findings = tuple(_finding(f, passed.get(f.rule.name, True), named[f.rule.name]) for f in figures)
    return SuiteResult(name, context.run_name, findings)


def _finding(figure: Figure, passed: bool, named: tuple[str, ...]) -> Finding:
    rule = figure.rule
    return Finding(rule.name, rule.says, passed, figure.value, rule.bounds, () if passed else named, figure.skipped)


def _held(figure: Figure, named: tuple[str, ...] = ()) -> Held:
    """A figure as GX is asked about it; ids of offending rows stand beside what they broke."""
    rows = f"; rows such as {', '.join(html.escape(n) for n in named)}" if named else ""
    says = f"{figure.rule.says} ({in_words(figure.bounds)}{rows})"
    return Held(figure.rule.name, figure.value, figure.bounds.low, figure.bounds.high, says)


def unmeasured(name: str, context: SuiteContext) -> list[Held]:
    """All rules of a suite as they stand, without data: for its page in the docs."""
    suite = suite_for(name, context, ())
    every: list[Rule | Drift] = [*suite.rules, *suite.drifts]
    return [_held(Figure(rule, None)) for rule in every if rule.bounds != Bounds()]
