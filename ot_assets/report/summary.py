"""The funnel of one artifact as a short markdown table, for Dagster's metadata and for cards.

Belongs here: a manifest's own figures in words. Contract: reads nothing but the manifest; None for an artifact whose
manifest has no steps. Text from specs is escaped for markdown. Never fails.
"""

from __future__ import annotations

from collections.abc import Sequence

from ot_assets.previews import cell
from ot_assets.report.funnel import StepRow, filter_steps, selection_steps
from resources.artifacts import Manifest


def summary(manifest: Manifest) -> str | None:
    """Steps with rows in, out and dropped, and where the whole picture is."""
    if manifest.asset == "filtered_set":
        steps = list(selection_steps(manifest.stats))
    elif manifest.asset == "training_set":
        steps = list(filter_steps(manifest.stats))
    else:
        return None
    if not steps:
        return None
    recipe = manifest.partition.get("recipe", "RECIPE")
    teacher = manifest.partition.get("teacher")
    command = f"ot report {recipe}" + (f" --teacher {teacher}" if teacher else "")
    return f"{_table(steps)}\n\nWith texts, charts and samples: `{command}`"


def _table(steps: Sequence[StepRow]) -> str:
    parts = len({step.part for step in steps}) > 1
    head = [*(["part"] if parts else []), "step", "rows in", "rows out", "dropped", "figures"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for step in steps:
        cells = [cell(step.part)] if parts else []
        cells += [cell(step.step), f"{step.rows_in:,}", f"{step.rows_out:,}", f"{step.dropped:,}", cell(step.told)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
