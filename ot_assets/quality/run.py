"""Runs a suite on a data set with Great Expectations, and records it for the docs.

Belongs here: the step from measured figures to GX expectations and back. The batch that GX judges is the data set's
profile: one row, one column a figure, each exact over all rows (`figures`). So the set may be larger than memory, a run
takes a fraction of a second after GX is imported (a few seconds, once a process), and no cell of the data can reach a
report. GX is imported here only, inside functions; its analytics and progress bars are off.
Fails with KeyError for a suite that does not exist. A rule that is broken never raises: it is in the result.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from ot_assets.quality.figures import Figure, examples, measure
from ot_assets.quality.remembered import Remembered
from ot_assets.quality.result import Finding, SuiteResult
from ot_assets.quality.rules import Bounds, Drift, Rule, SuiteContext, in_words
from ot_assets.quality.suites import suite_for

if TYPE_CHECKING:
    from great_expectations import ExpectationSuite
    from great_expectations.expectations.expectation import Expectation


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
    verdicts = _judged(name, [f for f in figures if f.judged], named, context, home)
    findings = tuple(_finding(f, verdicts.get(f.rule.name, True), named[f.rule.name]) for f in figures)
    return SuiteResult(name, context.run_name, findings)


def _finding(figure: Figure, passed: bool, named: tuple[str, ...]) -> Finding:
    rule = figure.rule
    return Finding(rule.name, rule.says, passed, figure.value, rule.bounds, () if passed else named, figure.skipped)


def _judged(
    name: str, figures: list[Figure], named: Mapping[str, tuple[str, ...]], context: SuiteContext, home: Path | None
) -> dict[str, bool]:
    """GX's word on each figure, by its name."""
    if not figures:
        return {}
    import pandas as pd

    from ot_assets.quality import project

    profile = pd.DataFrame({f.rule.name: [f.value] for f in figures})
    expectations = as_suite(name, figures, named)
    if home is None:
        said = project.validate(profile, expectations)
    else:
        said = project.record(home, profile, expectations, context.run_name)
    return {str(r["expectation_config"]["kwargs"]["column"]): bool(r["success"]) for r in said}


def unmeasured(name: str, context: SuiteContext) -> list[Figure]:
    """All rules of a suite as they stand, without data: for its page in the docs."""
    suite = suite_for(name, context, ())
    every: list[Rule | Drift] = [*suite.rules, *suite.drifts]
    return [Figure(rule, None) for rule in every if rule.bounds != Bounds()]


def as_suite(name: str, figures: list[Figure], named: Mapping[str, tuple[str, ...]] | None = None) -> ExpectationSuite:
    """The rules as a GX suite over a profile; ids of offending rows stand beside what they broke."""
    from ot_assets.quality import project

    expectations = [_expectation(f, (named or {}).get(f.rule.name, ())) for f in figures]
    suite: ExpectationSuite = project.gx().ExpectationSuite(name=name, expectations=expectations)
    return suite


def _expectation(figure: Figure, named: tuple[str, ...]) -> Expectation:
    from ot_assets.quality import project

    rows = f"; rows such as {', '.join(html.escape(n) for n in named)}" if named else ""
    expectation: Expectation = project.gx().expectations.ExpectColumnMaxToBeBetween(
        column=figure.rule.name,
        min_value=figure.bounds.low,
        max_value=figure.bounds.high,
        description=f"{figure.rule.says} ({in_words(figure.bounds)}{rows})",
        severity="warning",
    )
    return expectation
