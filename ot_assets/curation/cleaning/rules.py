"""Which function is which rule of a `clean` step.

Belongs here: one line a rule. Contract: a rule gives one note a row, null where the row stays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import polars as pl

from ot_assets.curation.cleaning import answers, figures, language, links, several, shape
from ot_assets.registry.specs.clean import Clean, Figures, Garbled, InLanguage, Length, Links, Proofs, Several

COLUMNS = ("question", "gold", "verifier", "verifier_args", "domain")
"""What rules read of a row."""

_Rule = Callable[[pl.DataFrame, Clean], pl.Series]

RULES: Mapping[str, _Rule] = {
    "no_gold": lambda rows, spec: answers.no_gold(rows),
    "length": lambda rows, spec: shape.length(rows, spec.length or Length(min=1)),
    "garbled": lambda rows, spec: shape.garbled(rows, spec.settings(spec.garbled, Garbled)),
    "figures": lambda rows, spec: figures.hits(rows, spec.settings(spec.figures, Figures)),
    "links": lambda rows, spec: links.hits(rows, spec.settings(spec.links, Links)),
    "answer_given": lambda rows, spec: answers.answer_given(rows),
    "several": lambda rows, spec: several.hits(rows, spec.settings(spec.several, Several)),
    "proofs": lambda rows, spec: answers.proofs(rows, spec.settings(spec.proofs, Proofs)),
    "language": lambda rows, spec: language.hits(rows, spec.settings(spec.language, InLanguage)),
}
"""Name -> what looks for it. Names are the fields of `Clean`."""


def clean(rows: pl.DataFrame, spec: Clean) -> pl.DataFrame:
    """For each row (columns `COLUMNS`) the first rule that speaks, `rule`, and what it found, `note`; null where it stays.

    A rule sees only the rows that those before it left, so the dear ones see few.
    """
    found = [pl.DataFrame(schema={"at": pl.Int64, "rule": pl.String, "note": pl.String})]
    left = rows.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias("at"))
    for name in spec.rules:
        noted = left.with_columns(RULES[name](left, spec).alias("note"))
        found.append(
            noted.filter(pl.col("note").is_not_null()).select("at", pl.lit(name).alias("rule"), pl.col("note"))
        )
        left = left.filter(noted.get_column("note").is_null())
    places = pl.DataFrame({"at": pl.int_range(len(rows), dtype=pl.Int64, eager=True)})
    return places.join(pl.concat(found), on="at", how="left", maintain_order="left").select("rule", "note")
