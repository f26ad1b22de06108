"""Step `clean`: drops questions that cannot be asked as they stand, rule by rule.

Belongs here: going through the pool; what a rule looks for is in `ot_assets.curation.cleaning`. Texts are read some rows at a
time. Ledger rule `clean.<rule>`, note = what was found; the first rule that speaks takes the row. The figures count by rule.
Raises nothing.
"""

from __future__ import annotations

import polars as pl
from pydantic import JsonValue

from ot_assets.curation.cleaning.rules import COLUMNS, clean
from ot_assets.curation.ledgers import joined, ledger_rows
from ot_assets.curation.steps.context import Cut, StepContext
from ot_assets.progress import report
from ot_assets.registry.specs.clean import Clean

_AT_ONCE = 50_000


def title(step: Clean) -> str:
    """Its name in the funnel."""
    return f"clean {', '.join(step.rules)}"


def run(step: Clean, context: StepContext) -> Cut:
    """Keeps the rows that no rule speaks against."""
    frame = context.frame
    ledgers, stays, counts = [], [pl.Series(dtype=pl.Boolean)], dict.fromkeys(step.rules, 0)
    for start in range(0, len(frame), _AT_ONCE):
        rows = frame.slice(start, _AT_ONCE)
        found = clean(context.texts.read(rows, COLUMNS), step)
        stay = found.get_column("rule").is_null()
        dropped = rows.hstack(found).filter(~stay)
        rule = pl.format("clean.{}", "rule")
        ledgers.append(ledger_rows(dropped, rule, note=pl.col("note"), id_column="question_id"))
        stays.append(stay)
        for name, count in dropped.group_by("rule").len().iter_rows():
            counts[name] += count
        report(f"{start + len(rows):,} of {len(frame):,} looked at, {sum(counts.values()):,} dropped")
    figures: dict[str, JsonValue] = {"dropped": dict(counts)}
    return Cut(pl.concat(stays).rename("stay"), joined(ledgers), figures)
